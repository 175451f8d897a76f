//! A folder of files served over HTTP: what stands behind the door where there is no app.
//!
//! Only files inside the folder are ever sent, whatever the path or a symbolic link says; there is no listing.
//! All file work runs off the async workers, and a file is sent in pieces as fast as it is taken.

mod conditions;
mod path;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::http::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::Error;
use conditions::{Conditions, Outcome, Version};
use path::Target;

/// What is sent: the file's bytes, or nothing. Its error is that of reading the file on the way.
pub type Contents = BoxBody<Bytes, io::Error>;

/// The methods that a folder takes, as `Allow` lists them.
pub const ALLOW: &str = "GET, HEAD";

/// Why the folder has no answer of its own; the caller shows a page.
#[derive(Debug)]
pub enum Failure {
    /// 404: no such file, or none that may be shown.
    NotFound,
    /// 405: neither `GET` nor `HEAD`; see [`ALLOW`].
    MethodNotAllowed,
    /// 500: the file is there and cannot be read. For the log, not for the visitor.
    Unreadable(io::Error),
}

/// A folder that exists, by the name it has once all symbolic links are followed.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    /// What lies in it and is shown to nobody, without links.
    private: Arc<[PathBuf]>,
}

impl Folder {
    /// The folder at `root`.
    ///
    /// # Errors
    /// When there is nothing there, or something that is not a folder, or it may not be entered.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let shown = root.display();
        let canonical = root.canonicalize().map_err(|error| {
            Error::new(format!("cannot serve the folder `{shown}`"))
                .caused_by(error)
                .hint(format!("create it: `mkdir -p '{shown}'`"))
        })?;
        if !canonical.is_dir() {
            return Err(Error::new(format!("cannot serve `{shown}`: it is a file, not a folder"))
                .hint("name the folder that the file is in"));
        }
        Ok(Self { root: canonical, private: Arc::default() })
    }

    /// The same, but `paths`, and what lies below them, look as if they were not there: the owner's own files, should
    /// the folder hold them.
    #[must_use]
    pub fn without(self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        // What is not there yet may be made later, under the name that its folder has then.
        let real = |path: PathBuf| {
            path.canonicalize().or_else(|_| {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new(".")).canonicalize()?;
                Ok::<_, io::Error>(parent.join(path.file_name().unwrap_or_default()))
            })
        };
        Self { private: paths.into_iter().filter_map(|path| real(path).ok()).collect(), ..self }
    }

    /// Answers one request for `path`, as it was sent: percent-encoded, without the query.
    ///
    /// Files whose name begins with a dot are not shown, but for `/.well-known/` (RFC 8615). A folder shows its
    /// `index.html`; asked for without the last slash it redirects to itself with one, without a query.
    /// Preconditions and ranges follow RFC 9110 sections 13 and 14; several ranges at once are answered with
    /// the whole file, as section 14.2 allows. Browsers keep a copy, but ask each time whether it still holds.
    ///
    /// # Errors
    /// [`Failure`] says which page to show.
    pub async fn respond(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Contents>, Failure> {
        let with_body = match *method {
            Method::GET => true,
            Method::HEAD => false,
            _ => return Err(Failure::MethodNotAllowed),
        };
        let target = Target::parse(path).ok_or(Failure::NotFound)?;
        let conditions = Conditions::read(method, headers);
        let folder = self.clone();
        let now = SystemTime::now();
        spawn_blocking(move || answer(&folder, &target, &conditions, with_body, now))
            .await
            .map_err(|error| Failure::Unreadable(io::Error::other(error)))?
    }
}

/// The answer with the first piece of the file already read, so that a small file costs one trip to the
/// threads that may block.
fn answer(
    folder: &Folder,
    target: &Target,
    conditions: &Conditions,
    with_body: bool,
    now: SystemTime,
) -> Result<Response<Contents>, Failure> {
    let found = match find(folder, target)? {
        Found::File(found) => found,
        Found::Folder => return Ok(redirect(&target.with_slash())),
    };
    let length = found.length;
    let version = Version::of(length, found.modified, now);
    let outcome = conditions.judge(&version, length);

    let mut response = Response::new(nothing());
    let headers = response.headers_mut();
    headers.insert(header::ETAG, version.tag());
    headers.extend(version.last_modified().map(|date| (header::LAST_MODIFIED, date)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let (status, start, size) = match outcome {
        Outcome::Whole => (StatusCode::OK, 0, length),
        Outcome::Part { first, last } => {
            headers.insert(header::CONTENT_RANGE, ascii(format!("bytes {first}-{last}/{length}")));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Outcome::OutOfRange => {
            headers.insert(header::CONTENT_RANGE, ascii(format!("bytes */{length}")));
            return Ok(bare(response, StatusCode::RANGE_NOT_SATISFIABLE));
        }
        Outcome::Failed => return Ok(bare(response, StatusCode::PRECONDITION_FAILED)),
        Outcome::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(header::CONTENT_TYPE, media_type(&found.path));
    *response.status_mut() = status;
    if with_body {
        *response.body_mut() = contents(found.file, start, size).map_err(Failure::Unreadable)?;
    }
    Ok(response)
}

/// An answer that has no representation of the file, and so none of its headers but what tells its state.
fn bare(mut response: Response<Contents>, status: StatusCode) -> Response<Contents> {
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// 308 to `location`, which is written anew from the decoded path and begins with one slash only, so it can
/// lead nowhere but to this server. Not stored: the folder may become a file.
fn redirect(location: &str) -> Response<Contents> {
    let mut response = Response::new(nothing());
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, ascii(location.to_owned()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    bare(response, StatusCode::PERMANENT_REDIRECT)
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and percent-encoded text are printable ASCII")
}

/// What the file's name says it is. Text is taken for UTF-8; nothing is guessed from the bytes.
fn media_type(path: &Path) -> HeaderValue {
    let guess = mime_guess::from_path(path).first_or_octet_stream();
    let text = guess.type_() == mime_guess::mime::TEXT || guess.subtype() == mime_guess::mime::JAVASCRIPT;
    let charset = if text && guess.get_param("charset").is_none() { "; charset=utf-8" } else { "" };
    ascii(format!("{guess}{charset}"))
}

// ---- Finding the file ----

enum Found {
    /// A folder that was asked for without its last slash.
    Folder,
    File(FoundFile),
}

struct FoundFile {
    file: File,
    /// The name it really has.
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

/// Opens what `target` names, if it may be shown. What exists and may not be shown looks like what does not.
fn find(folder: &Folder, target: &Target) -> Result<Found, Failure> {
    let path = inside(folder, &target.below(&folder.root))?;
    let kind = path.metadata().map_err(failure)?;
    let path = match (kind.is_dir(), target.is_folder()) {
        (true, false) => return Ok(Found::Folder),
        (true, true) => inside(folder, &path.join("index.html"))?,
        (false, false) => path,
        (false, true) => return Err(Failure::NotFound),
    };
    // Looked at before it is opened: opening a pipe would wait for its other end, opening a device could act.
    if !path.metadata().map_err(failure)?.is_file() {
        return Err(Failure::NotFound);
    }
    let file = File::open(&path).map_err(failure)?;
    let metadata = file.metadata().map_err(failure)?;
    // Between the look and the opening a link may have been put in the way, so the open file is asked as well.
    if !metadata.is_file() || !is_shown(folder, &whereabouts(&file, &path).map_err(failure)?) {
        return Err(Failure::NotFound);
    }
    Ok(Found::File(FoundFile { file, path, length: metadata.len(), modified: metadata.modified().ok() }))
}

/// `path` with all symbolic links followed, if what it leads to may be shown.
fn inside(folder: &Folder, path: &Path) -> Result<PathBuf, Failure> {
    let real = path.canonicalize().map_err(failure)?;
    if is_shown(folder, &real) { Ok(real) } else { Err(Failure::NotFound) }
}

/// Whether `real`, which has no links in it, is inside the folder and nothing on the way down is hidden or private.
fn is_shown(folder: &Folder, real: &Path) -> bool {
    let Ok(below) = real.strip_prefix(&folder.root) else { return false };
    if folder.private.iter().any(|private| real.starts_with(private) || is_part_of(real, private)) {
        return false;
    }
    below.iter().enumerate().all(|(depth, name)| path::may_be_shown(&name.to_string_lossy(), depth == 0))
}

/// Whether `real` is an old part or a copy of the private file `private`: `audit.jsonl.1.gz` of `audit.jsonl`.
fn is_part_of(real: &Path, private: &Path) -> bool {
    let (Some(name), Some(whole)) = (real.file_name(), private.file_name()) else { return false };
    let ending = name.as_encoded_bytes().strip_prefix(whole.as_encoded_bytes());
    ending.is_some_and(|ending| ending.starts_with(b".")) && real.parent() == private.parent()
}

/// The name of an open file as the system knows it, where the system tells; else what its name leads to now.
fn whereabouts(file: &File, path: &Path) -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        if let Ok(real) = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            return Ok(real);
        }
    }
    let _ = file;
    path.canonicalize()
}

fn failure(error: io::Error) -> Failure {
    use io::ErrorKind as Kind;
    match error.kind() {
        // A path through a file, a loop of links and a name that is too long name nothing, either.
        Kind::NotFound | Kind::NotADirectory | Kind::InvalidFilename | Kind::InvalidInput => {
            Failure::NotFound
        }
        _ if is_loop(&error) => Failure::NotFound,
        _ => Failure::Unreadable(error),
    }
}

/// Whether links lead in a circle, for which the standard library has no stable kind yet.
fn is_loop(error: &io::Error) -> bool {
    const ELOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };
    cfg!(unix) && error.raw_os_error() == Some(ELOOP)
}

// ---- Sending it ----

/// How much is read at a time. What is not larger is sent in one piece.
const PIECE: u64 = 64 * 1024;

fn nothing() -> Contents {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn contents(mut file: File, start: u64, size: u64) -> io::Result<Contents> {
    if start > 0 {
        file.seek(SeekFrom::Start(start))?;
    }
    let first = read_piece(&mut file, size)?;
    let left = size - first.len() as u64;
    if left == 0 {
        return Ok(Full::new(first).map_err(|never| match never {}).boxed());
    }
    Ok(Pieces { left: size, state: State::Ready(file, first) }.boxed())
}

/// The next piece of a file that has `left` more bytes to send. A file that has become shorter is an error:
/// the connection must break then, for the length is promised already.
fn read_piece(file: &mut File, left: u64) -> io::Result<Bytes> {
    let size = left.min(PIECE);
    let mut piece = Vec::with_capacity(usize::try_from(size).map_err(io::Error::other)?);
    file.take(size).read_to_end(&mut piece)?;
    if (piece.len() as u64) < size {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter while it was sent",
        ));
    }
    Ok(piece.into())
}

/// A file on its way. The next piece is read only once the last one was taken.
struct Pieces {
    /// Bytes not yet handed over.
    left: u64,
    state: State,
}

enum State {
    Ready(File, Bytes),
    Resting(File),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    Done,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(file, piece) => {
                    self.left -= piece.len() as u64;
                    if self.left > 0 {
                        self.state = State::Resting(file);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                State::Resting(mut file) => {
                    let left = self.left;
                    self.state = State::Reading(spawn_blocking(move || {
                        let piece = read_piece(&mut file, left)?;
                        Ok((file, piece))
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    match read.map_err(io::Error::other).flatten() {
                        Ok((file, piece)) => self.state = State::Ready(file, piece),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// 2001-09-09 01:46:40 and a bit: old enough to be a strong date.
    const CHANGED: Duration = Duration::new(1_000_000_000, 123_456_789);
    const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    /// Length 10 (`a`) and the nanoseconds of `CHANGED`, in hexadecimal.
    const TAG: &str = "\"a-de0b6b3aebfcd15\"";

    /// `site` is served; what lies beside it must never be seen.
    fn site() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + CHANGED).unwrap();
        };
        write("secret.txt", b"secret");
        write("site-two/secret.txt", b"secret");
        write("site/index.html", b"<p>front</p>");
        write("site/digits.txt", b"0123456789");
        write("site/empty.css", b"");
        write("site/app.js", b"1");
        write("site/data.json", b"{}");
        write("site/blob", b"?");
        write("site/a b/index.html", b"<p>a b</p>");
        write("site/bare/page.html", b"bare");
        write("site/.env", b"secret");
        write("site/.git/config", b"secret");
        write("site/.well-known/security.txt", b"mail me");
        write("site/.well-known/.hidden", b"secret");
        write("site/bare/.well-known/x", b"secret");
        let folder = Folder::open(&dir.path().join("site")).unwrap();
        (dir, folder)
    }

    struct Answer {
        status: u16,
        headers: HeaderMap,
        body: Vec<u8>,
    }

    impl Answer {
        fn header(&self, name: &str) -> Option<&str> {
            self.headers.get(name).map(|value| value.to_str().unwrap())
        }
    }

    async fn ask(folder: &Folder, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                hyper::http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        match folder.respond(&method, path, &map).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let body = body.collect().await.unwrap().to_bytes().to_vec();
                Answer { status: head.status.as_u16(), headers: head.headers, body }
            }
            Err(failure) => {
                let status = match failure {
                    Failure::NotFound => 404,
                    Failure::MethodNotAllowed => 405,
                    Failure::Unreadable(_) => 500,
                };
                Answer { status, headers: HeaderMap::new(), body: Vec::new() }
            }
        }
    }

    #[tokio::test]
    async fn files_and_folders() {
        let (_dir, folder) = site();
        for (path, status, media_type, body) in [
            ("/", 200, "text/html; charset=utf-8", "<p>front</p>"),
            ("/index.html", 200, "text/html; charset=utf-8", "<p>front</p>"),
            ("/digits.txt", 200, "text/plain; charset=utf-8", "0123456789"),
            ("/digits%2Etxt", 200, "text/plain; charset=utf-8", "0123456789"),
            ("/empty.css", 200, "text/css; charset=utf-8", ""),
            ("/app.js", 200, "text/javascript; charset=utf-8", "1"),
            ("/data.json", 200, "application/json", "{}"),
            ("/blob", 200, "application/octet-stream", "?"),
            ("/a%20b/", 200, "text/html; charset=utf-8", "<p>a b</p>"),
            ("/.well-known/security.txt", 200, "text/plain; charset=utf-8", "mail me"),
            ("/bare/", 404, "", ""),
            ("/none", 404, "", ""),
            ("/none/", 404, "", ""),
            ("/digits.txt/", 404, "", ""),
            ("/digits.txt/more", 404, "", ""),
        ] {
            let answer = ask(&folder, Method::GET, path, &[]).await;
            assert_eq!(answer.status, status, "`{path}`");
            assert_eq!(answer.header("content-type").unwrap_or_default(), media_type, "`{path}`");
            assert_eq!(String::from_utf8(answer.body).unwrap(), body, "`{path}`");
        }
    }

    #[tokio::test]
    async fn the_head_of_a_file() {
        let (_dir, folder) = site();
        let expected = [
            ("accept-ranges", "bytes"),
            ("cache-control", "private, no-cache"),
            ("content-length", "10"),
            ("content-type", "text/plain; charset=utf-8"),
            ("etag", TAG),
            ("last-modified", DATE),
            ("x-content-type-options", "nosniff"),
        ];
        for (method, body) in [(Method::GET, "0123456789"), (Method::HEAD, "")] {
            let answer = ask(&folder, method, "/digits.txt", &[]).await;
            let mut headers: Vec<_> =
                answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            headers.sort_unstable();
            assert_eq!(headers, expected);
            assert_eq!(answer.body, body.as_bytes());
        }
    }

    #[tokio::test]
    async fn only_get_and_head() {
        let (_dir, folder) = site();
        for method in
            [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT]
        {
            // Before the path is looked at: the answer tells nothing about it.
            assert_eq!(ask(&folder, method.clone(), "/digits.txt", &[]).await.status, 405, "{method}");
            assert_eq!(ask(&folder, method.clone(), "/none", &[]).await.status, 405, "{method}");
        }
    }

    #[tokio::test]
    async fn folders_get_their_slash() {
        let (_dir, folder) = site();
        for (path, location) in
            [("/a%20b", "/a%20b/"), ("/%62are", "/bare/"), ("/.well-known", "/.well-known/")]
        {
            for method in [Method::GET, Method::HEAD] {
                let answer = ask(&folder, method, path, &[]).await;
                assert_eq!(answer.status, 308, "`{path}`");
                assert_eq!(answer.header("location"), Some(location));
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert_eq!(answer.header("content-length"), Some("0"));
            }
        }
    }

    /// Status, `Content-Range` and body.
    type Expected = (u16, Option<&'static str>, &'static str);

    #[tokio::test]
    async fn ranges_and_conditions() {
        let (_dir, folder) = site();
        let weak = format!("W/{TAG}");
        let several = format!("\"x,y\", {weak}, \"z\"");
        let later = "Sun, 09 Sep 2001 01:46:41 GMT";
        let earlier = "Sun, 09 Sep 2001 01:46:39 GMT";
        let whole = (200, None, "0123456789");
        let unchanged = (304, None, "");
        let failed = (412, None, "");
        let beyond = (416, Some("bytes */10"), "");
        let part = (206, Some("bytes 2-4/10"), "234");
        let range = ("range", "bytes=2-4");
        let table: &[(&[(&str, &str)], Expected)] = &[
            // One range.
            (&[range], part),
            (&[("range", "BYTES=2-4")], part),
            (&[("range", "bytes= 2-4 ,")], part),
            (&[("range", "bytes=0-0")], (206, Some("bytes 0-0/10"), "0")),
            (&[("range", "bytes=7-")], (206, Some("bytes 7-9/10"), "789")),
            (&[("range", "bytes=-3")], (206, Some("bytes 7-9/10"), "789")),
            (&[("range", "bytes=-99")], (206, Some("bytes 0-9/10"), "0123456789")),
            (&[("range", "bytes=8-99")], (206, Some("bytes 8-9/10"), "89")),
            (&[("range", "bytes=8-99999999999999999999999")], (206, Some("bytes 8-9/10"), "89")),
            (&[("range", "bytes=10-")], beyond),
            (&[("range", "bytes=10-11")], beyond),
            (&[("range", "bytes=99999999999999999999999-")], beyond),
            (&[("range", "bytes=-0")], beyond),
            // Not one range: the whole file.
            (&[("range", "bytes=0-1,3-4")], whole),
            (&[("range", "bytes=4-2")], whole),
            (&[("range", "bytes=")], whole),
            (&[("range", "bytes=-")], whole),
            (&[("range", "bytes=+1-2")], whole),
            (&[("range", "bytes=1 - 2")], whole),
            (&[("range", "bytes=1-2-3")], whole),
            (&[("range", "lines=1-2")], whole),
            (&[("range", "2-4")], whole),
            (&[range, range], whole),
            // If-Range.
            (&[range, ("if-range", TAG)], part),
            (&[range, ("if-range", DATE)], part),
            (&[range, ("if-range", &weak)], whole),
            (&[range, ("if-range", "\"other\"")], whole),
            (&[range, ("if-range", later)], whole),
            (&[range, ("if-range", "nonsense")], whole),
            (&[("range", "bytes=99-"), ("if-range", "\"other\"")], whole),
            (&[("if-range", TAG)], whole),
            // If-None-Match, which goes before If-Modified-Since and before the range.
            (&[("if-none-match", TAG)], unchanged),
            (&[("if-none-match", &weak)], unchanged),
            (&[("if-none-match", &several)], unchanged),
            (&[("if-none-match", "\"other\""), ("if-none-match", TAG)], unchanged),
            (&[("if-none-match", "*")], unchanged),
            (&[("if-none-match", "\"other\"")], whole),
            (&[("if-none-match", "other, *")], whole),
            (&[("if-none-match", "")], whole),
            (&[("if-none-match", "\"other\""), ("if-modified-since", later)], whole),
            (&[("if-none-match", TAG), range], unchanged),
            (&[("if-none-match", "\"other\""), range], part),
            // If-Modified-Since.
            (&[("if-modified-since", DATE)], unchanged),
            (&[("if-modified-since", later)], unchanged),
            (&[("if-modified-since", earlier)], whole),
            (&[("if-modified-since", "yesterday")], whole),
            (&[("if-modified-since", DATE), ("if-modified-since", DATE)], whole),
            // If-Match, strong, which goes before If-Unmodified-Since.
            (&[("if-match", TAG)], whole),
            (&[("if-match", "*"), range], part),
            (&[("if-match", &weak)], failed),
            (&[("if-match", "\"other\"")], failed),
            (&[("if-match", TAG), ("if-unmodified-since", earlier)], whole),
            (&[("if-match", TAG), ("if-none-match", TAG)], unchanged),
            (&[("if-match", "\"other\""), ("if-none-match", TAG)], failed),
            (&[("if-unmodified-since", DATE)], whole),
            (&[("if-unmodified-since", earlier)], failed),
            (&[("if-unmodified-since", "yesterday")], whole),
        ];
        for (headers, (status, content_range, body)) in table {
            let answer = ask(&folder, Method::GET, "/digits.txt", headers).await;
            assert_eq!(answer.status, *status, "{headers:?}");
            assert_eq!(answer.header("content-range"), *content_range, "{headers:?}");
            assert_eq!(String::from_utf8(answer.body.clone()).unwrap(), *body, "{headers:?}");
            let length = answer.body.len().to_string();
            let expected = if *status == 304 { None } else { Some(length.as_str()) };
            assert_eq!(answer.header("content-length"), expected, "{headers:?}");
            assert_eq!(answer.header("etag"), Some(TAG), "{headers:?}");
            assert_eq!(answer.header("content-type").is_some(), matches!(status, 200 | 206), "{headers:?}");
        }
    }

    #[tokio::test]
    async fn a_head_knows_no_ranges() {
        let (_dir, folder) = site();
        let answer = ask(&folder, Method::HEAD, "/digits.txt", &[("range", "bytes=99-")]).await;
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("10")));
        let answer = ask(&folder, Method::HEAD, "/digits.txt", &[("if-none-match", TAG)]).await;
        assert_eq!(answer.status, 304);
    }

    #[tokio::test]
    async fn no_range_of_an_empty_file() {
        let (_dir, folder) = site();
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let answer = ask(&folder, Method::GET, "/empty.css", &[("range", range)]).await;
            assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */0")), "{range}");
        }
    }

    #[tokio::test]
    async fn nothing_outside_and_nothing_hidden() {
        let (_dir, folder) = site();
        let mut paths: Vec<String> = [
            "/.env",
            "/%2eenv",
            "/.git/config",
            "/.git",
            "/.git/",
            "/.well-known/.hidden",
            "/bare/.well-known/x",
            "/../secret.txt",
            "/../site-two/secret.txt",
            "/-two/secret.txt",
            "//secret.txt",
            "/secret.txt",
            "../secret.txt",
            "/bare/../digits.txt",
            "/bare/./page.html",
            "/bare//page.html",
            "/digits.txt%00",
            "/digits.txt%00.html",
            "/DIGITS.TXT%20",
            "/file:///etc/passwd",
            "/c:/windows/win.ini",
            "",
            "*",
        ]
        .map(String::from)
        .into();
        let ups = [
            "..",
            "%2e%2e",
            ".%2e",
            "%2E.",
            "..;",
            "%252e%252e",
            "..%c0%af",
            "%c0%ae%c0%ae",
            "..%00",
            "%ff..",
            "....",
            "..%5c",
            "\u{2025}",
            "\u{ff0e}\u{ff0e}",
        ];
        let slashes = ["/", "%2f", "%2F", "\\", "%5c", "//", "/./", "%252f", "%c0%af", "\u{2215}", "/%00/"];
        for up in ups {
            for slash in slashes {
                for start in ["/", "/bare/", "/bare/x/../"] {
                    for times in 1..4 {
                        paths.push(format!("{start}{}secret.txt", format!("{up}{slash}").repeat(times)));
                        paths.push(format!("{start}{}etc/passwd", format!("{up}{slash}").repeat(times + 9)));
                    }
                }
            }
        }
        for path in &paths {
            let answer = ask(&folder, Method::GET, path, &[]).await;
            assert_eq!(answer.status, 404, "`{path}`");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_stay_inside() {
        use std::os::unix::fs::symlink;
        let (dir, folder) = site();
        let link = |to: &Path, name: &str| symlink(to, dir.path().join("site").join(name)).unwrap();
        link(Path::new("digits.txt"), "same.txt");
        link(&dir.path().join("site/a b"), "folder");
        link(Path::new("../secret.txt"), "out.txt");
        link(dir.path(), "up");
        link(Path::new("../site-two"), "sibling");
        link(Path::new("out.txt"), "chain.txt");
        link(Path::new(".env"), "env.txt");
        link(Path::new(".git"), "git");
        link(Path::new("loop"), "loop");
        link(Path::new("gone"), "gone.txt");
        link(Path::new("../../secret.txt"), "bare/index.html");
        let socket = std::os::unix::net::UnixListener::bind(dir.path().join("site/socket")).unwrap();
        for (path, status) in [
            ("/same.txt", 200),
            ("/folder/", 200),
            ("/folder/index.html", 200),
            ("/folder", 308),
            ("/out.txt", 404),
            ("/up/secret.txt", 404),
            ("/up/", 404),
            ("/up", 404),
            // The long way round comes back inside.
            ("/up/site/digits.txt", 200),
            ("/sibling/secret.txt", 404),
            ("/chain.txt", 404),
            ("/env.txt", 404),
            ("/git/config", 404),
            ("/loop", 404),
            ("/gone.txt", 404),
            ("/bare/", 404),
            ("/socket", 404),
        ] {
            assert_eq!(ask(&folder, Method::GET, path, &[]).await.status, status, "`{path}`");
        }
        drop(socket);
    }

    #[tokio::test]
    async fn names_too_long_are_not_found() {
        let (_dir, folder) = site();
        for path in [format!("/{}", "a".repeat(300)), "/a".repeat(3000)] {
            assert_eq!(ask(&folder, Method::GET, &path, &[]).await.status, 404);
        }
    }

    #[tokio::test]
    async fn large_files_come_in_pieces() {
        let (dir, folder) = site();
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        fs::write(dir.path().join("site/large.bin"), &content).unwrap();

        let answer = folder.respond(&Method::GET, "/large.bin", &HeaderMap::new()).await.unwrap();
        let mut body = answer.into_body();
        let (mut received, mut left) = (Vec::new(), body.size_hint().exact());
        assert_eq!(left, Some(800_000));
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() as u64 <= PIECE && !piece.is_empty());
            received.extend_from_slice(&piece);
            left = Some(left.unwrap() - piece.len() as u64);
            assert_eq!(body.size_hint().exact(), left);
        }
        assert!(body.is_end_stream());
        assert!(received == content);

        let range = [("range", "bytes=100001-300000")];
        let answer = ask(&folder, Method::GET, "/large.bin", &range).await;
        assert_eq!(answer.header("content-length"), Some("200000"));
        assert!(answer.body == content[100_001..=300_000]);
    }

    #[tokio::test]
    async fn a_file_cut_short_breaks_off() {
        let (dir, folder) = site();
        let path = dir.path().join("site/large.bin");
        fs::write(&path, vec![0; 200_000]).unwrap();
        let answer = folder.respond(&Method::GET, "/large.bin", &HeaderMap::new()).await.unwrap();
        fs::write(&path, vec![0; 100_000]).unwrap();
        let mut body = answer.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(body.frame().await.is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_open_file_tells_where_it_is() {
        let (dir, folder) = site();
        let link = dir.path().join("site/late.txt");
        std::os::unix::fs::symlink("../secret.txt", &link).unwrap();
        let file = File::open(&link).unwrap();
        // As if the link had been put there after the look at it.
        assert!(is_shown(&folder, &folder.root.join("late.txt")));
        assert!(!is_shown(&folder, &whereabouts(&file, &link).unwrap()));
    }

    #[test]
    fn only_folders_are_opened() {
        let (dir, _folder) = site();
        let missing = dir.path().join("none");
        let error = Folder::open(&missing).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot serve the folder `{}`", missing.display()));
        assert_eq!(error.hints(), [format!("create it: `mkdir -p '{}'`", missing.display())]);
        let file = dir.path().join("secret.txt");
        let error = Folder::open(&file).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot serve `{}`: it is a file, not a folder", file.display())
        );
    }
}
