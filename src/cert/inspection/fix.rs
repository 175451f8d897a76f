//! What to do about a finding: commands that work when pasted, the best first.

use super::Origin;
use super::finding::{Danger, Exposure, Finding, Limit};
use super::name::Name;
use crate::error::quoted;

/// Where the certificate came from, which decides what is to be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Files of this computer.
    Files {
        /// The certificate's.
        cert: String,
        /// The key's, if it was looked at.
        key: Option<String>,
        /// What finds the settings that name them: ` --config 'x'`, or nothing.
        flag: String,
    },
    /// What a server shows.
    Port {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
}

impl Place {
    /// As the first line calls it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Files { cert, .. } => cert.clone(),
            Self::Port { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Port { host, port } => format!("{host}:{port}"),
        }
    }

    fn flag(&self) -> &str {
        match self {
            Self::Files { flag, .. } => flag,
            Self::Port { .. } => "",
        }
    }

    /// The file of the certificate, as one word of a shell.
    fn cert(&self) -> String {
        match self {
            Self::Files { cert, .. } => word(cert),
            Self::Port { .. } => "cert.pem".to_owned(),
        }
    }
}

/// A file as one word of a shell, and never a flag.
fn word(file: &str) -> String {
    if file.starts_with('-') { quoted(&format!("./{file}")) } else { quoted(file) }
}

/// What to do about `finding`.
pub(super) fn of(finding: &Finding, place: &Place, origin: Origin) -> Vec<String> {
    match finding {
        Finding::Refused { error, .. } => error.hints().to_vec(),
        Finding::Unreadable => vec!["ask whoever runs that server".to_owned()],
        Finding::PlainHttp => plain(place),
        Finding::KeyExposed(exposure) => vec![close(exposure)],
        Finding::NotYetValid { .. } => {
            let mut fixes = vec!["see whether the clock of this computer is right: `date`".to_owned()];
            fixes.extend(renewal(place, origin));
            fixes
        }
        Finding::Expired { .. }
        | Finding::ExpiresSoon { .. }
        | Finding::LongLife { limit: Limit::Apple | Limit::Public, .. }
        | Finding::NoNames
        | Finding::CommonNameOnly { .. }
        | Finding::AddressAsName { .. }
        | Finding::ShortKey { .. }
        | Finding::OddKey { .. }
        | Finding::BrokenSignature { subject: None, .. }
        | Finding::OldVersion { .. }
        | Finding::NotForServers
        | Finding::UsageUnsaid
        | Finding::MayNotSign
        | Finding::AuthorityAsServer
        | Finding::BrokenPath { .. } => renewal(place, origin),
        Finding::LongLife { limit: Limit::Advised, .. } => {
            vec![
                "nothing for now; shorter lives are renewed by themselves with `innkeeper cert create`"
                    .to_owned(),
            ]
        }
        Finding::IgnoredWildcard { .. } => match origin {
            Origin::Public => vec!["name each host in the next one".to_owned()],
            Origin::Own => create(place, ", which names each host"),
        },
        Finding::BareName { above, .. } => with_name(above, place, origin).into_iter().take(1).collect(),
        Finding::NameMissing { name, .. } => with_name(&name.to_string(), place, origin),
        Finding::OwnNamesMissing { names, instead } => own_names(names, instead.as_deref(), place, origin),
        Finding::SelfSigned { .. } => match place {
            Place::Files { .. } => vec![format!(
                "for one that devices can trust: `innkeeper cert create --apply{flag}`, then `innkeeper cert trust{flag}`",
                flag = place.flag()
            )],
            Place::Port { .. } => {
                vec!["compare the fingerprint with that of the server before you go on".to_owned()]
            }
        },
        Finding::OwnAuthority { name, .. } if name.starts_with("Innkeeper") => {
            vec![format!("`innkeeper cert trust{}` says how, for each system", place.flag())]
        }
        Finding::OwnAuthority { sent, .. } => {
            let mut fixes = vec!["install the authority's certificate on each device".to_owned()];
            if !sent {
                fixes.push(
                    "if there is an authority between the two, append its certificate to the file".to_owned(),
                );
            }
            fixes
        }
        Finding::MissingIntermediate { url, .. } => vec![
            format!("append it: `curl -s {} | openssl x509 -inform der >> {}`", quoted(url), place.cert()),
            "or use the file with the whole chain: Let's Encrypt calls it `fullchain.pem`".to_owned(),
        ],
        Finding::ChainOutOfDate { .. } | Finding::BrokenSignature { subject: Some(_), .. } => {
            vec!["take the chain anew from whoever signed the certificate".to_owned()]
        }
        Finding::ForgedLink { .. } => vec![
            "take both from the same place: that authority has been made anew since, with the same name"
                .to_owned(),
        ],
        Finding::WrongOrder { order } => {
            let numbers: Vec<String> = order.iter().map(ToString::to_string).collect();
            vec![format!(
                "put them in this order, each followed by the one that signed it: {}",
                numbers.join(", ")
            )]
        }
        Finding::Stray { .. } => vec!["take it out of the file".to_owned()],
        Finding::RootSent { .. } => {
            vec!["take it out of the file to send a little less; it does no harm".to_owned()]
        }
        Finding::OldProtocols { .. } | Finding::NoModernProtocol => {
            vec!["set that server to TLS 1.2 and 1.3; Innkeeper takes no others".to_owned()]
        }
    }
}

/// A certificate that is better than this one.
fn renewal(place: &Place, origin: Origin) -> Vec<String> {
    match (origin, place) {
        (Origin::Public, _) => {
            vec!["renew it where it came from: for Let's Encrypt `certbot renew`".to_owned()]
        }
        (Origin::Own, Place::Files { .. }) => create(place, ""),
        (Origin::Own, Place::Port { .. }) => {
            vec!["make a new one on that computer: `innkeeper cert create --apply`".to_owned()]
        }
    }
}

fn create(place: &Place, what: &str) -> Vec<String> {
    vec![format!("make a new one{what}: `innkeeper cert create --apply{}`", place.flag())]
}

fn with_name(name: &str, place: &Place, origin: Origin) -> Vec<String> {
    let flag = place.flag();
    match origin {
        Origin::Public => vec![
            format!("get one that names `{name}` too, where this one came from"),
            format!("or one of your own: `innkeeper cert create --host {} --apply{flag}`", quoted(name)),
        ],
        Origin::Own => {
            vec![format!(
                "make one that names it: `innkeeper cert create --host {} --apply{flag}`",
                quoted(name)
            )]
        }
    }
}

fn own_names(names: &[Name], instead: Option<&str>, place: &Place, origin: Origin) -> Vec<String> {
    let mut fixes: Vec<String> =
        instead.map(|name| format!("type `https://{name}` where it is known")).into_iter().collect();
    if origin == Origin::Own {
        let names: Vec<String> = names.iter().map(|name| quoted(&name.to_string())).collect();
        let flag = place.flag();
        // By name: of its own accord it leaves some out.
        let new = format!("innkeeper cert create --host {} --apply{flag}", names.join(" "));
        fixes.insert(0, format!("make one that names them: `{new}`"));
    }
    fixes
}

fn close(exposure: &Exposure) -> String {
    let word = &exposure.word;
    match exposure.danger {
        Danger::EverybodyReads | Danger::GroupReads => format!("chmod 600 {word}"),
        Danger::OthersReplace => format!("chmod go-w {word}"),
    }
}

fn plain(place: &Place) -> Vec<String> {
    let mut fixes =
        vec!["for https there: `innkeeper cert create --apply`, which also sets `ssl.enabled`".to_owned()];
    if matches!(place, Place::Port { .. }) {
        fixes.push(format!("until then it is `http://{}`", place.name()));
    }
    fixes
}
