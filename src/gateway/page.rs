//! What a person or a program sees when Innkeeper answers itself: refusals, sign-in, an app that is down.
//!
//! The words stand in `default/pages/*.html`, once each, and become HTML, plain text or JSON as the visitor's
//! `Accept` asks. Everything that came from outside is escaped for the form it is shown in. The pages load
//! nothing from elsewhere, are never stored, and name neither a version nor a user other than the visitor.

mod facts;
mod form;
mod sheet;
mod template;

use bytes::Bytes;
use hyper::Response;
use hyper::http::HeaderName;
use hyper::http::header::{self, HeaderMap, HeaderValue};

use form::{CONTENT_SECURITY_POLICY, Form};
pub(super) use template::escape_html;

use super::trust::systems;

/// The header that names the page, so that a waiting page can tell when the answer is no longer ours.
pub const MARK: HeaderName = HeaderName::from_static("x-innkeeper");

/// An answer of Innkeeper's own, with what it has to say. Texts may hold anything; they are escaped here.
///
/// A `command` is what the owner types; quoting it for a shell is the caller's part.
#[derive(Clone, Debug)]
pub enum Page<'a> {
    /// 403: the visitor's address may not come in.
    Refused {
        /// The address that would have to be listed, as Innkeeper sees it.
        address: &'a str,
        /// Why it may not.
        reason: Refusal<'a>,
        /// What lets it in, such as `innkeeper whitelist add 192.168.1.23`.
        command: Option<&'a str>,
        /// How the owner wants to be asked, in the owner's words.
        contact: Option<&'a str>,
    },
    /// 401: a name and a password are wanted. The same for a missing, wrong, unknown or disabled account.
    SignIn {
        /// What the password is for (RFC 7617 section 2), shown by some browsers.
        realm: &'a str,
    },
    /// The form in which a person signs in, in place of the browser's own dialog.
    SignInForm {
        /// Where it leads when the password is right: a path of this server.
        next: &'a str,
        /// Why it is shown, which decides its status.
        reason: Reason,
    },
    /// 200: the button by which a person signs out.
    SignOut {
        /// The visitor's own name, if they are signed in.
        user: Option<&'a str>,
    },
    /// 403: another website made the browser send this.
    CrossSite,
    /// 429: too many wrong passwords.
    TooManyAttempts {
        /// Seconds until the next try counts.
        retry_after_seconds: u64,
    },
    /// 403: the request's `Host` is none of ours.
    UnknownHost {
        /// The name that was asked for.
        host: &'a str,
        /// What makes the name known.
        command: Option<&'a str>,
    },
    /// 400: the request breaks HTTP's rules.
    Malformed {
        /// What is wrong with it, in a sentence or less.
        what: &'a str,
    },
    /// 502: the app refuses connections or cannot be reached.
    UpstreamDown {
        /// Where the app should be, without credentials.
        upstream: &'a str,
        /// What happened, such as `connection refused`.
        why: &'a str,
    },
    /// 504: the app took the request and sent nothing.
    UpstreamSilent {
        /// Where the app is, without credentials.
        upstream: &'a str,
        /// Seconds that Innkeeper waited.
        seconds: u64,
    },
    /// 503: a bounded queue is full.
    Busy {
        /// Seconds until another try makes sense.
        retry_after_seconds: u64,
    },
    /// 403: plain http where https is required. A caller that redirects sets its own status and `Location`.
    HttpsRequired {
        /// The same address with `https://`; a link only if it really begins so.
        url: &'a str,
    },
    /// 400: plain http on a port of https, from somebody who cannot be sent on.
    HttpsHere {
        /// What to open instead; not a link, as the host may be anybody's.
        address: &'a str,
    },
    /// 404: the folder has no such file.
    NotFound,
    /// 405: the method is not taken here.
    MethodNotAllowed {
        /// The methods that are, comma-separated (RFC 9110 section 10.2.1).
        allow: &'a str,
    },
    /// 431: the request's head is longer than the limit.
    HeadTooLarge,
    /// 500: a failure of ours, told in the log and not here.
    Broken,
    /// 200: how a device is told to trust the authority that the certificate is from.
    Trust {
        /// What the authority calls itself.
        authority: &'a str,
        /// By what it is told from others, in two lines.
        fingerprint: &'a [String; 2],
        /// The last day of its life.
        until: &'a str,
        /// What it may vouch for, comma-separated.
        bounds: &'a str,
        /// What shows the owner the fingerprint.
        command: &'a str,
        /// The name and port that the visitor came by.
        host: &'a str,
        /// How it is done, the visitor's own system first.
        guides: &'a [Guide],
    },
    /// 200: let in, but there is neither an app nor a folder behind the door.
    Welcome {
        /// The visitor's address, as Innkeeper sees it.
        address: &'a str,
        /// What was decided, such as `let in`.
        verdict: &'a str,
        /// The rule that decided, such as `config.yaml:41 192.168.1.*`.
        rule: Option<&'a str>,
        /// The visitor's own name, where one signed in.
        user: Option<&'a str>,
        /// The protocol's version, such as `HTTP/1.1`.
        protocol: &'a str,
        /// The encryption's version, such as `TLS 1.3`; nothing when the connection is in clear.
        tls: Option<&'a str>,
        /// What the owner can do next.
        next: &'a [Step<'a>],
    },
}

/// Why somebody sees the sign-in form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// 200: they asked for it.
    Asked,
    /// 401: what they asked for is for people who have signed in.
    Needed,
    /// 401: the name or the password is wrong. The same for an unknown and a disabled account.
    Wrong,
    /// 429: too many were wrong.
    TooManyAttempts {
        /// Seconds until the next try counts.
        retry_after_seconds: u64,
    },
    /// 503: too many people sign in at once.
    Busy {
        /// Seconds until another try makes sense.
        retry_after_seconds: u64,
    },
}

/// Why an address may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// It is on no list.
    Unlisted,
    /// It is on no list, and a trusted proxy passed the request on.
    Forwarded {
        /// The proxy's address.
        proxy: &'a str,
    },
    /// A peer that is not trusted as a proxy says that it speaks for another, so both must be listed.
    Claimed {
        /// The address in the header.
        claimed: &'a str,
    },
    /// It is the gateway of a container network, the one address of all devices behind it.
    ContainerGateway,
    /// A forwarded header cannot be read, so nobody can tell who asks.
    Unreadable {
        /// The header's value.
        header: &'a str,
    },
}

/// One thing to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// What it brings, such as `Put your app behind the door`.
    pub what: &'a str,
    /// What to type for it.
    pub command: &'a str,
}

/// How one system is told to trust an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// What it is called.
    pub system: &'static str,
    /// What to do, in order.
    pub steps: Vec<systems::Step>,
}

/// The whole answer: status, headers and a body in the form that `accept` (the value of the request's
/// `Accept`, RFC 9110 section 12.5.1) asks for. Without a preference it is plain text.
///
/// The answer to a `HEAD` is the same one; the caller leaves the body out.
#[must_use]
pub fn render(page: &Page<'_>, accept: Option<&[u8]>) -> Response<Bytes> {
    let sheet = page.sheet();
    let values = page.values();
    let form = Form::wanted(accept);
    let body = form.body(&sheet, &values);

    let mut response = Response::new(Bytes::new());
    *response.status_mut() = sheet.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(page.referrer_policy()));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    headers.insert(MARK, HeaderValue::from_static(sheet.name));
    page.add_headers(headers);
    *response.body_mut() = Bytes::from(body);
    response
}

/// Whether a page would be shown as HTML, which alone can hold a form.
#[must_use]
pub fn is_html_wanted(accept: Option<&[u8]>) -> bool {
    Form::wanted(accept) == Form::Html
}

impl Page<'_> {
    /// What the browser may tell of this page's address when it goes elsewhere. Without one it would not even say
    /// that a form was sent from this server (`Origin: null`, Fetch standard, "append a request Origin header").
    const fn referrer_policy(&self) -> &'static str {
        match self {
            Self::SignInForm { .. } | Self::SignOut { .. } => "same-origin",
            _ => "no-referrer",
        }
    }

    /// The headers that only some pages have.
    fn add_headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::SignIn { realm } => {
                headers.insert(header::WWW_AUTHENTICATE, challenge(realm));
            }
            Self::TooManyAttempts { retry_after_seconds }
            | Self::Busy { retry_after_seconds }
            | Self::SignInForm {
                reason: Reason::TooManyAttempts { retry_after_seconds } | Reason::Busy { retry_after_seconds },
                ..
            } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
            }
            Self::MethodNotAllowed { allow } => {
                // An `Allow` that cannot be written is no reason for a worse answer.
                headers.insert(
                    header::ALLOW,
                    HeaderValue::from_str(allow).unwrap_or(HeaderValue::from_static("")),
                );
            }
            _ => {}
        }
    }
}

/// The challenge of RFC 7617, its realm written as a quoted-string of RFC 9110 section 5.6.4. What a
/// quoted-string cannot hold everywhere (control characters, everything beyond ASCII) becomes `?`.
fn challenge(realm: &str) -> HeaderValue {
    let mut value = String::from("Basic realm=\"");
    for letter in realm.chars() {
        match letter {
            '"' | '\\' => value.extend(['\\', letter]),
            ' '..='~' => value.push(letter),
            _ => value.push('?'),
        }
    }
    value.push_str("\", charset=\"UTF-8\"");
    HeaderValue::try_from(value).expect("printable ASCII is a valid header value")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    pub(super) const BROWSER: &str =
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

    pub(super) fn body(page: &Page<'_>, accept: &str) -> String {
        String::from_utf8(render(page, Some(accept.as_bytes())).body().to_vec()).unwrap()
    }

    #[test]
    fn a_refusal_in_a_terminal() {
        let page = Page::Refused {
            address: "192.168.1.23",
            reason: Refusal::Forwarded { proxy: "127.0.0.1" },
            command: Some("innkeeper whitelist add 192.168.1.23"),
            contact: None,
        };
        let expected = "\
You are not on the list yet

This server opens only to the addresses that its owner has listed. Your address, which a proxy has passed on, is not on the list.

Your address: 192.168.1.23
Came through: 127.0.0.1

If you are a visitor, send the owner this address and ask to be let in.

If this is your server
Type this in a terminal on the machine that runs Innkeeper:

    innkeeper whitelist add 192.168.1.23

It counts at once; nothing has to be restarted.
";
        assert_eq!(body(&page, "*/*"), expected);
    }

    #[test]
    fn lists_and_steps_in_a_terminal() {
        let down = Page::UpstreamDown { upstream: "http://127.0.0.1:8000", why: "connection refused" };
        let expected = "\
The app is not answering

You have been let in, but the app behind this door is not running or cannot be reached.

App: http://127.0.0.1:8000
What happened: connection refused

If this is your server
- Start the app; if you just did, give it a moment.
- Check in the app's own output that it listens at http://127.0.0.1:8000.
- If it listens elsewhere, change the setting upstream of Innkeeper.
";
        assert_eq!(body(&down, "*/*"), expected);

        let [.., welcome] = &examples()[..] else { panic!("the examples end with the welcome") };
        let expected = "\
You are in

Innkeeper is running and lets you in. There is nothing behind the door yet.

Your address: 192.168.1.23
Verdict: let in
Let in by: config.yaml:41 192.168.1.*
Signed in as: ann
Connection: HTTP/2, TLS 1.3

Put your app behind the door
    innkeeper config set innkeeper.upstream http://127.0.0.1:8000

Or show a folder of files
    innkeeper config set innkeeper.root ./site
";
        assert_eq!(body(welcome, "*/*"), expected);
    }

    #[test]
    fn facts_for_a_program() {
        let facts =
            |page: &Page<'_>| serde_json::from_str::<serde_json::Value>(&body(page, "application/json"));
        let [refused, .., welcome] = &examples()[..] else { panic!("there are several examples") };
        assert_eq!(
            facts(refused).unwrap(),
            serde_json::json!({
                "status": 403,
                "page": "refused",
                "message": "You are not on the list yet",
                "reason": "Your address is not on the list.",
                "address": "192.168.1.23",
                "command": "innkeeper whitelist add 192.168.1.23",
                "contact": "ask Ann in the kitchen",
            })
        );
        assert_eq!(
            facts(&Page::TooManyAttempts { retry_after_seconds: 121 }).unwrap(),
            serde_json::json!({
                "status": 429,
                "page": "too-many-attempts",
                "message": "Too many wrong passwords",
                "seconds": 121,
                "duration": "3 minutes",
            })
        );
        assert_eq!(
            facts(welcome).unwrap()["next"][1],
            serde_json::json!({
                "what": "Or show a folder of files",
                "command": "innkeeper config set innkeeper.root ./site",
            })
        );
    }

    #[test]
    fn every_page_has_its_status_and_headers() {
        let expected = [
            (403, "refused", None),
            (401, "sign-in", Some(("www-authenticate", r#"Basic realm="Innkeeper", charset="UTF-8""#))),
            (401, "sign-in-form", None),
            (429, "sign-in-form", Some(("retry-after", "30"))),
            (200, "sign-out", None),
            (403, "cross-site", None),
            (429, "too-many-attempts", Some(("retry-after", "30"))),
            (403, "unknown-host", None),
            (400, "malformed", None),
            (502, "upstream-down", None),
            (504, "upstream-silent", None),
            (503, "busy", Some(("retry-after", "2"))),
            (403, "https-required", None),
            (400, "https-here", None),
            (404, "not-found", None),
            (405, "method-not-allowed", Some(("allow", "GET, HEAD"))),
            (431, "head-too-large", None),
            (500, "broken", None),
            (200, "trust", None),
            (200, "welcome", None),
        ];
        let pages = examples();
        assert_eq!(pages.len(), expected.len());
        for (page, (status, name, own)) in pages.iter().zip(expected) {
            for (accept, media_type) in [
                (None, "text/plain; charset=utf-8"),
                (Some(BROWSER), "text/html; charset=utf-8"),
                (Some("application/json"), "application/json"),
            ] {
                let response = render(page, accept.map(str::as_bytes));
                assert_eq!(response.status().as_u16(), status, "{name}");
                let length = response.body().len().to_string();
                let mut headers = vec![
                    ("cache-control", "no-store"),
                    ("content-length", length.as_str()),
                    ("content-type", media_type),
                    (
                        "referrer-policy",
                        if matches!(name, "sign-in-form" | "sign-out") {
                            "same-origin"
                        } else {
                            "no-referrer"
                        },
                    ),
                    ("vary", "accept"),
                    ("x-content-type-options", "nosniff"),
                    ("x-innkeeper", name),
                    ("x-robots-tag", "noindex"),
                ];
                headers.extend(own);
                headers.sort_unstable();
                assert_eq!(headers_of(&response), headers, "{name}");
            }
        }
    }

    /// All but the policy of what is inline, sorted.
    fn headers_of(response: &Response<Bytes>) -> Vec<(&str, &str)> {
        let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let mut headers: Vec<_> = headers.filter(|(name, _)| *name != "content-security-policy").collect();
        headers.sort_unstable();
        headers
    }

    #[test]
    fn the_policy_names_exactly_what_is_inline() {
        for page in examples() {
            let response = render(&page, Some(BROWSER.as_bytes()));
            let html = str::from_utf8(response.body()).unwrap();
            let inline = |open: &str, close: &str| {
                let parts: Vec<_> = html.split(open).collect();
                assert_eq!(parts.len(), 2, "one {open} a page");
                BASE64.encode(Sha256::digest(parts[1].split_once(close).unwrap().0))
            };
            let expected = format!(
                "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
                 base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
                inline("<style>", "</style>"),
                inline("<script>", "</script>"),
            );
            assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], expected.as_str());
            for forbidden in [" style=", " onclick=", " src=", "http-equiv=\"refresh\" content=\"0"] {
                assert!(!html.contains(forbidden), "`{forbidden}` in {}", page.sheet().name);
            }
        }
    }

    #[test]
    fn pages_are_small_and_name_no_version() {
        for page in examples() {
            let html = body(&page, BROWSER);
            assert!(html.len() < 8192, "{} has {} bytes", page.sheet().name, html.len());
            assert!(!html.contains(env!("CARGO_PKG_VERSION")));
        }
    }

    #[test]
    fn pages_that_wait_say_as_whom_they_ask() {
        let waiting: Vec<_> = examples()
            .iter()
            .filter_map(|page| {
                let html = body(page, BROWSER);
                let (_, attributes) = html.split_once("<body ").unwrap();
                let (attributes, _) = attributes.split_once('>').unwrap();
                assert_eq!(
                    html.contains("<noscript><meta http-equiv=\"refresh\""),
                    attributes.contains("data-wait")
                );
                attributes.contains("data-wait").then(|| attributes.to_owned())
            })
            .collect();
        assert_eq!(
            waiting,
            [
                r#"data-page="refused" data-wait="4" data-credentials="omit""#,
                r#"data-page="unknown-host" data-wait="4" data-credentials="omit""#,
                r#"data-page="upstream-down" data-wait="4" data-credentials="same-origin""#,
                r#"data-page="busy" data-wait="2" data-credentials="same-origin""#,
            ]
        );
    }

    #[test]
    fn only_https_is_linked() {
        let links = |url| body(&Page::HttpsRequired { url }, BROWSER).contains("Go on with https");
        assert!(links("https://den.example/"));
        for url in ["http://den.example/", "javascript:alert(1)//https://", "HTTPS://den.example", ""] {
            assert!(!links(url), "`{url}`");
        }
    }

    #[test]
    fn realms_are_quoted() {
        for (realm, expected) in [
            ("Innkeeper", r#"Basic realm="Innkeeper", charset="UTF-8""#),
            (r#"Ann's "den" \o/"#, r#"Basic realm="Ann's \"den\" \\o/", charset="UTF-8""#),
            ("a\r\nSet-Cookie: b\u{e9}", r#"Basic realm="a??Set-Cookie: b?", charset="UTF-8""#),
        ] {
            assert_eq!(challenge(realm), expected);
        }
    }

    #[test]
    fn an_allow_that_is_no_header_stays_out() {
        let response = render(&Page::MethodNotAllowed { allow: "GET\r\nX-Evil: 1" }, None);
        assert_eq!(response.headers()[header::ALLOW], "");
    }

    /// Each page with `text` in every place that takes one.
    fn filled(text: &str) -> Vec<Page<'_>> {
        let refused =
            |reason| Page::Refused { address: text, reason, command: Some(text), contact: Some(text) };
        vec![
            refused(Refusal::Forwarded { proxy: text }),
            refused(Refusal::Claimed { claimed: text }),
            refused(Refusal::Unreadable { header: text }),
            Page::SignIn { realm: text },
            Page::SignInForm { next: text, reason: Reason::Wrong },
            Page::SignOut { user: Some(text) },
            Page::UnknownHost { host: text, command: Some(text) },
            Page::Malformed { what: text },
            Page::UpstreamDown { upstream: text, why: text },
            Page::UpstreamSilent { upstream: text, seconds: 1 },
            Page::HttpsRequired { url: text },
            Page::HttpsHere { address: text },
            Page::MethodNotAllowed { allow: text },
            Page::Welcome {
                address: text,
                verdict: text,
                rule: Some(text),
                user: Some(text),
                protocol: text,
                tls: Some(text),
                next: &[],
            },
        ]
    }

    /// How often each letter stands in the page that could open or close something.
    fn markup(html: &str) -> [usize; 6] {
        ['<', '>', '"', '\'', '`', '='].map(|letter| html.matches(letter).count())
    }

    /// Text as an attacker would choose it: markup, template syntax, controls, direction marks, anything.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            Just("<script>alert(1)</script>".to_owned()),
            Just("\" onload='x' `".to_owned()),
            Just("{{command}}{{#next}}".to_owned()),
            Just("</main><!--".to_owned()),
            Just("&lt;&#0;\u{0}\u{1b}[2J\u{9b}31m\r\n".to_owned()),
            Just("\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}".to_owned()),
            any::<String>(),
            "[ -~]{0,400}",
        ];
        prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_from_outside_becomes_markup(text in hostile()) {
            // Behind an `x` the text begins with no scheme, so both or neither of the pages have a link.
            let text = format!("x{text}");
            for (page, tame) in filled(&text).iter().zip(filled("x")) {
                prop_assert_eq!(markup(&body(page, BROWSER)), markup(&body(&tame, BROWSER)));
            }
        }

        #[test]
        fn nothing_from_outside_leaves_a_quoted_link(text in hostile()) {
            let html = body(&Page::HttpsRequired { url: &format!("https://{text}") }, BROWSER);
            prop_assert_eq!(
                markup(&html),
                markup(&body(&Page::HttpsRequired { url: "https://x" }, BROWSER))
            );
        }

        #[test]
        fn nothing_hidden_reaches_a_reader(text in hostile()) {
            for page in filled(&text) {
                for accept in ["text/plain", "text/html", "application/json"] {
                    let shown = body(&page, accept);
                    let hidden = shown.chars().find(|letter| {
                        letter.is_control() && *letter != '\n'
                            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
                            || matches!(letter, '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0041}')
                    });
                    prop_assert_eq!(hidden, None, "in {}", accept);
                }
            }
        }

        #[test]
        fn a_program_reads_what_was_sent(text in hostile()) {
            let json = body(&Page::UnknownHost { host: &text, command: None }, "application/json");
            let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(facts["host"].as_str(), Some(text.as_str()));
            prop_assert_eq!(facts.get("command"), None);
        }
    }

    static FINGERPRINT: [String; 2] = [String::new(), String::new()];

    static GUIDES: std::sync::LazyLock<Vec<Guide>> = std::sync::LazyLock::new(|| {
        let step = |what: &str, command: Option<&str>| systems::Step {
            what: what.to_owned(),
            command: command.map(str::to_owned),
        };
        vec![Guide { system: "Linux", steps: vec![step("Fetch it", Some("curl")), step("Look at it", None)] }]
    });

    /// One of each page, with everything it can say.
    pub(super) fn examples() -> Vec<Page<'static>> {
        vec![
            Page::Refused {
                address: "192.168.1.23",
                reason: Refusal::Unlisted,
                command: Some("innkeeper whitelist add 192.168.1.23"),
                contact: Some("ask Ann in the kitchen"),
            },
            Page::SignIn { realm: "Innkeeper" },
            Page::SignInForm { next: "/chat?id=1", reason: Reason::Wrong },
            Page::SignInForm { next: "/", reason: Reason::TooManyAttempts { retry_after_seconds: 30 } },
            Page::SignOut { user: Some("ann") },
            Page::CrossSite,
            Page::TooManyAttempts { retry_after_seconds: 30 },
            Page::UnknownHost {
                host: "den.example:8000",
                command: Some("innkeeper config set hostWhitelist.hosts den.example"),
            },
            Page::Malformed { what: "two Host headers" },
            Page::UpstreamDown { upstream: "http://127.0.0.1:8000", why: "connection refused" },
            Page::UpstreamSilent { upstream: "http://127.0.0.1:8000", seconds: 90 },
            Page::Busy { retry_after_seconds: 2 },
            Page::HttpsRequired { url: "https://den.example:8000/chat" },
            Page::HttpsHere { address: "https://den.example:8000/" },
            Page::NotFound,
            Page::MethodNotAllowed { allow: "GET, HEAD" },
            Page::HeadTooLarge,
            Page::Broken,
            Page::Trust {
                authority: "Innkeeper on desk, 2026-11-23 3FA0",
                fingerprint: &FINGERPRINT,
                until: "2036-11-22",
                bounds: "local, 192.168.0.0/16",
                command: "innkeeper cert trust",
                host: "desk.local:8000",
                guides: GUIDES.as_slice(),
            },
            Page::Welcome {
                address: "192.168.1.23",
                verdict: "let in",
                rule: Some("config.yaml:41 192.168.1.*"),
                user: Some("ann"),
                protocol: "HTTP/2",
                tls: Some("TLS 1.3"),
                next: &[
                    Step {
                        what: "Put your app behind the door",
                        command: "innkeeper config set innkeeper.upstream http://127.0.0.1:8000",
                    },
                    Step {
                        what: "Or show a folder of files",
                        command: "innkeeper config set innkeeper.root ./site",
                    },
                ],
            },
        ]
    }
}
