//! What is kept of a password, and whether another one is the same.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use scrypt::Params as ScryptParams;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;

use super::{NewPassword, Secret};
use crate::error::Error;

/// How a settings value begins that is a hash.
const ARGON2ID: &str = "$argon2id$";
/// The most memory that one Argon2 proof may take, in KiB: 1 GiB.
const MOST_MEMORY: u32 = 1 << 20;
/// The shortest Argon2 digest that is worth comparing, in bytes.
const SHORTEST_DIGEST: usize = 16;
/// The length of SillyTavern's scrypt digest, in bytes.
const SCRYPT_DIGEST: usize = 64;
/// The length of SillyTavern's salt, in characters.
const SCRYPT_SALT: usize = 24;
/// What a new Argon2id hash costs: memory in KiB, passes, lanes. The advice of OWASP's password storage cheat sheet.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// What is kept of a password. Nothing of it is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordHash {
    /// The password itself, as SillyTavern's `basicAuthUser` has it: it is compared byte for byte.
    Plain(Plain),
    /// Argon2id (RFC 9106) of the password in Unicode form NFC, from a PHC text.
    Argon2id(Box<Argon2id>),
    /// The hash of SillyTavern's accounts.
    Scrypt(Box<Scrypt>),
}

/// The digest of a password that stands in the settings as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain {
    /// SHA-256, only so that all are of one size.
    digest: [u8; 32],
}

/// The parts of `$argon2id$v=19$m=…,t=…,p=…$salt$digest`.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2id {
    version: u32,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

/// scrypt (RFC 7914) with N = 16384, r = 8, p = 1 over the password in Unicode form NFC. The salt is
/// base64, but its text is what is hashed, not the bytes that it stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Scrypt {
    salt: String,
    digest: [u8; SCRYPT_DIGEST],
}

impl PasswordHash {
    /// The hash of an account of SillyTavern's: `digest` is base64 of 64 bytes, `salt` a text.
    ///
    /// # Errors
    /// A digest that is anything else.
    pub fn scrypt(digest: &str, salt: &str) -> Result<Self, Error> {
        let digest = STANDARD.decode(digest).ok().and_then(|bytes| bytes.try_into().ok());
        let digest = digest.ok_or_else(|| Error::new("the password hash is not base64 of 64 bytes"))?;
        Ok(Self::Scrypt(Box::new(Scrypt { salt: salt.to_owned(), digest })))
    }

    /// The PHC text of an Argon2id hash of `password` in Unicode form NFC: what [`FromStr`] reads. `salt` is random.
    ///
    /// # Panics
    /// Never: the parameters are constants in range, and a password is no longer than 1 KiB.
    #[must_use]
    pub fn argon2id_text(password: &NewPassword, salt: &[u8; 16]) -> Secret {
        let (memory, passes, lanes) = COST;
        let params = Params::new(memory, passes, lanes, None).expect("constants in range");
        let salt = SaltString::encode_b64(salt).expect("16 bytes are a salt");
        let context = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = context.hash_password(composed(password.secret().expose()).as_bytes(), &salt);
        Secret::new(hash.expect("the parameters are in range").to_string())
    }

    /// A hash that costs what SillyTavern's cost, for a store that has none. Its claims fail in any case.
    pub(super) fn decoy() -> Self {
        Self::Scrypt(Box::new(Scrypt { salt: "=".repeat(SCRYPT_SALT), digest: [0; SCRYPT_DIGEST] }))
    }

    /// Does [`verify`](Self::verify) derive a key, for tens of milliseconds and some 16 MiB or more?
    #[must_use]
    pub const fn is_costly(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Argon2id(_) | Self::Scrypt(_) => true,
        }
    }

    /// How the password is kept, in words for its owner; nothing of the password.
    #[must_use]
    pub fn scheme(&self) -> String {
        match self {
            Self::Plain(_) => "plain text".to_owned(),
            Self::Argon2id(hash) => {
                format!("argon2id (m={}, t={}, p={})", hash.memory, hash.passes, hash.lanes)
            }
            Self::Scrypt(_) => "scrypt".to_owned(),
        }
    }

    /// Is it this password? In constant time for any two passwords of one length. An empty password is
    /// never right, whatever the settings say.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        let matches: bool = match self {
            Self::Plain(plain) => plain.digest.ct_eq(Sha256::digest(password).as_slice()).into(),
            Self::Argon2id(hash) => hash.verify(password),
            Self::Scrypt(hash) => hash.verify(password),
        };
        matches && !password.is_empty()
    }

    /// A digest of all of it: another one as soon as another password, salt or parameter is set.
    #[must_use]
    pub(super) fn digest(&self) -> [u8; 32] {
        let digest = Sha256::new();
        // Every part is of a fixed size or stands last, or its length stands before it.
        let digest = match self {
            Self::Plain(plain) => digest.chain_update(b"p").chain_update(plain.digest),
            Self::Argon2id(hash) => {
                let numbers = [hash.version, hash.memory, hash.passes, hash.lanes];
                let digest = numbers.iter().fold(digest.chain_update(b"a"), |digest, number| {
                    digest.chain_update(number.to_be_bytes())
                });
                let digest = digest.chain_update((hash.salt.len() as u64).to_be_bytes());
                digest.chain_update(&hash.salt).chain_update(&hash.digest)
            }
            Self::Scrypt(hash) => {
                digest.chain_update(b"s").chain_update(hash.digest).chain_update(&hash.salt)
            }
        };
        digest.finalize().into()
    }
}

impl Argon2id {
    fn verify(&self, password: &str) -> bool {
        let mut digest = vec![0; self.digest.len()];
        let hashed = self.context().is_some_and(|context| {
            context.hash_password_into(composed(password).as_bytes(), &self.salt, &mut digest).is_ok()
        });
        hashed && digest.ct_eq(&self.digest).into()
    }

    fn context(&self) -> Option<Argon2<'static>> {
        let version = Version::try_from(self.version).ok()?;
        let params = Params::new(self.memory, self.passes, self.lanes, Some(self.digest.len())).ok()?;
        Some(Argon2::new(Algorithm::Argon2id, version, params))
    }
}

impl Scrypt {
    fn verify(&self, password: &str) -> bool {
        scrypt_digest(password, &self.salt).ct_eq(&self.digest).into()
    }
}

/// The two texts that an account of SillyTavern's keeps of a password.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// `password`: base64 of the scrypt digest.
    pub digest: Secret,
    /// `salt`: base64 of 16 bytes, of which the text is hashed.
    pub salt: Secret,
}

impl Sealed {
    /// Derives the digest of `password` with 16 random bytes.
    #[must_use]
    pub fn new(password: &NewPassword, salt: &[u8; 16]) -> Self {
        let salt = STANDARD.encode(salt);
        let digest = STANDARD.encode(scrypt_digest(password.secret().expose(), &salt));
        Self { digest: Secret::new(digest), salt: Secret::new(salt) }
    }
}

fn scrypt_digest(password: &str, salt: &str) -> [u8; SCRYPT_DIGEST] {
    let params = ScryptParams::new(14, 8, 1, SCRYPT_DIGEST).expect("N = 2^14, r = 8, p = 1 are in range");
    let mut digest = [0; SCRYPT_DIGEST];
    scrypt::scrypt(composed(password).as_bytes(), salt.as_bytes(), &params, &mut digest)
        .expect("64 bytes are neither too few nor too many");
    digest
}

/// Keyboards differ in how they compose letters with marks; form NFC is what SillyTavern hashes.
fn composed(password: &str) -> String {
    password.nfc().collect()
}

/// A settings value: a text that begins with `$argon2id$` is a hash, anything else the password itself.
impl FromStr for PasswordHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.starts_with(ARGON2ID) {
            return Ok(Self::Plain(Plain { digest: Sha256::digest(text).into() }));
        }
        let hash = argon2id(text).map_err(|reason| {
            Error::new(format!("the password begins with `{ARGON2ID}`, but {reason}"))
                .hint("set it again: innkeeper auth set")
        })?;
        Ok(Self::Argon2id(Box::new(hash)))
    }
}

/// The parts of a PHC text, or what is wrong with it, without any of it in the words.
fn argon2id(text: &str) -> Result<Argon2id, &'static str> {
    let hash = argon2::PasswordHash::new(text).map_err(|_| "it is not a whole hash")?;
    let params = Params::try_from(&hash).map_err(|_| "its parameters cannot be read")?;
    if params.m_cost() > MOST_MEMORY {
        return Err("each login would take more than 1 GiB of memory");
    }
    if params.t_cost() > 64 || params.p_cost() > 64 {
        return Err("each login would take too long");
    }
    let mut salt = [0; 64];
    let salt = hash.salt.and_then(|text| text.decode_b64(&mut salt).ok()).ok_or("it has no salt")?;
    if salt.len() < argon2::MIN_SALT_LEN {
        return Err("its salt is too short");
    }
    let digest = hash.hash.ok_or("it has no digest")?;
    if digest.len() < SHORTEST_DIGEST {
        return Err("its digest is too short");
    }
    let parts = Argon2id {
        // A PHC text without a version is of the first one, 1.0.
        version: hash.version.unwrap_or(0x10),
        memory: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
        salt: salt.to_vec(),
        digest: digest.as_bytes().to_vec(),
    };
    parts.context().map(|_| ()).ok_or("its version or parameters are unknown")?;
    Ok(parts)
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(…)",
            Self::Argon2id(_) => "Argon2id(…)",
            Self::Scrypt(_) => "Scrypt(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test vector of the reference implementation: `password`, 256 KiB, two passes.
    const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    fn refusal(text: &str) -> String {
        text.parse::<PasswordHash>().unwrap_err().to_string()
    }

    #[test]
    fn a_plain_password_is_compared_exactly() {
        for text in ["word", "$2b$10$x", "$argon2i$x", " ", "p\u{e4}ss"] {
            let hash: PasswordHash = text.parse().unwrap();
            assert!(!hash.is_costly());
            assert!(hash.verify(text), "{text}");
            assert!(!hash.verify(&format!("{text}x")), "{text}");
        }
        let hash: PasswordHash = "p\u{e4}ss".parse().unwrap();
        assert!(!hash.verify("pa\u{308}ss"), "no normalisation");
    }

    #[test]
    fn argon2id_is_read_from_its_phc_text() {
        let hash: PasswordHash = HASH.parse().unwrap();
        assert!(hash.is_costly());
        assert!(hash.verify("password"));
        assert!(!hash.verify("Password"));
        assert!(!hash.verify(""));
    }

    #[test]
    fn scrypt_is_the_one_of_the_accounts() {
        // The vector is of `p\u{e4}ss` with the salt `AAAA`.
        let hash = PasswordHash::scrypt(
            "rNG/sH4FCJFVlVWW3t/YFK9/Cb3VbcalLujymjSrqojL10RLmOkOsF3a77Zv+5YtEkFlfmN0SgBcUv2zaoaxNw==",
            "AAAA",
        )
        .unwrap();
        assert!(hash.is_costly());
        assert!(hash.verify("p\u{e4}ss"));
        assert!(hash.verify("pa\u{308}ss"), "form NFC");
        assert!(!hash.verify("pass"));
        for digest in ["", "AAAA", "!"] {
            let error = PasswordHash::scrypt(digest, "AAAA").unwrap_err();
            assert_eq!(error.to_string(), "the password hash is not base64 of 64 bytes", "{digest}");
        }
    }

    #[test]
    fn what_is_made_proves_the_password_and_no_other() {
        let new = NewPassword::chosen("pa\u{308}ss \u{20ac}").unwrap();
        let text = PasswordHash::argon2id_text(&new, &[7; 16]);
        let (head, _) = text.expose().rsplit_once('$').unwrap();
        assert_eq!(head, "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw");
        assert_eq!(format!("{text:?}"), "…");
        let sealed = Sealed::new(&new, &[7; 16]);
        assert_eq!((sealed.digest.expose().len(), sealed.salt.expose()), (88, "BwcHBwcHBwcHBwcHBwcHBw=="));
        let scrypt = PasswordHash::scrypt(sealed.digest.expose(), sealed.salt.expose()).unwrap();
        let argon2id: PasswordHash = text.expose().parse().unwrap();
        for (hash, scheme) in [(argon2id, "argon2id (m=19456, t=2, p=1)"), (scrypt, "scrypt")] {
            assert!(hash.verify("p\u{e4}ss \u{20ac}"), "form NFC");
            assert!(!hash.verify("pass \u{20ac}"));
            assert_eq!(hash.scheme(), scheme);
        }
    }

    #[test]
    fn a_broken_hash_is_refused_and_not_taken_for_a_password() {
        let prefix = "the password begins with `$argon2id$`, but ";
        for (from, to, reason) in [
            (HASH, ARGON2ID, "it is not a whole hash"),
            ("m=256", "m=abc", "its parameters cannot be read"),
            ("m=256", "m=1", "its parameters cannot be read"),
            ("m=256", "m=2000000", "each login would take more than 1 GiB of memory"),
            ("t=2", "t=100", "each login would take too long"),
            ("v=19", "v=20", "its version or parameters are unknown"),
        ] {
            assert_eq!(refusal(&HASH.replace(from, to)), format!("{prefix}{reason}"), "{from} {to}");
        }
        let (bare, _) = HASH.rsplit_once('$').unwrap();
        assert_eq!(refusal(bare), format!("{prefix}it has no digest"));
        let (bare, _) = bare.rsplit_once('$').unwrap();
        assert_eq!(refusal(bare), format!("{prefix}it has no salt"));
        let hints = HASH.replace("t=2", "t=0").parse::<PasswordHash>().unwrap_err().hints().to_vec();
        assert_eq!(hints, ["set it again: innkeeper auth set"]);
    }

    #[test]
    fn any_change_has_another_digest() {
        let argon2id = [
            HASH.to_owned(),
            HASH.replace("m=256", "m=257"),
            HASH.replace("t=2", "t=3"),
            HASH.replace("v=19", "v=16"),
            HASH.replace("c29tZXNhbHQ", "c29tZXNhbHR0"),
            HASH.replace("nf65", "nf66"),
        ];
        let digest = STANDARD.encode([7; 64]);
        let scrypt = ["AAAA", "AAAB"].map(|salt| PasswordHash::scrypt(&digest, salt).unwrap());
        let mut digests: Vec<[u8; 32]> = argon2id
            .iter()
            .map(String::as_str)
            .chain(["word", "Word"])
            .map(|text| text.parse::<PasswordHash>().unwrap())
            .chain(scrypt)
            .map(|hash| hash.digest())
            .collect();
        assert_eq!(HASH.parse::<PasswordHash>().unwrap().digest(), digests[0]);
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn nothing_is_printed() {
        let hashes = ["canary".parse(), HASH.parse(), Ok(PasswordHash::decoy())];
        let printed = hashes.map(|hash: Result<PasswordHash, Error>| format!("{:?}", hash.unwrap()));
        assert_eq!(printed, ["Plain(…)", "Argon2id(…)", "Scrypt(…)"]);
    }
}
