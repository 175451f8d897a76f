use std::fmt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::record::escape;

fn visit() -> Visit<Raw<'static>> {
    Visit {
        verdict: Verdict::Allowed,
        reason: Reason::Listed,
        client: [192, 168, 0, 7].into(),
        peer: Some([10, 0, 0, 1].into()),
        claimed: Some(Raw(b"198.51.100.9")),
        user: Some(Raw(b"alice")),
        rule: Some(Raw(b"192.168.0.0/24")),
        place: Some(Raw(b"config.yaml:12")),
        method: Some(Raw(b"GET")),
        host: Some(Raw(b"desk.local:8000")),
        path: Some(Raw(b"/chat")),
        status: Some(200),
        received: 0,
        sent: 5120,
        milliseconds: 12,
        end: End::Whole,
        tls: Some(Tls::V1_3),
        protocol: Some(Protocol::Http2),
        agent: Some(Raw(b"Mozilla/5.0 \"x\" \\ \x1b\xff\n")),
        count: 41,
    }
}

fn line(kind: Kind<Raw<'_>>) -> String {
    Event { time: "2026-11-23T10:57:38.1239Z".parse().unwrap(), kind }.to_string()
}

#[test]
fn the_lines() {
    let entry = || Entry { rule: Raw(b"fd00::/8"), place: Some(Raw(b"whitelist.txt:3")), until: None };
    let guest = Entry { until: Some(Raw(b"2026-12-01T00:00")), ..entry() };
    let least = Visit {
        verdict: Verdict::Refused,
        reason: Reason::Malformed,
        client: "2001:db8::1".parse().unwrap(),
        peer: None,
        claimed: None,
        user: None,
        rule: None,
        place: None,
        method: None,
        host: None,
        path: None,
        status: None,
        sent: 0,
        milliseconds: 0,
        end: End::Cut,
        tls: None,
        protocol: None,
        agent: None,
        count: 1,
        ..visit()
    };
    let sign_in = SignIn {
        client: [192, 168, 0, 7].into(),
        peer: None,
        user: Raw(b"alice"),
        host: Some(Raw(b"desk.local")),
        by: By::Form,
        agent: Some(Raw(b"")),
    };
    let cases = [
        (
            Kind::Visit(visit()),
            r#""visit","verdict":"allowed","reason":"listed","client":"192.168.0.7","peer":"10.0.0.1","claimed":"198.51.100.9","user":"alice","rule":"192.168.0.0/24","place":"config.yaml:12","method":"GET","host":"desk.local:8000","path":"/chat","status":200,"received":0,"sent":5120,"ms":12,"end":"whole","tls":"1.3","protocol":"HTTP/2","agent":"Mozilla/5.0 \"x\" \\\\ \\u{1b}\\xff\\u{a}","count":41"#,
        ),
        (
            Kind::Visit(least.clone()),
            r#""visit","verdict":"refused","reason":"malformed","client":"2001:db8::1","received":0,"sent":0,"ms":0,"end":"cut""#,
        ),
        (
            Kind::Visit(Visit { reason: Reason::WrongPassword, verdict: Verdict::Failed, ..least.clone() }),
            r#""failure","verdict":"failed","reason":"wrong-password","client":"2001:db8::1","received":0,"sent":0,"ms":0,"end":"cut""#,
        ),
        (
            Kind::Visit(Visit { reason: Reason::Throttled, verdict: Verdict::Failed, ..least }),
            r#""throttle","verdict":"failed","reason":"throttled","client":"2001:db8::1","received":0,"sent":0,"ms":0,"end":"cut""#,
        ),
        (
            Kind::Start { version: Raw(b"0.1.0"), listen: vec![Raw(b"0.0.0.0:8000"), Raw(b"[::]:8000")] },
            r#""start","version":"0.1.0","listen":["0.0.0.0:8000","[::]:8000"]"#,
        ),
        (Kind::Stop, r#""stop""#),
        (Kind::Reload { changed: vec![Raw(b"whitelist")] }, r#""reload","changed":["whitelist"]"#),
        (Kind::Reload { changed: vec![] }, r#""reload","changed":[]"#),
        (
            Kind::SignIn(sign_in),
            r#""sign-in","client":"192.168.0.7","user":"alice","host":"desk.local","by":"form","agent":"""#,
        ),
        (Kind::Approve(entry()), r#""approve","rule":"fd00::/8","place":"whitelist.txt:3""#),
        (
            Kind::Revoke(guest),
            r#""revoke","rule":"fd00::/8","place":"whitelist.txt:3","until":"2026-12-01T00:00""#,
        ),
        (
            Kind::Certificate { text: Raw(b"renewed"), expires: Some(Raw(b"2027-01-01")) },
            r#""certificate","text":"renewed","expires":"2027-01-01""#,
        ),
        (Kind::Gap { lost: 7, why: Raw(b"disk full") }, r#""gap","lost":7,"why":"disk full""#),
    ];
    for (kind, expected) in cases {
        let line = line(kind);
        assert_eq!(line, format!(r#"{{"time":"2026-11-23T10:57:38.123Z","event":{expected}}}"#));
        assert_eq!(line.parse::<Event>().unwrap().to_string(), line);
    }
}

#[test]
fn every_reason_has_a_word_of_its_own_and_the_event_that_goes_with_it() {
    for reason in Reason::ALL {
        assert_eq!(Reason::of_word(reason.word()), Some(*reason));
        let is_visit = !matches!(reason, Reason::WrongPassword | Reason::UnreadableLogin | Reason::Throttled);
        assert_eq!(reason.verdict() == Verdict::Failed, !is_visit);
        assert_eq!(reason.event() == "visit", is_visit);
    }
}

#[test]
fn a_newer_line_is_read_as_far_as_it_is_known() {
    let known = line(Kind::Visit(visit()));
    let cases = [
        (known.replace("\"listed\"", "\"invited\""), Some(Reason::Other)),
        (known.replace("\"count\"", "\"mood\":[{}],\"count\""), Some(Reason::Listed)),
        (known.replace("HTTP/2", "HTTP/3").replace("\"1.3\"", "\"1.4\""), Some(Reason::Listed)),
        (known.replace("\"allowed\"", "\"delayed\""), None),
        (known.replace("\"visit\"", "\"siesta\""), None),
        (known.replace("\"whole\"", "\"late\""), None),
    ];
    for (line, expected) in cases {
        let event: Event = line.parse().unwrap();
        let reason = match &event.kind {
            Kind::Visit(visit) => Some(visit.reason),
            Kind::Other => None,
            _ => panic!("{event:?}"),
        };
        assert_eq!(reason, expected, "{line}");
        assert_eq!(event.time.to_string(), "2026-11-23T10:57:38.123Z");
    }
}

#[test]
fn refuses_what_is_no_line() {
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"{"time":"2026-11-23T10:57:38.123Z","ev"#, "EOF while parsing a string at line 1 column 38"),
        (r#"{"time":"2026-11-23T10:57:38.123Z"}"#, "missing field `event` at line 1 column 35"),
        (r#"{"time":"2026-11-23T10:57:38.123Z","event":"visit"}"#, "it lacks `verdict`"),
        (r#"{"time":"2026-11-23T10:57:38.123Z","event":"gap"}"#, "it lacks `lost`"),
    ];
    for (text, why) in cases {
        let error = text.parse::<Event>().unwrap_err();
        assert_eq!(error.to_string(), format!("`{text}` is no line of audit.jsonl: {why}"));
    }
}

#[test]
fn what_another_wrote_is_escaped_when_it_is_read() {
    let forged = line(Kind::Visit(visit())).replace("/chat", "\\u001b[31m\\u202e\u{9b}\\n");
    let Kind::Visit(visit) = forged.parse::<Event>().unwrap().kind else { panic!("{forged}") };
    assert_eq!(visit.path.unwrap(), r"\u{1b}[31m\u{202e}\u{9b}\u{a}");
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
        vec(any::<u8>(), 0..600),
        "[ -~…\"\\\\\u{1b}\u{202e}]{500,600}".prop_map(String::into_bytes),
    ]
}

fn word<T: Copy + fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

/// The texts of a visit, held while it borrows them.
type Texts = (Vec<u8>, [Option<Vec<u8>>; 8]);

fn texts() -> impl Strategy<Value = Texts> {
    (text(), proptest::array::uniform8(option::of(text())))
}

fn kinds() -> impl Strategy<Value = (Texts, Visit<Raw<'static>>, usize)> {
    let addresses = (any::<IpAddr>(), option::of(any::<IpAddr>()));
    let numbers = (option::of(100..=999_u16), any::<u64>(), any::<u64>(), any::<u64>(), 1..=u64::MAX);
    let words =
        (word(Reason::ALL), word(End::ALL), option::of(word(Tls::ALL)), option::of(word(Protocol::ALL)));
    (texts(), addresses, numbers, words, 0..9_usize).prop_map(|(texts, addresses, numbers, words, kind)| {
        let visit = Visit {
            verdict: words.0.verdict(),
            reason: words.0,
            client: addresses.0,
            peer: addresses.1,
            status: numbers.0,
            received: numbers.1,
            sent: numbers.2,
            milliseconds: numbers.3,
            count: numbers.4,
            end: words.1,
            tls: words.2,
            protocol: words.3,
            ..self::visit()
        };
        (texts, visit, kind)
    })
}

/// The event of that number, with these texts.
fn kind<'a>((first, others): &'a Texts, visit: &Visit<Raw<'static>>, number: usize) -> Kind<Raw<'a>> {
    let first = Raw(first);
    let other = |index: usize| others[index].as_deref().map(Raw);
    let entry = || Entry { rule: first, place: other(0), until: other(1) };
    match number {
        0 => Kind::Start { version: first, listen: (0..8).filter_map(other).collect() },
        1 => Kind::Stop,
        2 => Kind::Reload { changed: (0..8).filter_map(other).collect() },
        3 => Kind::SignIn(SignIn {
            client: visit.client,
            peer: visit.peer,
            user: first,
            host: other(0),
            by: By::Basic,
            agent: other(1),
        }),
        4 => Kind::Approve(entry()),
        5 => Kind::Revoke(entry()),
        6 => Kind::Certificate { text: first, expires: other(0) },
        7 => Kind::Gap { lost: visit.sent, why: first },
        _ => Kind::Visit(Visit {
            claimed: other(0),
            user: other(1),
            rule: other(2),
            place: other(3),
            method: other(4),
            host: other(5),
            path: other(6),
            agent: other(7),
            ..visit.clone()
        }),
    }
}

proptest! {
    #[test]
    fn an_event_reads_back(
        millisecond in -62_000_000_000_000_i64..253_000_000_000_000,
        (texts, visit, number) in kinds(),
    ) {
        let time = Timestamp::from_millisecond(millisecond).unwrap();
        let event = Event { time, kind: kind(&texts, &visit, number) };
        let line = event.to_string();
        prop_assert!(line.chars().all(|letter| matches!(letter, ' '..='~' | '…')), "{}", line);
        let read: Event = line.parse().unwrap();
        prop_assert_eq!(&read.to_string(), &line);
        prop_assert_eq!(read.time, time);
        if let Kind::Visit(visit) = &event.kind {
            // In the frame of another visit of the same visitor it is the same line.
            let frame = Frame::of(&Visit {
                path: None,
                status: None,
                received: 1,
                sent: 2,
                milliseconds: 3,
                end: End::Cut,
                count: 4,
                ..visit.clone()
            });
            let mut framed = Vec::new();
            frame.write_visit(time, visit, &mut Clock::default(), &mut framed);
            prop_assert_eq!(String::from_utf8_lossy(&framed), line.as_str());
        }
        // The texts are those that were sent, escaped.
        let escaped = |text: Option<Raw<'_>>| text.map(|text| escape(text.0).to_string());
        match (read.kind, event.kind) {
            (Kind::Visit(read), Kind::Visit(sent)) => {
                prop_assert_eq!(
                    [read.claimed, read.user, read.rule, read.place, read.method, read.host, read.path, read.agent],
                    [sent.claimed, sent.user, sent.rule, sent.place, sent.method, sent.host, sent.path, sent.agent]
                        .map(escaped)
                );
                prop_assert_eq!((read.verdict, read.reason), (sent.verdict, sent.reason));
                prop_assert_eq!((read.client, read.peer, read.status), (sent.client, sent.peer, sent.status));
                prop_assert_eq!((read.received, read.sent, read.milliseconds), (sent.received, sent.sent, sent.milliseconds));
                prop_assert_eq!((read.end, read.tls, read.protocol), (sent.end, sent.tls, sent.protocol));
                prop_assert_eq!(read.count, sent.count);
            }
            (Kind::Gap { lost, .. }, Kind::Gap { lost: sent, .. }) => prop_assert_eq!(lost, sent),
            (read, sent) => prop_assert_eq!(read.name(), sent.name()),
        }
    }

    #[test]
    fn whatever_was_read_reads_back(line in "\\{\"time\":\"2026-01-31T09:05:00.123Z\",\"event\":\"(start|gap|certificate|approve)\",\"(version|why|text|rule)\":\"(\\PC|[\u{80}-\u{9f}]){0,40}\",\"lost\":1\\}") {
        if let Ok(event) = line.parse::<Event>() {
            let again = event.to_string();
            prop_assert!(again.chars().all(|letter| matches!(letter, ' '..='~' | '…')));
            prop_assert_eq!(again.parse::<Event>().unwrap(), event);
        }
    }
}
