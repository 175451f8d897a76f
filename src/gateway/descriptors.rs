//! How many connections the system lets this process have.

/// Asks for as many file descriptors as the system allows at all. A shell begins with 1,024 of them, which a crowd that
/// begins handshakes and says no more would use up, to everybody's harm. What the system refuses stays as it is.
#[cfg(unix)]
pub fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Nothing has to be asked for.
#[cfg(not(unix))]
pub const fn raise_limit() {}
