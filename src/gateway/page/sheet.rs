//! What each page is, whoever sees it: its status, its words, and whether it asks again by itself.

use hyper::StatusCode;

use super::{Page, Reason};

/// What a page is, apart from the visit it is shown for.
pub(super) struct Sheet {
    pub(super) status: StatusCode,
    /// Its name in `X-Innkeeper`, in JSON and under `default/pages`.
    pub(super) name: &'static str,
    pub(super) template: &'static str,
    pub(super) retry: Retry,
}

/// Whether the page asks again by itself, and as whom.
#[derive(Clone, Copy)]
pub(super) enum Retry {
    /// Not by itself: a person presses a link.
    ByHand,
    /// After so many seconds and without credentials: nobody has asked for them yet, and a browser would
    /// open its password dialog on the answer.
    Nameless(u64),
    /// After so many seconds as the person who is let in already.
    SignedIn(u64),
}

/// How often a waiting page asks at first; it slows down to every 30 seconds.
const RETRY_SECONDS: u64 = 4;

impl Sheet {
    /// The words of the page's heading, which are its title as well.
    pub(super) fn title(&self) -> &'static str {
        let heading = self.template.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
        heading.map_or("Innkeeper", |(words, _)| words)
    }
}

macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../default/pages/", $name, ".html")))
    };
}

impl Page<'_> {
    /// Its sheet.
    pub(super) fn sheet(&self) -> Sheet {
        use Retry::{ByHand, Nameless, SignedIn};
        let (status, (name, template), retry) = match self {
            Self::Refused { .. } => (StatusCode::FORBIDDEN, template!("refused"), Nameless(RETRY_SECONDS)),
            Self::SignIn { .. } => (StatusCode::UNAUTHORIZED, template!("sign-in"), ByHand),
            Self::SignInForm { reason, .. } => (reason.status(), template!("sign-in-form"), ByHand),
            Self::SignOut { .. } => (StatusCode::OK, template!("sign-out"), ByHand),
            Self::CrossSite => (StatusCode::FORBIDDEN, template!("cross-site"), ByHand),
            Self::TooManyAttempts { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, template!("too-many-attempts"), ByHand)
            }
            Self::UnknownHost { .. } => {
                (StatusCode::FORBIDDEN, template!("unknown-host"), Nameless(RETRY_SECONDS))
            }
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, template!("malformed"), ByHand),
            Self::UpstreamDown { .. } => {
                (StatusCode::BAD_GATEWAY, template!("upstream-down"), SignedIn(RETRY_SECONDS))
            }
            Self::UpstreamSilent { .. } => {
                (StatusCode::GATEWAY_TIMEOUT, template!("upstream-silent"), ByHand)
            }
            Self::Busy { retry_after_seconds } => {
                (StatusCode::SERVICE_UNAVAILABLE, template!("busy"), SignedIn((*retry_after_seconds).max(1)))
            }
            Self::HttpsRequired { .. } => (StatusCode::FORBIDDEN, template!("https-required"), ByHand),
            Self::HttpsHere { .. } => (StatusCode::BAD_REQUEST, template!("https-here"), ByHand),
            Self::NotFound => (StatusCode::NOT_FOUND, template!("not-found"), ByHand),
            Self::MethodNotAllowed { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, template!("method-not-allowed"), ByHand)
            }
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, template!("head-too-large"), ByHand)
            }
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, template!("broken"), ByHand),
            Self::Trust { .. } => (StatusCode::OK, template!("trust"), ByHand),
            Self::Welcome { .. } => (StatusCode::OK, template!("welcome"), ByHand),
        };
        Sheet { status, name, template, retry }
    }
}

impl Reason {
    const fn status(self) -> StatusCode {
        match self {
            Self::Asked => StatusCode::OK,
            Self::Needed | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::gateway::page::tests::{BROWSER, body, examples};

    #[test]
    fn templates_ask_only_for_what_their_page_says() {
        for page in examples() {
            let sheet = page.sheet();
            let mut known: Vec<_> = page.values().iter().map(|(name, _)| *name).collect();
            match page {
                // What only some refusals say, and what the steps of a welcome say.
                Page::Refused { .. } => known.extend(["proxy", "claimed", "header"]),
                Page::Welcome { .. } => known.extend(["what", "command"]),
                Page::Trust { .. } => known.extend(["system", "steps", "what"]),
                _ => {}
            }
            for name in placeholders(sheet.template) {
                assert!(known.contains(&name), "`{name}` in {}", sheet.name);
            }
            for accept in [BROWSER, "text/plain"] {
                let body = body(&page, accept);
                assert!(!body.contains("{{") && !body.contains("}}"), "{body}");
            }
        }
    }

    /// The names that a template asks for, at any depth.
    fn placeholders(template: &str) -> Vec<&str> {
        template
            .split("{{")
            .skip(1)
            .map(|rest| rest.split_once("}}").unwrap().0.trim_start_matches(['#', '/']))
            .collect()
    }

    #[test]
    fn templates_keep_to_the_markup_that_becomes_text() {
        for page in examples() {
            let sheet = page.sheet();
            assert!(!sheet.template.contains('&'), "an entity in {} would stand in the text", sheet.name);
            assert!(!sheet.title().contains("{{") && sheet.title() != "Innkeeper", "{}", sheet.name);
            for tag in sheet.template.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
                let name = tag.trim_start_matches('/').split(' ').next().unwrap();
                let plain = ["h1", "h2", "p", "dl", "div", "dt", "dd", "ul", "li", "pre", "code"];
                let screen = ["a", "form", "label", "input", "button"];
                assert!(plain.contains(&name) || screen.contains(&name), "`{tag}` in {}", sheet.name);
            }
            let words = without_links(sheet.template);
            for tag in ["<a ", "<form", "<label", "<input", "<button"] {
                assert!(!words.contains(tag), "{tag} outside what is meant for a screen in {}", sheet.name);
            }
            assert_eq!(
                words.matches("<code>").count(),
                words.matches("<pre><code>").count(),
                "{}",
                sheet.name
            );
        }
    }

    fn without_links(template: &str) -> String {
        ["p", "form"].into_iter().fold(template.to_owned(), |template, tag| {
            let (open, close) = (format!("<{tag} class=\"screen\""), format!("</{tag}>"));
            let mut parts = template.split(&open);
            let first = parts.next().unwrap().to_owned();
            parts.fold(first, |words, part| words + part.split_once(&close).unwrap().1)
        })
    }
}
