//! The trust page: what a device has to get before it can have a connection that is worth it. So it is shown in clear
//! too, and says how to tell whether somebody has changed it on the way.

pub mod systems;

use bytes::Bytes;
use hyper::Response;
use hyper::http::HeaderValue;
use hyper::http::header;

use self::systems::{Obtained, System};
use super::page::{self, Guide, Page, escape_html};
use super::renewal;
use crate::cert::authority::{Fingerprint, Root};
use crate::cert::{Pair, Source};

/// Where the page stands. What it offers stands below.
pub const PATH: &str = "/.innkeeper/trust";

/// What the owner types to see the fingerprint.
const COMMAND: &str = "innkeeper cert trust";

/// The page and what it offers, for one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPages {
    authority: Root,
}

impl TrustPages {
    /// For a server that shows `pair`, with the bytes of the file `authority.pem` beside it. Nothing where the
    /// certificate in force is not from that authority, or the authority is none of ours: then no device gains by
    /// trusting it.
    #[must_use]
    pub fn of(pair: &Pair, authority: &[u8]) -> Option<Self> {
        let authority = Root::read(Source { name: "authority.pem", bytes: authority }).ok()?;
        authority.vouches_for(pair).then_some(Self { authority })
    }

    /// The authority that the page is about.
    #[must_use]
    pub fn authority(&self) -> &Root {
        &self.authority
    }

    /// The answer to a `GET` or `HEAD` of `path`, without a query, if it is one of the pages: the page itself, or the
    /// certificate as DER, PEM or a profile for Apple's systems.
    ///
    /// `host` is the name and port that the visitor came by, one of ours; `user_agent` and `accept` are the values of
    /// those fields. Goes out with a status of 200; the caller leaves the body out for `HEAD`.
    #[must_use]
    pub fn answer(
        &self,
        path: &str,
        host: &str,
        user_agent: Option<&[u8]>,
        accept: Option<&[u8]>,
    ) -> Option<Response<Bytes>> {
        Some(match path.strip_prefix(PATH)? {
            "" | "/" => self.page(host, user_agent, accept),
            // What Android and browsers know a certificate authority by.
            "/authority.crt" => download("application/x-x509-ca-cert", self.authority.der().to_vec()),
            "/authority.pem" => download("application/x-pem-file", self.authority.pem().into_bytes()),
            "/innkeeper.mobileconfig" => {
                download("application/x-apple-aspen-config", self.profile().into_bytes())
            }
            _ => return None,
        })
    }

    fn page(&self, host: &str, user_agent: Option<&[u8]>, accept: Option<&[u8]>) -> Response<Bytes> {
        let address = format!("http://{host}{PATH}");
        let user_agent = String::from_utf8_lossy(user_agent.unwrap_or_default());
        let name = self.authority.name();
        let guides: Vec<Guide> = System::of_visitor(&user_agent)
            .into_iter()
            .map(|system| Guide {
                system: system.title(),
                steps: system.steps(Obtained::Page(&address), name),
            })
            .collect();
        let fingerprint = self.authority.fingerprint().lines();
        let until = renewal::day(self.authority.until());
        let page = Page::Trust {
            authority: name,
            fingerprint: &fingerprint,
            until: &until,
            bounds: &self.authority.bounds().join(", "),
            command: COMMAND,
            host,
            guides: &guides,
        };
        page::render(&page, accept)
    }

    /// Apple's configuration profile with the one certificate, unsigned. The same authority is always the same
    /// profile, so that it can be installed twice and is there once.
    fn profile(&self) -> String {
        let fingerprint = self.authority.fingerprint();
        let [profile, payload] = identifiers(fingerprint);
        let mark = fingerprint.short();
        let name = escape_html(self.authority.name());
        let certificate = self.authority.base64();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>innkeeper.{mark}</string>
<key>PayloadUUID</key><string>{profile}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadOrganization</key><string>Innkeeper</string>
<key>PayloadDescription</key><string>Lets this device trust the server at home. SHA-256 fingerprint: {fingerprint}</string>
<key>PayloadContent</key>
<array>
<dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>innkeeper.{mark}.authority</string>
<key>PayloadUUID</key><string>{payload}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadCertificateFileName</key><string>authority.crt</string>
<key>PayloadContent</key>
<data>
{certificate}</data>
</dict>
</array>
</dict>
</plist>
"#
        )
    }
}

/// Two UUIDs of version 8 (RFC 9562, section 5.8) from the two halves of a fingerprint.
fn identifiers(fingerprint: Fingerprint) -> [String; 2] {
    let mut bytes = fingerprint.bytes();
    let (first, second) = bytes.split_at_mut(16);
    [first, second].map(|half| {
        half[6] = half[6] & 0x0f | 0x80;
        half[8] = half[8] & 0x3f | 0x80;
        let bits = half.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        let digits = format!("{bits:032X}");
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    })
}

fn download(media_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(page::MARK, HeaderValue::from_static("trust"));
    *response.body_mut() = Bytes::from(body);
    response
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use hyper::StatusCode;

    use super::*;
    use crate::cert::authority::{Authority, Issued, Name, Names};

    const IPHONE: &[u8] = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1";

    fn authority() -> Authority {
        let own = ["desk".parse::<Name>().unwrap()];
        Authority::create(&own, &[], UNIX_EPOCH + Duration::from_hours(498_731)).unwrap()
    }

    fn pair(authority: &Authority) -> Pair {
        let now = UNIX_EPOCH + Duration::from_hours(498_731);
        let Issued { certificate, key } = authority.issue(&Names::default(), now).unwrap();
        let source = |bytes| Source { name: "pair.pem", bytes };
        Pair::read(source(certificate.as_bytes()), source(key.as_bytes()), None).unwrap()
    }

    fn pages() -> TrustPages {
        let authority = authority();
        TrustPages::of(&pair(&authority), authority.root().pem().as_bytes()).unwrap()
    }

    fn text(response: &Response<Bytes>) -> &str {
        str::from_utf8(response.body()).unwrap()
    }

    #[test]
    fn only_for_a_certificate_of_our_own() {
        let (ours, other) = (authority(), authority());
        assert!(TrustPages::of(&pair(&ours), ours.root().pem().as_bytes()).is_some());
        assert!(TrustPages::of(&pair(&other), ours.root().pem().as_bytes()).is_none());
        for bytes in [&b""[..], b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(TrustPages::of(&pair(&ours), bytes).is_none());
        }
    }

    #[test]
    fn what_is_offered() {
        let pages = pages();
        let answer = |path: &str| pages.answer(path, "desk.local:8000", None, None);
        for (path, media_type) in [
            ("/.innkeeper/trust", "text/plain; charset=utf-8"),
            ("/.innkeeper/trust/", "text/plain; charset=utf-8"),
            ("/.innkeeper/trust/authority.crt", "application/x-x509-ca-cert"),
            ("/.innkeeper/trust/authority.pem", "application/x-pem-file"),
            ("/.innkeeper/trust/innkeeper.mobileconfig", "application/x-apple-aspen-config"),
        ] {
            let response = answer(path).unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let header = |name| response.headers()[name].to_str().unwrap();
            assert_eq!(header(header::CONTENT_TYPE), media_type);
            assert_eq!(header(header::CONTENT_LENGTH), response.body().len().to_string());
            assert_eq!(header(header::CACHE_CONTROL), "no-store");
            assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(header(page::MARK), "trust");
        }
        let der = answer("/.innkeeper/trust/authority.crt").unwrap();
        assert_eq!(der.body(), pages.authority().der());
        for path in [
            "/",
            "",
            "/.innkeeper",
            "/.innkeeper/trusted",
            "/.innkeeper/trust/authority.key",
            "/.innkeeper/trust/../",
            "/.innkeeper/trust//authority.crt",
            "/.innkeeper/Trust",
        ] {
            assert!(answer(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_page_in_a_browser() {
        let pages = pages();
        let html = Some(&b"text/html"[..]);
        let response = pages.answer(PATH, "desk.local:8000", Some(IPHONE), html).unwrap();
        let page = text(&response);
        let [first, second] = pages.authority().fingerprint().lines();
        for expected in [
            pages.authority().name(),
            &format!("{first} {second}"),
            "href=\"http://desk.local:8000/.innkeeper/trust/innkeeper.mobileconfig\"",
            "href=\"https://desk.local:8000/\"",
            "<code>innkeeper cert trust</code>",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        let at = |heading: &str| page.find(&format!("<h2>{heading}</h2>")).unwrap();
        assert!(at("iPhone and iPad") < at("Android") && at("Android") < at("Windows"));
        let android = pages.answer(PATH, "desk", Some(b"Linux; Android 15"), html).unwrap();
        assert!(text(&android).find("<h2>Android").unwrap() < text(&android).find("<h2>iPhone").unwrap());
    }

    #[test]
    fn the_profile_is_the_same_every_time() {
        let pages = pages();
        let profile = pages.profile();
        assert_eq!(profile, pages.profile());
        assert!(profile.contains(&format!("<data>\n{}</data>", pages.authority().base64())));
        assert!(profile.contains(&format!("<string>{}</string>", pages.authority().name())));
        let [outer, inner] = identifiers(pages.authority().fingerprint());
        assert_ne!(outer, inner);
        for identifier in [outer, inner] {
            let groups: Vec<usize> = identifier.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{identifier}");
            assert!(
                identifier[14..].starts_with('8') && "89AB".contains(&identifier[19..20]),
                "{identifier}"
            );
            assert!(profile.contains(&identifier));
        }
    }
}
