//! A client that sends raw bytes from an address of its choice and reads strictly.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use super::app::latin1;
use super::{Innkeeper, PATIENCE, read};

/// A connection to the server.
pub struct Client {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Status line and fields with the empty line, one letter for each byte.
    pub head: String,
    /// Without its framing.
    pub body: Vec<u8>,
}

/// How a connection came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// In order, after these bytes.
    Closed(String),
    /// By a reset, after these bytes.
    Reset(String),
}

/// The connection ended within an answer, of which so much was there. A server that says nothing while the connection
/// stays open is another failure, and panics where it is met.
#[derive(Debug)]
pub struct Cut {
    pub got: String,
    #[expect(dead_code, reason = "for the report of a test that has failed")]
    how: Ending,
}

/// What the client saw of the end.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Close,
    #[expect(dead_code, reason = "for the report of a test that has failed")]
    Failed(io::ErrorKind),
}

impl Answer {
    /// The value of a field; fails the test if there are two.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.head.split("\r\n").skip(1).filter_map(|line| {
            let (field, value) = line.split_once(": ")?;
            field.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{name} twice in {}", self.head);
        value
    }

    /// The body as text.
    pub fn text(&self) -> String {
        latin1(&self.body)
    }
}

impl Client {
    /// Connects from 127.0.0.1.
    pub fn of(server: &Innkeeper) -> Self {
        Self::from("127.0.0.1", server)
    }

    /// Connects from an address of the loopback network.
    pub fn from(source: &str, server: &Innkeeper) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let source: SocketAddr = format!("{source}:0").parse().unwrap();
        socket.bind(&source.into()).unwrap();
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], server.port)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: Vec::new() }
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the server takes of `bytes`: it may close before it has them all.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Says no more, and still listens.
    pub fn hang_up(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Asks for `target` with `GET`.
    pub fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: app.test\r\n\r\n"));
        self.answer()
    }

    /// Reads once; how many bytes came. Panics when nothing happens at all.
    fn read(&mut self) -> io::Result<usize> {
        let mut piece = vec![0; 64 * 1024];
        let count = match read(&mut self.stream, &mut piece) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                panic!("the server neither answers nor closes; it said {:?}", latin1(&self.unread))
            }
            Err(error) => return Err(error),
        };
        self.unread.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    /// Reads once, within an answer.
    fn read_on(&mut self) -> Result<(), Cut> {
        let how = match self.read() {
            Ok(1..) => return Ok(()),
            Ok(0) => Ending::Close,
            Err(error) => Ending::Failed(error.kind()),
        };
        Err(Cut { got: latin1(&std::mem::take(&mut self.unread)), how })
    }

    /// Reads so many bytes of whatever comes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert_ne!(self.read().unwrap(), 0, "the server closed after {:?}", latin1(&self.unread));
        }
        self.unread.drain(..count).collect()
    }

    /// Reads up to and including `mark`.
    pub fn until(&mut self, mark: &str) -> Result<String, Cut> {
        let mark = mark.as_bytes();
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return Ok(latin1(&self.bytes(at + mark.len())));
            }
            self.read_on()?;
        }
    }

    /// Reads the head of an answer.
    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n").unwrap()
    }

    /// Reads one answer.
    pub fn answer(&mut self) -> Answer {
        self.try_answer(true).unwrap()
    }

    /// Reads the answer to a `HEAD`.
    pub fn answer_to_head(&mut self) -> Answer {
        self.try_answer(false).unwrap()
    }

    /// Reads one answer, which may be cut off.
    pub fn try_answer(&mut self, with_body: bool) -> Result<Answer, Cut> {
        let head = self.until("\r\n\r\n")?;
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status line");
        let mut answer = Answer { status, head, body: Vec::new() };
        if !with_body || matches!(status, 100..=199 | 204 | 304) {
            return Ok(answer);
        }
        if let Some(coding) = answer.field("transfer-encoding") {
            assert_eq!(coding, "chunked");
            assert_eq!(answer.field("content-length"), None, "two lengths");
            loop {
                let size = usize::from_str_radix(self.until("\r\n")?.trim_end(), 16).expect("a chunk's size");
                let data = self.exactly(size + 2)?;
                answer.body.extend_from_slice(&data[..size]);
                assert_eq!(&data[size..], b"\r\n");
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        match answer.field("content-length") {
            Some(length) => answer.body = self.exactly(length.parse().expect("a length"))?,
            None => match self.end() {
                End::Closed(rest) => answer.body = rest.chars().map(|letter| letter as u8).collect(),
                End::Reset(got) => {
                    return Err(Cut { got, how: Ending::Failed(io::ErrorKind::ConnectionReset) });
                }
            },
        }
        Ok(answer)
    }

    fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Cut> {
        while self.unread.len() < count {
            self.read_on()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Reads until the server closes.
    pub fn end(&mut self) -> End {
        loop {
            match self.read() {
                Ok(0) => return End::Closed(latin1(&std::mem::take(&mut self.unread))),
                Ok(_) => {}
                Err(_) => return End::Reset(latin1(&std::mem::take(&mut self.unread))),
            }
        }
    }
}
