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
        Finding::Unreadable => one("ask whoever runs that server"),
        Finding::PlainHttp => plain(place),
        Finding::KeyExposed(exposure) => vec![close(exposure)],
        Finding::NotYetValid { .. } => clock_or_renewal(place, origin),
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
            one("nothing for now; shorter lives are renewed by themselves with `innkeeper cert create`")
        }
        Finding::IgnoredWildcard { .. } => each_host(place, origin),
        Finding::BareName { above, .. } => with_name(above, place, origin).into_iter().take(1).collect(),
        Finding::NameMissing { name, .. } => with_name(&name.to_string(), place, origin),
        Finding::OwnNamesMissing { names, instead } => own_names(names, instead.as_deref(), place, origin),
        Finding::SelfSigned { .. } => self_signed(place),
        Finding::OwnAuthority { name, sent, .. } => trust(name, *sent, place),
        Finding::MissingIntermediate { url, .. } => append(url, place),
        Finding::ChainOutOfDate { .. } | Finding::BrokenSignature { subject: Some(_), .. } => {
            one("take the chain anew from whoever signed the certificate")
        }
        Finding::ForgedLink { .. } => {
            one("take both from the same place: that authority has been made anew since, with the same name")
        }
        Finding::WrongOrder { order } => vec![sort(order)],
        Finding::Stray { .. } => one("take it out of the file"),
        Finding::RootSent { .. } => one("take it out of the file to send a little less; it does no harm"),
        Finding::OldProtocols { .. } | Finding::NoModernProtocol => {
            one("set that server to TLS 1.2 and 1.3; Innkeeper takes no others")
        }
    }
}

fn one(fix: &str) -> Vec<String> {
    vec![fix.to_owned()]
}

fn clock_or_renewal(place: &Place, origin: Origin) -> Vec<String> {
    let mut fixes = one("see whether the clock of this computer is right: `date`");
    fixes.extend(renewal(place, origin));
    fixes
}

/// A certificate that is better than this one.
fn renewal(place: &Place, origin: Origin) -> Vec<String> {
    match (origin, place) {
        (Origin::Public, _) => one("renew it where it came from: for Let's Encrypt `certbot renew`"),
        (Origin::Own, Place::Files { .. }) => create(place, ""),
        (Origin::Own, Place::Port { .. }) => {
            one("make a new one on that computer: `innkeeper cert create --apply`")
        }
    }
}

fn create(place: &Place, what: &str) -> Vec<String> {
    vec![format!("make a new one{what}: `innkeeper cert create --apply{}`", place.flag())]
}

fn each_host(place: &Place, origin: Origin) -> Vec<String> {
    match origin {
        Origin::Public => one("name each host in the next one"),
        Origin::Own => create(place, ", which names each host"),
    }
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

fn self_signed(place: &Place) -> Vec<String> {
    match place {
        Place::Files { flag, .. } => vec![format!(
            "for one that devices can trust: `innkeeper cert create --apply{flag}`, then `innkeeper cert trust{flag}`"
        )],
        Place::Port { .. } => one("compare the fingerprint with that of the server before you go on"),
    }
}

/// For an authority that clients do not come with. `sent`: its certificate is in the file.
fn trust(name: &str, sent: bool, place: &Place) -> Vec<String> {
    if name.starts_with("Innkeeper") {
        return vec![format!("`innkeeper cert trust{}` says how, for each system", place.flag())];
    }
    let mut fixes = one("install the authority's certificate on each device");
    if !sent {
        fixes.push("if there is an authority between the two, append its certificate to the file".to_owned());
    }
    fixes
}

fn append(url: &str, place: &Place) -> Vec<String> {
    vec![
        format!("append it: `curl -s {} | openssl x509 -inform der >> {}`", quoted(url), place.cert()),
        "or use the file with the whole chain: Let's Encrypt calls it `fullchain.pem`".to_owned(),
    ]
}

fn sort(order: &[usize]) -> String {
    let numbers: Vec<String> = order.iter().map(ToString::to_string).collect();
    format!("put them in this order, each followed by the one that signed it: {}", numbers.join(", "))
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
