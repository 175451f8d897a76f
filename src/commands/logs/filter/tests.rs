//! The quick look at a line and the thorough one agree, on every event and every filter.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::record::event;
use crate::record::event::{By, End, Entry, Event, Kind, Protocol, Raw, Reason, SignIn, Visit};

/// What is in the file for `event`.
fn line_of(event: &Event<Raw<'_>>) -> String {
    event.to_string()
}

/// The same question, asked of the whole event.
fn takes_slowly(wanted: &Wanted, filter: &Filter, event: &Event) -> bool {
    let time = Stamp::of(event.time);
    let in_time =
        filter.since.is_none_or(|since| time >= since) && filter.until.is_none_or(|until| time < until);
    let any_verdict = !(wanted.allowed || wanted.refused || wanted.failed);
    let (verdict, client, user, host, path) = match &event.kind {
        Kind::Visit(visit) => (
            Some(visit.verdict),
            Some(visit.client),
            visit.user.as_deref(),
            visit.host.as_deref(),
            visit.path.as_deref(),
        ),
        Kind::SignIn(sign_in) => {
            (None, Some(sign_in.client), Some(&*sign_in.user), sign_in.host.as_deref(), None)
        }
        _ => (None, None, None, None, None),
    };
    let is_verdict = match verdict {
        Some(event::Verdict::Allowed) => wanted.allowed,
        Some(event::Verdict::Refused) => wanted.refused,
        Some(event::Verdict::Failed) => wanted.failed,
        None => false,
    };
    let ip: Option<IpPattern> = wanted.ip.as_ref().map(|ip| ip.parse().unwrap());
    // As it was sent, or as it was read off the screen.
    let forms = |text: &String| [escape(text.as_bytes()).to_string(), printable(text).to_string()];
    let host_is = |host: &str, wanted: &str| {
        let host = host.to_ascii_lowercase();
        let name = host.split(':').next().unwrap();
        name == wanted || host == wanted
    };
    in_time
        && (any_verdict || is_verdict)
        && ip.is_none_or(|ip| client.is_some_and(|client| ip.contains(client)))
        && wanted
            .user
            .as_ref()
            .is_none_or(|wanted| forms(wanted).iter().any(|wanted| user.unwrap_or_default() == wanted))
        && wanted.host.as_ref().is_none_or(|wanted| host.is_some_and(|host| host_is(host, wanted)))
        && wanted.path.as_ref().is_none_or(|wanted| {
            forms(wanted).iter().any(|wanted| path.unwrap_or_default().starts_with(wanted))
        })
}

/// Few values, so that filters and events meet; some that look like keys.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(vec![
            &b"alice"[..],
            b"bob",
            b"/",
            b"/chat",
            b"/chat/1",
            b"desk.local",
            b"desk.local:8000",
            b"DESK.local:80",
            b"\"",
            b"\\",
            b"\",\"client\":\"10.0.0.1\"",
            b"x\"verdict\":\"refused\"",
            b"\x1b[2J",
            b"\xff",
            "é".as_bytes(),
        ])
        .prop_map(<[u8]>::to_vec),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    prop_oneof![
        (0_u8..3, 0_u8..3).prop_map(|(a, b)| std::net::IpAddr::from([10, 0, a, b])),
        any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
        any::<[u16; 8]>().prop_map(std::net::IpAddr::from),
    ]
}

#[derive(Clone, Debug)]
struct Made {
    millisecond: i64,
    kind: usize,
    reason: Reason,
    client: std::net::IpAddr,
    texts: [Option<Vec<u8>>; 4],
    count: u64,
}

fn made() -> impl Strategy<Value = Made> {
    let texts = [(); 4].map(|()| proptest::option::of(text()));
    (0_i64..20_000, 0_usize..8, proptest::sample::select(Reason::ALL), address(), texts, 1_u64..4).prop_map(
        |(millisecond, kind, reason, client, texts, count)| Made {
            millisecond: 1_795_000_000_000 + millisecond,
            kind,
            reason,
            client,
            texts,
            count,
        },
    )
}

impl Made {
    fn event(&self) -> Event<Raw<'_>> {
        let [user, host, path, agent] = self.texts.each_ref().map(|text| text.as_deref().map(Raw));
        let kind = match self.kind {
            0 => Kind::SignIn(SignIn {
                client: self.client,
                peer: None,
                user: user.unwrap_or(Raw(b"alice")),
                host,
                by: By::Form,
                agent,
            }),
            1 => Kind::Revoke(Entry { rule: user.unwrap_or(Raw(b"10.0.0.1")), place: host, until: None }),
            _ => Kind::Visit(Visit {
                verdict: self.reason.verdict(),
                reason: self.reason,
                client: self.client,
                peer: None,
                claimed: agent,
                user,
                rule: None,
                place: None,
                method: Some(Raw(b"GET")),
                host,
                path,
                status: Some(200),
                received: 0,
                sent: 5120,
                milliseconds: 12,
                end: End::Whole,
                tls: None,
                protocol: Some(Protocol::Http11),
                agent,
                count: self.count,
            }),
        };
        Event { time: Timestamp::from_millisecond(self.millisecond).unwrap(), kind }
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let moment = || {
        proptest::option::weighted(
            0.3,
            (0_i64..20_000).prop_map(|at| {
                format!("{:.3}", Timestamp::from_millisecond(1_795_000_000_000 + at).unwrap())
            }),
        )
    };
    let some = |values: &'static [&'static str]| {
        proptest::option::weighted(0.3, proptest::sample::select(values).prop_map(str::to_owned))
    };
    (
        (moment(), moment()),
        some(&["10.0.0.1", "10.0.0.0/16", "10.0.1.*", "0.0.0.0/0", "::/0", "*", "10.0.0.1-10.0.2.0"]),
        some(&["alice", "bob", "\"", "\\", "é", "\u{1b}[2J", ""]),
        some(&["desk.local", "desk.local:8000"]),
        some(&["/", "/chat", "\"", "\\", "é"]),
        any::<[bool; 3]>(),
    )
        .prop_map(|((since, until), ip, user, host, path, [allowed, refused, failed])| Wanted {
            since,
            until,
            ip,
            user,
            host,
            path,
            allowed,
            refused,
            failed,
        })
}

fn now() -> Zoned {
    "2026-11-23T11:30:00[UTC]".parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_quick_look_is_the_thorough_one(made in proptest::collection::vec(made(), 1..8), wanted in wanted()) {
        let Ok(filter) = Filter::of(&wanted, &now()) else { return Ok(()) };
        for made in &made {
            let event = made.event();
            let text = line_of(&event);
            let whole = Event::parse(text.as_bytes()).unwrap();
            let expected = takes_slowly(&wanted, &filter, &whole);
            let line = Line::read(text.as_bytes()).unwrap();
            prop_assert_eq!(filter.takes(&line), expected, "{}", text);
            prop_assert!(!(filter.drops(text.as_bytes()) && expected), "dropped {}", text);
            // With blanks, as other programs write JSON.
            let spaced = text.replace("\":", "\": ").replace(",\"", ", \"");
            if !text.contains('\\') && Line::read(spaced.as_bytes()).is_some_and(|line| filter.takes(&line)) {
                prop_assert!(!filter.drops(spaced.as_bytes()), "dropped {}", spaced);
            }
            if let Kind::Visit(visit) = &whole.kind {
                prop_assert_eq!(line.count, visit.count);
                prop_assert_eq!(line.fields.agent.shown(), visit.agent.clone().unwrap_or_default());
                prop_assert_eq!(line.fields.reason.shown(), visit.reason.word());
            }
        }
    }

    #[test]
    fn no_line_makes_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..100), wanted in wanted()) {
        let Ok(filter) = Filter::of(&wanted, &now()) else { return Ok(()) };
        let _ = filter.drops(&bytes);
        let _ = filter.drops(&[b"{\"time\":\"2026-11-23T10:57:38.123Z\",\"event\":\"", &bytes[..], b"}"].concat());
    }
}

#[test]
fn what_was_copied_from_the_screen_is_found_too() {
    let filter = |wanted: Wanted| Filter::of(&wanted, &now()).unwrap();
    let line = r#"{"time":"2026-11-23T10:57:38.123Z","event":"visit","verdict":"allowed","user":"caf\\u{e9}","host":"[::1]:8000","path":"/a"}"#;
    let read = Line::read(line.as_bytes()).unwrap();
    for user in ["café", r"caf\u{e9}"] {
        let filter = filter(Wanted { user: Some(user.to_owned()), ..Wanted::default() });
        assert!(filter.takes(&read) && !filter.drops(line.as_bytes()), "{user}");
    }
    for (host, is_it) in [("[::1]", true), ("[::1]:8000", true), ("[::1]:80", false), ("[::", false)] {
        assert_eq!(
            filter(Wanted { host: Some(host.to_owned()), ..Wanted::default() }).takes(&read),
            is_it,
            "{host}"
        );
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let wanted = Wanted {
        since: Some("soon".to_owned()),
        until: Some("later".to_owned()),
        ip: Some("desk".to_owned()),
        ..Wanted::default()
    };
    assert_eq!(Filter::of(&wanted, &now()).unwrap_err().len(), 3);
    let turned = Wanted { since: Some("1h".to_owned()), until: Some("2h".to_owned()), ..Wanted::default() };
    assert_eq!(
        Filter::of(&turned, &now()).unwrap_err()[0].to_string(),
        "`--since` is not before `--until`: nothing lies between them"
    );
}
