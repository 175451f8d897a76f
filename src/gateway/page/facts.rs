//! What each page says of the visit it is shown for, by the names that its template and its JSON use.

use super::template::{Value, Values};
use super::{Guide, Page, Reason, Refusal, Step};
use crate::gateway::trust::systems;

impl Page<'_> {
    /// What the page has to say, by the names that its template and its JSON use.
    pub(super) fn values(&self) -> Values<'_> {
        match self {
            Self::Refused { address, reason, command, contact } => {
                let mut values = reason.values();
                values.extend([
                    ("address", (*address).into()),
                    ("command", (*command).into()),
                    ("contact", (*contact).into()),
                ]);
                values
            }
            Self::SignIn { realm } => vec![("realm", (*realm).into())],
            Self::SignInForm { next, reason } => {
                let problem = reason.problem().map_or(Value::Absent, Value::from);
                vec![("next", Value::Whole((*next).into())), ("problem", problem)]
            }
            Self::SignOut { user } => vec![("user", (*user).into())],
            Self::TooManyAttempts { retry_after_seconds } | Self::Busy { retry_after_seconds } => {
                span(*retry_after_seconds).into()
            }
            Self::UnknownHost { host, command } => {
                vec![("host", (*host).into()), ("command", (*command).into())]
            }
            Self::Malformed { what } => vec![("what", (*what).into())],
            Self::UpstreamDown { upstream, why } => {
                vec![("upstream", (*upstream).into()), ("why", (*why).into())]
            }
            Self::UpstreamSilent { upstream, seconds } => {
                [("upstream", (*upstream).into())].into_iter().chain(span(*seconds)).collect()
            }
            Self::HttpsRequired { url } => {
                // Anything but https, `javascript:` above all, is shown and not linked.
                let link = url.starts_with("https://").then_some(*url);
                vec![("url", (*url).into()), ("link", link.into())]
            }
            Self::HttpsHere { address } => vec![("address", (*address).into())],
            Self::MethodNotAllowed { allow } => vec![("allow", (*allow).into())],
            Self::CrossSite | Self::NotFound | Self::HeadTooLarge | Self::Broken => Vec::new(),
            Self::Trust { authority, fingerprint, until, bounds, command, host, guides } => vec![
                ("authority", (*authority).into()),
                ("fingerprint", fingerprint.join(" ").into()),
                ("until", (*until).into()),
                ("bounds", Value::Whole((*bounds).into())),
                ("command", (*command).into()),
                ("profile", format!("http://{host}/.innkeeper/trust/innkeeper.mobileconfig").into()),
                ("certificate", format!("http://{host}/.innkeeper/trust/authority.crt").into()),
                ("guides", Value::Rows(guides.iter().map(Guide::values).collect())),
                ("url", format!("https://{host}/").into()),
            ],
            Self::Welcome { address, verdict, rule, user, protocol, tls, next } => vec![
                ("address", (*address).into()),
                ("verdict", (*verdict).into()),
                ("rule", (*rule).into()),
                ("user", (*user).into()),
                ("protocol", (*protocol).into()),
                ("tls", tls.unwrap_or("not encrypted").into()),
                ("next", Value::Rows(next.iter().map(Step::values).collect())),
            ],
        }
    }
}

impl Reason {
    fn problem(self) -> Option<String> {
        match self {
            Self::Asked | Self::Needed => None,
            Self::Wrong => Some("The name or the password is wrong.".to_owned()),
            Self::TooManyAttempts { retry_after_seconds } => Some(format!(
                "Too many wrong passwords came from where you are. Wait {}, then try again.",
                duration(retry_after_seconds)
            )),
            Self::Busy { retry_after_seconds } => Some(format!(
                "Many people are signing in just now. Wait {}, then try again.",
                duration(retry_after_seconds)
            )),
        }
    }
}

impl<'a> Refusal<'a> {
    fn values(self) -> Values<'a> {
        let (reason, detail): (&str, Option<(&str, &str)>) = match self {
            Self::Unlisted => ("Your address is not on the list.", None),
            Self::Forwarded { proxy } => {
                ("Your address, which a proxy has passed on, is not on the list.", Some(("proxy", proxy)))
            }
            Self::Claimed { claimed } => (
                "Your connection comes from one address and your request claims another, so both have to be listed.",
                Some(("claimed", claimed)),
            ),
            Self::ContainerGateway => (
                "Your address is the gateway of a container network, behind which every device looks the same: \
                 letting it in lets in everyone who can reach that network.",
                None,
            ),
            Self::Unreadable { header } => (
                "A proxy on the way names an address that cannot be read, so nobody can tell who is asking.",
                Some(("header", header)),
            ),
        };
        let mut values = vec![("reason", reason.into())];
        values.extend(detail.map(|(name, text)| (name, text.into())));
        values
    }
}

impl<'a> Step<'a> {
    fn values(&self) -> Values<'a> {
        vec![("what", self.what.into()), ("command", self.command.into())]
    }
}

impl Guide {
    fn values(&self) -> Values<'_> {
        fn steps(step: &systems::Step) -> Values<'_> {
            vec![("what", step.what.as_str().into()), ("command", step.command.as_deref().into())]
        }
        vec![("system", self.system.into()), ("steps", Value::Rows(self.steps.iter().map(steps).collect()))]
    }
}

/// So many seconds, for programs and for people.
fn span(seconds: u64) -> [(&'static str, Value<'static>); 2] {
    [("seconds", Value::Number(seconds)), ("duration", duration(seconds).into())]
}

/// Seconds as people say them, never shorter than they are.
fn duration(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_never_shorter_than_they_are() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (121, "3 minutes"),
            (7199, "120 minutes"),
            (7200, "2 hours"),
            (7201, "3 hours"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
