//! One event as one line, for people and for programs.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::device;
use super::line::{Line, readable};
use crate::cli::Following;
use crate::record::event::{Event, Kind};
use crate::ui::{Screen, escaped};

/// How events are shown.
pub struct Form<'a> {
    /// For whom.
    pub following: Following,
    /// The clock of the wall.
    pub zone: &'a TimeZone,
    /// Where people see them; the lines for programs are the same everywhere.
    pub terminal: Option<Screen>,
}

/// Writes `line`, which stands as `bytes` in the file, with its end to `out`.
pub fn put(bytes: &[u8], line: &Line<'_>, form: &Form<'_>, out: &mut Vec<u8>) {
    match form.following {
        Following::Raw => put_raw(bytes, out),
        Following::Json if bytes.first() == Some(&b'{') => put_raw(bytes, out),
        Following::Json => {
            let object = serde_json::json!({
                "time": line.time.to_string(),
                "event": "visit",
                "client": line.fields.client.shown(),
                "agent": line.fields.agent.shown(),
            });
            out.extend_from_slice(object.to_string().as_bytes());
        }
        Following::Told => {
            let text = escaped(&told(bytes, line, form.zone));
            let shown = form.terminal.map_or(Cow::Borrowed(&*text), |screen| screen.shown(&text));
            out.extend_from_slice(shown.as_bytes());
        }
    }
    out.push(b'\n');
}

/// The bytes as they are, but none that steers a terminal: somebody else may have written the file.
fn put_raw(bytes: &[u8], out: &mut Vec<u8>) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        out.extend_from_slice(bytes);
    } else {
        out.extend_from_slice(escaped(&readable(bytes)).as_bytes());
    }
}

/// The event for people, on the clock of the wall.
fn told(bytes: &[u8], line: &Line<'_>, zone: &TimeZone) -> String {
    let mut text = format!("{}  ", line.time.local(zone));
    let Some(verdict) = line.verdict else {
        text += &other(bytes, line);
        return text;
    };
    let fields = &line.fields;
    let _ = write!(text, "{:7}  ", verdict.word());
    let mut push = |part: Cow<'_, str>| {
        if !part.is_empty() {
            text.push_str(&part);
            text.push_str("  ");
        }
    };
    push(fields.reason.shown().into());
    let claimed = fields.claimed.shown();
    let client = fields.client.shown();
    push(if claimed.is_empty() { client } else { format!("{client} (claims to be {claimed})") }.into());
    push(fields.user.shown().into());
    let asked = format!(
        "{} {}{} {}",
        fields.method.shown(),
        fields.host.shown(),
        fields.path.shown(),
        fields.status.shown()
    );
    push(asked.trim().into());
    push(device::named(&fields.agent.shown()).into());
    if line.count > 1 {
        push(format!("{} times", line.count).into());
    }
    text.truncate(text.trim_end().len());
    text
}

/// What is no visit.
fn other(bytes: &[u8], line: &Line<'_>) -> String {
    let until = |until: Option<String>| until.map(|until| format!(" until {until}")).unwrap_or_default();
    let at = |place: Option<String>| place.map(|place| format!(" ({place})")).unwrap_or_default();
    let event = readable(line.event);
    let kind = match Event::parse(bytes) {
        Ok(event) => event.kind,
        // A newer version may leave out what this one needs.
        Err(_) => Kind::Other,
    };
    let what = match kind {
        Kind::Start { version, listen } => format!("{version} listens on {}", listen.join(", ")),
        Kind::Reload { changed } => changed.join(", "),
        Kind::SignIn(sign_in) => {
            let device = device::named(&sign_in.agent.unwrap_or_default());
            format!("{}  {}  by {}  {device}", sign_in.client, sign_in.user, sign_in.by)
        }
        Kind::Approve(entry) | Kind::Revoke(entry) => {
            format!("{}{}{}", entry.rule, until(entry.until), at(entry.place))
        }
        Kind::Certificate { text, expires } => format!("{text}{}", until(expires)),
        Kind::Gap { lost, why } => format!("{lost} events were not written: {why}"),
        Kind::Stop | Kind::Other | Kind::Visit(_) => String::new(),
    };
    format!("{event:7}  {}", what.trim()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], following: Following) -> String {
        shown_on(None, bytes, following)
    }

    fn shown_on(terminal: Option<Screen>, bytes: &[u8], following: Following) -> String {
        let mut out = Vec::new();
        let form = Form { following, zone: &TimeZone::UTC, terminal };
        put(bytes, &Line::read(bytes).unwrap(), &form, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn event(rest: &str) -> String {
        let line = format!("{{\"time\":\"2026-11-23T10:57:38.123Z\",\"event\":{rest}}}");
        shown(line.as_bytes(), Following::Told)
    }

    #[test]
    fn events_for_people() {
        for (rest, expected) in [
            (
                r#""visit","verdict":"refused","reason":"unlisted","client":"10.0.0.9","claimed":"8.8.8.8","user":"al","method":"GET","host":"desk:8000","path":"/x","status":403,"agent":"curl/8.5.0","count":3"#,
                "refused  unlisted  10.0.0.9 (claims to be 8.8.8.8)  al  GET desk:8000/x 403  curl 8.5  3 times",
            ),
            (
                r#""start","version":"0.1.0","listen":["0.0.0.0:8000","[::]:8000"]"#,
                "start    0.1.0 listens on 0.0.0.0:8000, [::]:8000",
            ),
            (r#""stop""#, "stop"),
            (r#""reload","changed":["whitelist","ssl.certPath"]"#, "reload   whitelist, ssl.certPath"),
            (
                r#""sign-in","client":"10.0.0.9","user":"al","by":"form","agent":"curl/8.5.0""#,
                "sign-in  10.0.0.9  al  by form  curl 8.5",
            ),
            (
                r#""approve","rule":"10.0.0.9","place":"config.yaml:3","until":"tonight""#,
                "approve  10.0.0.9 until tonight (config.yaml:3)",
            ),
            (r#""revoke","rule":"10.0.0.9""#, "revoke   10.0.0.9"),
            (r#""certificate","text":"renewed","expires":"2027""#, "certificate  renewed until 2027"),
            (r#""gap","lost":3,"why":"no space""#, "gap      3 events were not written: no space"),
            (r#""eclipse","of":"the moon""#, "eclipse"),
        ] {
            assert_eq!(event(rest), format!("2026-11-23 10:57:38  {expected}\n"));
        }
    }

    #[test]
    fn a_terminal_that_knows_ascii_only() {
        let agent = "x".repeat(50);
        let line = format!(
            "{{\"time\":\"2026-11-23T10:57:38.123Z\",\"event\":\"visit\",\"verdict\":\"allowed\",\
            \"client\":\"::1\",\"path\":\"/a…\",\"agent\":\"{agent}\"}}"
        );
        let on = |unicode, form| shown_on(Some(Screen { width: 80, unicode }), line.as_bytes(), form);
        let cut = "x".repeat(39);
        assert_eq!(
            on(false, Following::Told),
            format!("2026-11-23 10:57:38  allowed  ::1  /a...  {cut}...\n")
        );
        for form in [Following::Told, Following::Raw, Following::Json] {
            assert_eq!(on(true, form), shown(line.as_bytes(), form));
        }
        // What programs read is the line of the file.
        assert_eq!(on(false, Following::Json), format!("{line}\n"));
        assert_eq!(on(false, Following::Raw), format!("{line}\n"));
    }

    #[test]
    fn no_byte_steers() {
        let line = b"2026-11-23T10:57:38.123Z 10.0.0.9 a\x1b[2J\xc2\x9b\x9b\xe2\x80\xae\x7f\tb";
        assert_eq!(
            shown(line, Following::Raw),
            "2026-11-23T10:57:38.123Z 10.0.0.9 a\\u001b[2J\\u009b\\x9b\\u202e\\u007f b\n"
        );
        for form in [Following::Told, Following::Raw, Following::Json] {
            let shown = shown(line, form);
            assert!(shown.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
        }
        let audit = b"{\"time\":\"2026-11-23T10:57:38.123Z\",\"event\":\"visit\x1b\",\"verdict\":\"allowed\",\"user\":\"\x1b]0;x\x07\"}";
        for form in [Following::Told, Following::Raw, Following::Json] {
            let shown = shown(audit, form);
            assert!(shown.trim_end().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
        }
    }
}
