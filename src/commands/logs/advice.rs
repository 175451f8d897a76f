//! What the owner can do about a visitor who was kept out.
//!
//! A log may have been written by anybody: an address, host or user goes into a command only when it is one.

use std::net::IpAddr;

use super::groups::Group;
use super::line::Verdict;
use crate::config::Settings;
use crate::error::quoted;
use crate::gateway::rules::{command_to_know, command_to_list};
use crate::policy::host::{Host, HostPattern, HostVerdict, Hosts};
use crate::record::event::Reason;

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// To be typed.
    Command(String),
    /// Nothing can be typed, for this reason.
    Words(String),
}

/// What commands have to know about the settings.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// What a command needs to find the settings, ` --config 'x'`, or nothing.
    pub config_flag: String,
    /// `hostWhitelist.hosts`, where the settings could be read.
    pub hosts: Option<Vec<String>>,
    /// Passwords are those of the accounts.
    pub accounts: bool,
}

impl Circumstances {
    /// Of `settings`, which are found by `config_flag`; without them some commands cannot be made.
    pub fn of(settings: Option<&Settings>, config_flag: String) -> Self {
        Self {
            config_flag,
            hosts: settings.map(|settings| settings.host_whitelist.hosts.clone()),
            accounts: settings.is_some_and(|settings| settings.per_user_basic_auth),
        }
    }

    /// What would let the visitors of `group` in; `None` where they were let in.
    pub fn advise(&self, group: &Group) -> Option<Advice> {
        if !matches!(group.verdict, Verdict::Refused | Verdict::Failed) {
            return None;
        }
        let flag = &self.config_flag;
        let words = |text: &str| Advice::Words(text.to_owned());
        Some(match Reason::of_word(&group.reason) {
            Some(Reason::Unlisted | Reason::Revoked) => self.listing(group),
            Some(Reason::UnreadableAddress) => {
                words("the proxy in front names no address that can be read: see its X-Forwarded-For")
            }
            Some(Reason::UnknownHost) => self.knowing(&group.host),
            Some(Reason::Insecure) => match host(&group.host) {
                Some(_) => Advice::Words(format!(
                    "it has to open https://{}/; if there is no certificate yet: innkeeper cert create --apply{flag}",
                    group.host
                )),
                None => Advice::Command(format!("innkeeper cert create --apply{flag}")),
            },
            Some(Reason::CrossSite) => {
                words("another website made the browser ask; open the page itself, there is nothing to type")
            }
            Some(Reason::Malformed) => words("it was no proper request; browsers do not send such"),
            Some(Reason::WrongPassword) => Advice::Command(self.password(&group.user)),
            Some(Reason::UnreadableLogin) => {
                words("what it sent to sign in with cannot be read; the program there has to be set up anew")
            }
            Some(Reason::NoLogin) => {
                words("it sent no password: every browser begins so, and then asks for it")
            }
            Some(Reason::Throttled) => words(
                "after too many wrong passwords from there it has to wait, a minute at first and an hour at most",
            ),
            Some(Reason::Busy) => words("too many signed in at one time; it may try again"),
            _ => words("this version does not know why"),
        })
    }

    /// What lists the address, and what it claimed to be too: both have to be.
    fn listing(&self, group: &Group) -> Advice {
        let address = |text: &str| text.parse::<IpAddr>().ok().map(|address| address.to_string());
        let Some(client) = address(&group.client) else {
            return Advice::Words("its address cannot be read".to_owned());
        };
        let both = [Some(client), address(&group.claimed)];
        let words: Vec<String> = both.into_iter().flatten().collect();
        Advice::Command(command_to_list(words.join(" "), &self.config_flag))
    }

    fn knowing(&self, asked: &str) -> Advice {
        match (host(asked), &self.hosts) {
            (Some(name), Some(hosts)) if is_known(name, hosts) => {
                Advice::Words(format!("`{name}` is a known name by now"))
            }
            (Some(_), Some(hosts)) => Advice::Command(command_to_know(asked, hosts, &self.config_flag)),
            (Some(name), None) => {
                Advice::Words(format!("if `{name}` is a name of yours, add it to hostWhitelist.hosts"))
            }
            (None, _) => Advice::Words("what it asked for is no host name".to_owned()),
        }
    }

    fn password(&self, user: &str) -> String {
        let flag = &self.config_flag;
        if !self.accounts {
            return format!("innkeeper auth set{flag}");
        }
        match user {
            "" => format!("innkeeper auth user list{flag}"),
            user if user.starts_with('-') => {
                format!("innkeeper auth user password{flag} -- {}", quoted(user))
            }
            user => format!("innkeeper auth user password {}{flag}", quoted(user)),
        }
    }
}

/// Whether `name` is one of `listed`: it was added since then.
fn is_known(name: &str, listed: &[String]) -> bool {
    let patterns: Vec<HostPattern> = listed.iter().filter_map(|host| host.parse().ok()).collect();
    let name = Host::parse(name.as_bytes());
    name.is_ok_and(|name| matches!(Hosts::new(&patterns, &[]).judge(&name), HostVerdict::Known(_)))
}

/// The name in what was asked for, if it is one.
fn host(asked: &str) -> Option<&str> {
    let (name, port) = match asked.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (asked, ""),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let is_one =
        !name.is_empty() && name.bytes().all(plain) && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_one && name.parse::<HostPattern>().is_ok()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::stamp::Stamp;
    use super::*;

    fn group(reason: &str, client: &str, host: &str, user: &str) -> Group {
        let verdict = if reason == "wrong-password" { Verdict::Failed } else { Verdict::Refused };
        Group {
            client: client.to_owned(),
            claimed: String::new(),
            user: user.to_owned(),
            device: String::new(),
            agent: String::new(),
            verdict,
            reason: reason.to_owned(),
            host: host.to_owned(),
            visits: 1,
            first: Stamp::FIRST,
            last: Stamp::FIRST,
        }
    }

    fn told(advice: Option<Advice>) -> String {
        match advice.unwrap() {
            Advice::Command(command) => format!("$ {command}"),
            Advice::Words(words) => words,
        }
    }

    #[test]
    fn commands() {
        let here = Circumstances {
            config_flag: " --config 'my config.yaml'".to_owned(),
            hosts: Some(vec!["desk".to_owned()]),
            accounts: false,
        };
        let say = |group: &Group| told(here.advise(group));
        let flag = " --config 'my config.yaml'";
        assert_eq!(
            say(&group("unlisted", "10.0.0.9", "", "")),
            format!("$ innkeeper whitelist add 10.0.0.9{flag}")
        );
        let claimed = Group { claimed: "10.0.0.10".to_owned(), ..group("unlisted", "10.0.0.9", "", "") };
        assert_eq!(say(&claimed), format!("$ innkeeper whitelist add 10.0.0.9 10.0.0.10{flag}"));
        assert_eq!(
            say(&group("unknown-host", "10.0.0.9", "tavern.lan:8000", "")),
            format!("$ innkeeper config set hostWhitelist.hosts '[\"desk\",\"tavern.lan\"]'{flag}")
        );
        assert_eq!(say(&group("wrong-password", "::1", "", "al")), format!("$ innkeeper auth set{flag}"));
        let accounts = Circumstances { accounts: true, ..Circumstances::default() };
        assert_eq!(
            told(accounts.advise(&group("wrong-password", "::1", "", "al ice"))),
            "$ innkeeper auth user password 'al ice'"
        );
        assert_eq!(
            told(accounts.advise(&group("wrong-password", "::1", "", "-x"))),
            "$ innkeeper auth user password -- -x"
        );
        for reason in
            Reason::ALL.iter().filter(|reason| reason.verdict() != crate::record::event::Verdict::Allowed)
        {
            assert!(here.advise(&group(reason.word(), "10.0.0.9", "desk:8000", "")).is_some(), "{reason}");
        }
        let allowed = Group { verdict: Verdict::Allowed, ..group("listed", "10.0.0.9", "", "") };
        assert_eq!(here.advise(&allowed), None);
    }

    /// The host was added after the visit: once more would write it twice.
    #[test]
    fn a_host_that_is_known_by_now() {
        let hosts = vec!["desk".to_owned(), ".lan".to_owned()];
        let here = Circumstances { hosts: Some(hosts), ..Circumstances::default() };
        for asked in ["DESK:8000", "desk.", "tavern.lan"] {
            let told = told(here.advise(&group("unknown-host", "10.0.0.9", asked, "")));
            assert!(told.ends_with("is a known name by now"), "{told}");
        }
    }

    /// Whoever wrote the file wants the owner to paste something else.
    #[test]
    fn nothing_forged_is_to_be_typed() {
        let here = Circumstances { hosts: Some(Vec::new()), ..Circumstances::default() };
        for evil in [
            "x'; rm -rf ~; '",
            "$(reboot)",
            "a b",
            "`id`",
            "10.0.0.1;id",
            "\"]'",
            "-x",
            "",
            "a/b",
            "a:b",
            "a:80:80",
        ] {
            for (reason, group) in [
                ("unlisted", group("unlisted", evil, "", "")),
                ("unknown-host", group("unknown-host", "10.0.0.1", evil, "")),
            ] {
                let told = told(here.advise(&group));
                // `-x` has no meaning within the brackets of a list.
                assert!(!told.starts_with('$') || (reason == "unknown-host" && evil == "-x"), "{told}");
            }
        }
    }
}
