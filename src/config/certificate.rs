//! Certificates besides the first: what an entry of `innkeeper.ssl.certificates` is, and what is none.

use std::path::PathBuf;

use super::fault::{Fault, shortened};
use super::secret::Secret;
use super::tree::{Content, Node};

/// A certificate with its key, shown to those who ask for one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// `certPath`. As it was written; in [`Ssl`](super::Ssl) joined to the folder of the settings file.
    pub cert_path: PathBuf,
    /// `keyPath`, likewise.
    pub key_path: PathBuf,
    /// `keyPassphrase`; `None` when empty.
    pub key_passphrase: Option<Secret>,
}

/// The names of its fields.
const FIELDS: [&str; 3] = ["certPath", "keyPath", "keyPassphrase"];

impl Certificate {
    /// Reads one element of the list.
    pub(super) fn read(node: &Node) -> Result<Self, Box<Fault>> {
        let Content::Section(items) = &node.content else {
            return Err(Fault::new(node, "has to be a certificate with `certPath` and `keyPath`"));
        };
        let lacking = |what: String| {
            let mut fault = Fault::new(node, &what);
            fault.found.clear();
            fault.hint =
                Some("a certificate has `certPath` and `keyPath`, and may have `keyPassphrase`".into());
            fault
        };
        if let Some(unknown) = items.iter().find(|item| !FIELDS.contains(&item.name.as_str())) {
            return Err(lacking(format!("takes no `{}`", shortened(&unknown.name))));
        }
        let field = |name: &'static str| items.iter().find(|item| item.name == name).map(|item| &item.value);
        let path = |name: &'static str| {
            let node = field(name).ok_or_else(|| lacking(format!("has no `{name}`")))?;
            let path = node.text().filter(|text| !text.is_empty());
            path.map(PathBuf::from).ok_or_else(|| unfit(node, name, "a path"))
        };
        let (cert_path, key_path) = (path("certPath")?, path("keyPath")?);
        let passphrase = field("keyPassphrase")
            .map(|node| node.text().map(Secret::new).ok_or_else(|| unfit(node, "keyPassphrase", "text")));
        let key_passphrase = passphrase.transpose()?.filter(|passphrase| !passphrase.is_empty());
        Ok(Self { cert_path, key_path, key_passphrase })
    }
}

/// A field that holds something else than it takes.
fn unfit(node: &Node, field: &'static str, what: &str) -> Box<Fault> {
    let mut fault = Fault::new(node, &format!("takes {what} as `{field}`"));
    fault.field = Some(field);
    fault
}
