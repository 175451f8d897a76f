//! A name that somebody signs in with, as a digest: names are as long as a stranger likes, and what is counted by
//! them must not be.

use std::fmt;

use sha2::{Digest, Sha256};

/// The first 16 bytes of a name's SHA-256. A name that nobody has is a name as good as any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameDigest([u8; 16]);

impl NameDigest {
    /// That of `name`, byte for byte: names that differ in case are two.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(name).into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }
}

impl AsRef<[u8]> for NameDigest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Who was guessed at is nobody's business.
impl fmt::Debug for NameDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameDigest(…)")
    }
}
