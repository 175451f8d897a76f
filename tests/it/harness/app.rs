//! The application behind the gate: records what it gets, connection by connection, and answers by script.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, read};

/// An application that listens until the end of the test.
pub struct App {
    /// How the settings name it.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: Mutex<Vec<Connection>>,
    changed: Condvar,
}

/// What came over one connection.
#[derive(Clone, Default)]
pub struct Connection {
    /// Every byte.
    pub bytes: Vec<u8>,
    /// How many whole requests the script has read from it.
    pub requests: usize,
    /// The other side has closed it, or the script is at its end.
    pub ended: bool,
}

impl Connection {
    /// The bytes as text, one letter each.
    pub fn text(&self) -> String {
        latin1(&self.bytes)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, ended: {}, {:?}", self.requests, self.ended, self.text())
    }
}

/// Bytes as text, one letter each.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

trait Stream: Read + Write + Send {
    fn close(&self, how: Shutdown);
    fn hold(&self) -> io::Result<()>;
    fn write_timeout(&self, limit: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn close(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
    fn hold(&self) -> io::Result<()> {
        self.set_nodelay(true)?;
        self.set_read_timeout(Some(3 * PATIENCE))
    }
    fn write_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(limit))
    }
}

impl Stream for UnixStream {
    fn close(&self, how: Shutdown) {
        let _ = self.shutdown(how);
    }
    fn hold(&self) -> io::Result<()> {
        self.set_read_timeout(Some(3 * PATIENCE))
    }
    fn write_timeout(&self, limit: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(limit))
    }
}

impl App {
    /// An application that does `script` on each connection.
    pub fn start(script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// The same on a socket that listens already.
    pub fn serve(listener: TcpListener, script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::accept(url, move || listener.accept().map(|(stream, _)| stream), script)
    }

    /// The same on a unix socket.
    pub fn start_unix(path: &Path, script: impl Fn(&mut Talk) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let url = format!("unix:{}", path.display());
        Self::accept(url, move || listener.accept().map(|(stream, _)| stream), script)
    }

    /// An application that gives every request the same answer.
    pub fn answering(answer: &'static str) -> Self {
        Self::start(move |talk| while talk.request().is_some() && talk.say(answer) {})
    }

    /// One that says `ok`.
    pub fn fine() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    }

    fn accept<S: Stream + 'static>(
        url: String,
        mut next: impl FnMut() -> io::Result<S> + Send + 'static,
        script: impl Fn(&mut Talk) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (script, to) = (Arc::new(script), Arc::clone(&shared));
        thread::spawn(move || {
            while let Ok(stream) = next() {
                stream.hold().unwrap();
                let number = {
                    let mut connections = to.connections.lock().unwrap();
                    connections.push(Connection::default());
                    connections.len() - 1
                };
                let mut talk =
                    Talk { stream: Box::new(stream), number, shared: Arc::clone(&to), unread: Vec::new() };
                let script = Arc::clone(&script);
                thread::spawn(move || {
                    script(&mut talk);
                    talk.note(|connection| connection.ended = true);
                });
            }
        });
        Self { url, shared }
    }

    /// Waits until the connections that carried anything are as `enough` wants them.
    pub fn wait(&self, what: &str, enough: impl Fn(&[Connection]) -> bool) -> Vec<Connection> {
        let end = Instant::now() + PATIENCE;
        let mut connections = self.shared.connections.lock().unwrap();
        loop {
            let used: Vec<Connection> =
                connections.iter().filter(|connection| !connection.bytes.is_empty()).cloned().collect();
            if enough(&used) {
                return used;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the application waits for {what}; it has {used:#?}");
            connections = self.shared.changed.wait_timeout(connections, left).unwrap().0;
        }
    }

    /// Whether the connections that carried anything are so now, for those who have to wait in another way.
    pub fn now(&self, so: impl Fn(&[Connection]) -> bool) -> bool {
        let connections = self.shared.connections.lock().unwrap();
        let used: Vec<Connection> =
            connections.iter().filter(|connection| !connection.bytes.is_empty()).cloned().collect();
        so(&used)
    }

    /// Waits until every connection has ended, which is when the server has. What all of them carried.
    pub fn ended(&self) -> Vec<Connection> {
        let end = Instant::now() + PATIENCE;
        let mut connections = self.shared.connections.lock().unwrap();
        while connections.iter().any(|connection| !connection.ended) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "a connection does not end: {connections:#?}");
            connections = self.shared.changed.wait_timeout(connections, left).unwrap().0;
        }
        connections.iter().filter(|connection| !connection.bytes.is_empty()).cloned().collect()
    }

    /// Waits until so many whole requests have come, and gives all bytes, connection by connection.
    pub fn got(&self, requests: usize) -> String {
        let enough = |connections: &[Connection]| {
            connections.iter().map(|connection| connection.requests).sum::<usize>() >= requests
        };
        self.wait("a request", enough).iter().map(Connection::text).collect()
    }
}

/// One connection as the script sees it.
pub struct Talk {
    stream: Box<dyn Stream>,
    /// Which connection it is, from 0, in the order in which they came.
    pub number: usize,
    shared: Arc<Shared>,
    unread: Vec<u8>,
}

/// One request, as it came.
pub struct Request {
    /// The head with its empty line.
    pub head: String,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Request {
    /// The request target.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

impl Talk {
    fn note(&self, change: impl FnOnce(&mut Connection)) {
        change(&mut self.shared.connections.lock().unwrap()[self.number]);
        self.shared.changed.notify_all();
    }

    /// Reads once. `false`: the other side has closed.
    pub fn read(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let count = read(&mut *self.stream, &mut piece).unwrap_or(0);
        self.unread.extend_from_slice(&piece[..count]);
        self.note(|connection| {
            connection.bytes.extend_from_slice(&piece[..count]);
            connection.ended |= count == 0;
        });
        count > 0
    }

    /// Reads so many bytes; `None`: the other side has closed before.
    pub fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            if !self.read() {
                return None;
            }
        }
        Some(self.unread.drain(..count).collect())
    }

    /// Reads up to and including `mark`.
    pub fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return self.bytes(at + mark.len());
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// Reads a request's head.
    pub fn head(&mut self) -> Option<String> {
        self.until(b"\r\n\r\n").map(|head| latin1(&head))
    }

    /// Reads a whole request.
    pub fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let lower = head.to_ascii_lowercase();
        let mut body = Vec::new();
        if lower.contains("\r\ntransfer-encoding: chunked\r\n") {
            loop {
                let line = latin1(&self.until(b"\r\n")?);
                let size =
                    usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size and nothing else");
                body.extend(self.bytes(size)?);
                assert_eq!(self.bytes(2)?, b"\r\n", "no trailers, and a line end behind each chunk");
                if size == 0 {
                    break;
                }
            }
        } else if let Some((_, rest)) = lower.split_once("\r\ncontent-length: ") {
            body = self.bytes(rest.split("\r\n").next()?.parse().expect("a length"))?;
        }
        self.note(|connection| connection.requests += 1);
        Some(Request { head, body })
    }

    /// Sends; `false`: nobody takes it any more.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// From now on [`Talk::say`] gives up when nothing is taken for so long.
    pub fn write_timeout(&mut self, limit: Duration) {
        self.stream.write_timeout(limit).unwrap();
    }

    /// Says no more.
    pub fn hang_up(&mut self) {
        self.stream.close(Shutdown::Write);
    }

    /// Reads until the other side closes.
    pub fn listen(&mut self) {
        while self.read() {}
    }
}
