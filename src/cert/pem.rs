//! PEM (RFC 7468) as people keep it: with a byte order mark, any line ending, indented, with text around the
//! blocks.
//!
//! The reader of rustls skips an encrypted key without a word and knows neither the lines nor the labels that
//! an error has to name, so the blocks are found here.

use std::str;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::zeroize::Zeroizing;

use super::{Source, beside, quoted};
use crate::error::Error;

/// What the file was named for. The hints differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `ssl.certPath`.
    Certificate,
    /// `ssl.keyPath`.
    Key,
}

impl Wanted {
    /// As messages say it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
        }
    }

    /// The usual title of its block.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Certificate => "CERTIFICATE",
            Self::Key => "PRIVATE KEY",
        }
    }
}

/// What a block holds, by its title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// X.509.
    Certificate,
    /// A key in PKCS#8, RFC 5958.
    Pkcs8,
    /// The same, encrypted.
    EncryptedPkcs8,
    /// An RSA key in PKCS#1, RFC 8017.
    Pkcs1,
    /// An elliptic curve key in SEC1, RFC 5915.
    Sec1,
    /// A key in a form of its own (DSA, OpenSSH).
    OtherKey,
    /// Anything else: a request, parameters, a public key.
    Other,
}

impl Label {
    /// Whether this is a private key in any form.
    pub(super) fn is_key(self) -> bool {
        !matches!(self, Self::Certificate | Self::Other)
    }

    fn of(title: &str) -> Self {
        match title {
            // The second is what OpenSSL wrote long ago and still reads.
            "CERTIFICATE" | "X509 CERTIFICATE" => Self::Certificate,
            "PRIVATE KEY" => Self::Pkcs8,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedPkcs8,
            "RSA PRIVATE KEY" => Self::Pkcs1,
            "EC PRIVATE KEY" => Self::Sec1,
            other if other.ends_with("PRIVATE KEY") => Self::OtherKey,
            _ => Self::Other,
        }
    }
}

/// One block, not decoded yet.
pub(super) struct Block<'a> {
    /// What it holds.
    pub(super) label: Label,
    /// The words after `BEGIN`: capitals, digits, spaces and little else, safe to print.
    pub(super) title: &'a str,
    /// The line of its `BEGIN`, from 1.
    line: usize,
    body: Vec<&'a [u8]>,
}

impl Block<'_> {
    /// Whether it is encrypted in the way of OpenSSL before 1.0 (RFC 1421): header lines inside the block,
    /// and a key derived by one round of MD5.
    pub(super) fn has_encryption_header(&self) -> bool {
        self.body.iter().any(|line| line.starts_with(b"Proc-Type:") && line.ends_with(b"ENCRYPTED"))
    }

    /// The bytes within, wiped after use.
    ///
    /// # Errors
    ///
    /// What stands between the two lines is not base64.
    pub(super) fn decode(&self, source: Source<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
        // Given its full size at once: a vector that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(self.body.iter().map(|line| line.len()).sum()));
        // A line with a colon is a header, which base64 cannot be.
        for line in self.body.iter().filter(|line| !line.contains(&b':')) {
            text.extend_from_slice(line);
        }
        let damaged = |_| {
            let Self { title, line, .. } = self;
            Error::new(format!("`{}:{line}`: the block `{title}` is damaged: it is not base64", source.name))
                .hint("copy the file again")
        };
        STANDARD.decode(&*text).map(Zeroizing::new).map_err(damaged)
    }
}

/// All blocks of `source`, in its order. None is not an error here; `empty` adds the hints for a file without
/// a byte.
///
/// # Errors
///
/// An empty file, a binary one, one in UTF-16, a block without its end.
pub(super) fn read(
    source: Source<'_>,
    wanted: Wanted,
    empty: impl FnOnce(Error) -> Error,
) -> Result<Vec<Block<'_>>, Error> {
    let noun = wanted.noun();
    let text = source.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source.bytes);
    if text.trim_ascii().is_empty() {
        return Err(empty(Error::new(format!("the {noun} file `{}` is empty", source.name))));
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(Error::new(format!("the {noun} file `{}` is text in UTF-16", source.name))
            .hint("save it as UTF-8 or ASCII"));
    }
    if let Some(binary) = Binary::of(text) {
        return Err(binary.refusal(source, wanted));
    }
    blocks(text, source.name)
}

/// Whether a block with such a label lies in `source`. A file that cannot be read has none.
pub(super) fn contains(source: Source<'_>, wanted: impl Fn(Label) -> bool) -> bool {
    blocks(source.bytes, source.name).is_ok_and(|blocks| blocks.iter().any(|block| wanted(block.label)))
}

fn blocks<'a>(text: &'a [u8], name: &str) -> Result<Vec<Block<'a>>, Error> {
    // Lines end with LF or CR LF; with CR alone only where there is no LF.
    let end = if text.contains(&b'\n') { b'\n' } else { b'\r' };
    let mut found = Vec::new();
    let mut open: Option<Block<'a>> = None;
    for (index, line) in text.split(|byte| *byte == end).enumerate() {
        let line = line.trim_ascii();
        // A mark in front of the first line.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if let Some(title) = title(line, b"-----BEGIN ") {
            if let Some(block) = open {
                return Err(endless(&block, name));
            }
            open = Some(Block { label: Label::of(title), title, line: index + 1, body: Vec::new() });
        } else if let Some(title) = title(line, b"-----END ") {
            match open.take() {
                Some(block) if block.title != title => return Err(endless(&block, name)),
                Some(block) => found.push(block),
                // The end of nothing is text between the blocks.
                None => {}
            }
        } else if let Some(block) = &mut open {
            block.body.push(line);
        }
    }
    match open {
        Some(block) => Err(endless(&block, name)),
        None => Ok(found),
    }
}

/// The title of a boundary line, where `line` is one.
fn title<'a>(line: &'a [u8], opening: &[u8]) -> Option<&'a str> {
    let title = line.strip_prefix(opening)?.strip_suffix(b"-----")?;
    // RFC 7468 allows more, but nobody uses it, and a title is printed in errors.
    let plain = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'#' | b'.');
    title.iter().all(plain).then(|| str::from_utf8(title).ok())?
}

fn endless(block: &Block<'_>, name: &str) -> Error {
    let Block { title, line, .. } = block;
    Error::new(format!(
        "`{name}:{line}`: the block `{title}` is cut short: no line `-----END {title}-----` follows"
    ))
    .hint("copy the file again, whole")
}

/// What certificates and keys are kept in besides PEM.
#[derive(Clone, Copy)]
enum Binary {
    /// One certificate or key (`.der`, `.cer`).
    Der,
    /// Certificates and key together (`.p12`, `.pfx`), RFC 7292.
    Pkcs12,
}

impl Binary {
    /// By the first bytes: a DER sequence that says how long it is, in two bytes or more, or to the end of
    /// the file.
    fn of(bytes: &[u8]) -> Option<Self> {
        let [0x30, length, rest @ ..] = bytes else { return None };
        let content = match length {
            0x81..=0x84 => rest.get(usize::from(length - 0x80)..)?,
            _ if usize::from(*length) == rest.len() => rest,
            _ => return None,
        };
        // Only PKCS#12 begins with version 3.
        Some(if content.starts_with(&[2, 1, 3]) { Self::Pkcs12 } else { Self::Der })
    }

    fn refusal(self, source: Source<'_>, wanted: Wanted) -> Error {
        let (form, command) = match (self, wanted) {
            (Self::Der, Wanted::Certificate) => ("binary (DER)", "x509 -inform der"),
            (Self::Der, Wanted::Key) => ("binary (DER)", "pkey -inform der"),
            (Self::Pkcs12, Wanted::Certificate) => ("PKCS#12", "pkcs12 -nokeys"),
            (Self::Pkcs12, Wanted::Key) => ("PKCS#12", "pkcs12 -nocerts -nodes"),
        };
        Error::new(format!("`{}` is {form}, not PEM", source.name)).hint(format!(
            "convert it with `openssl {command} -in {} -out {}`, then name the new file",
            quoted(source.name),
            beside(source.name)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Source<'_> {
        Source { name: "some.pem", bytes }
    }

    fn refusal(bytes: &[u8], wanted: Wanted) -> (String, Vec<String>) {
        let error = read(source(bytes), wanted, |error| error).err().unwrap();
        (error.to_string(), error.hints().to_vec())
    }

    #[test]
    fn finds_blocks_with_their_titles_and_lines() {
        let text = b"hello\n-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n\n\
            -----BEGIN EC PRIVATE KEY-----\nAAEC\nAw==\n-----END EC PRIVATE KEY-----\n";
        let blocks = read(source(text), Wanted::Key, |error| error).unwrap();
        let found: Vec<_> = blocks.iter().map(|block| (block.label, block.title, block.line)).collect();
        assert_eq!(found, [(Label::Other, "EC PARAMETERS", 2), (Label::Sec1, "EC PRIVATE KEY", 6)]);
        assert_eq!(**blocks[1].decode(source(text)).unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn refuses_blocks_that_are_cut_short_or_damaged() {
        let cut =
            "`some.pem:2`: the block `PRIVATE KEY` is cut short: no line `-----END PRIVATE KEY-----` follows";
        let texts: [&[u8]; 3] = [
            b"\n-----BEGIN PRIVATE KEY-----\nAAEC\n",
            b"\n-----BEGIN PRIVATE KEY-----\nAAEC\n-----END CERTIFICATE-----\n",
            b"\n-----BEGIN PRIVATE KEY-----\nAAEC\n-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n",
        ];
        for text in texts {
            let expected = (cut.to_owned(), vec!["copy the file again, whole".to_owned()]);
            assert_eq!(refusal(text, Wanted::Key), expected);
        }

        let text = b"-----BEGIN PRIVATE KEY-----\nAA!C\n-----END PRIVATE KEY-----\n";
        let blocks = read(source(text), Wanted::Key, |error| error).unwrap();
        let error = blocks[0].decode(source(text)).unwrap_err();
        assert_eq!(error.to_string(), "`some.pem:1`: the block `PRIVATE KEY` is damaged: it is not base64");
    }

    #[test]
    fn refuses_binary_forms_with_the_command_that_converts_them() {
        let der = [&[0x30, 0x82, 0x01, 0x00][..], &[0x30; 256]].concat();
        let short = [0x30, 3, 2, 1, 0];
        let pkcs12 = [0x30, 0x82, 0x00, 0x03, 2, 1, 3];
        let cases: [(&[u8], Wanted, &str, &str); 5] = [
            (&der, Wanted::Certificate, "binary (DER)", "x509 -inform der"),
            (&der, Wanted::Key, "binary (DER)", "pkey -inform der"),
            (&short, Wanted::Key, "binary (DER)", "pkey -inform der"),
            (&pkcs12, Wanted::Certificate, "PKCS#12", "pkcs12 -nokeys"),
            (&pkcs12, Wanted::Key, "PKCS#12", "pkcs12 -nocerts -nodes"),
        ];
        for (bytes, wanted, form, command) in cases {
            let hint = format!(
                "convert it with `openssl {command} -in 'some.pem' -out 'some.pem.new'`, then name the new file"
            );
            assert_eq!(refusal(bytes, wanted), (format!("`some.pem` is {form}, not PEM"), vec![hint]));
        }
        // A zero is the same byte as the start of DER.
        assert!(read(source(b"0 is text"), Wanted::Key, |error| error).unwrap().is_empty());
    }

    #[test]
    fn refuses_utf16() {
        let expected = "the certificate file `some.pem` is text in UTF-16".to_owned();
        let hints = vec!["save it as UTF-8 or ASCII".to_owned()];
        assert_eq!(refusal(b"\xff\xfe-\0-\0", Wanted::Certificate), (expected, hints));
    }
}
