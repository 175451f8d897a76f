//! By what people and programs tell one certificate from another.

use std::fmt;

use sha2::{Digest, Sha256};

/// What tells a certificate from every other one: SHA-256 of its DER, shown as browsers do, `3F:A0:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of the certificate in `der`.
    pub(super) fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Its first 16 digits in small letters, for names of files and the like.
    #[must_use]
    pub fn short(&self) -> String {
        self.0[..8].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// In two lines of eight groups, which are easier to compare than one long one: `3FA0 91C2 …`.
    #[must_use]
    pub fn lines(&self) -> [String; 2] {
        let group = |pair: &[u8]| format!("{:02X}{:02X}", pair[0], pair[1]);
        let groups: Vec<String> = self.0.chunks(2).map(group).collect();
        [groups[..8].join(" "), groups[8..].join(" ")]
    }
}

impl fmt::Display for Fingerprint {
    /// `3F:A0:91:…`, as openssl and browsers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&bytes.join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let fingerprint = Fingerprint(bytes);
        assert_eq!(
            fingerprint.to_string(),
            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
        );
        assert_eq!(fingerprint.short(), "0001020304050607");
        assert_eq!(
            fingerprint.lines(),
            ["0001 0203 0405 0607 0809 0A0B 0C0D 0E0F", "1011 1213 1415 1617 1819 1A1B 1C1D 1E1F"]
        );
    }
}
