//! The settings in force with the value of each, as one would write it: for the commands that show and change them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;

use super::certificate::Certificate;
use super::guest::Guest;
use super::layer::{Flags, Layer, Syntax};
use super::list::{ListOrigin, ListSource, TextList};
use super::problem::{Origin, Problems, Source};
use super::schema::{Key, Kind};
use super::settings::Settings;
use super::value::{Family, Value};
use super::variables::Variables;
use super::{check, file, taken};

/// The settings, and the values by name that they were made of.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The settings.
    pub settings: Settings,
    values: Layer,
}

/// What may be told about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// There is none.
    Empty,
    /// It is the one everybody knows.
    Default,
    /// It is the owner's own.
    Set,
}

/// `set`, `default`, `empty`.
impl fmt::Display for Secrecy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Default => "default",
            Self::Set => "set",
        })
    }
}

impl Effective {
    /// Reads the file at `file` under `flags` and `variables`, and `whitelist.txt` beside it.
    ///
    /// # Errors
    /// Every mistake that can be found in one run.
    pub fn read(file: &Path, flags: &Flags, variables: &Variables) -> Result<Self, Problems> {
        // Before the settings: who takes the list over into them writes them first, and then moves this file away.
        let text_list = TextList::read(&file::folder(file));
        match file::read_text(file) {
            Ok(text) => Self::with(file, text, text_list, flags, variables),
            Err(problem) => {
                let mut problems = Problems::default();
                let _ = above(flags, variables, &mut problems);
                problems.push(problem);
                Err(problems)
            }
        }
    }

    /// The same as if the file at `file` held `text`.
    ///
    /// # Errors
    /// Every mistake that can be found in one run.
    pub fn of_text(
        file: &Path,
        text: impl Into<String>,
        flags: &Flags,
        variables: &Variables,
    ) -> Result<Self, Problems> {
        Self::with(file, text, TextList::read(&file::folder(file)), flags, variables)
    }

    fn with(
        file: &Path,
        text: impl Into<String>,
        text_list: TextList,
        flags: &Flags,
        variables: &Variables,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let above = above(flags, variables, &mut problems);
        let mut source = Source::new(file::plain(file), text);
        let from_file = Layer::file(&mut source, Syntax::of(file), &mut problems);
        let mut values = above.over(from_file).over(Layer::defaults());
        check::settings(&mut values, &source, &mut problems);
        let folder = file::folder(file);
        let whitelist = ListSource::of_setting(&values, "whitelist").replaced_by(text_list, &mut problems);
        if problems.is_empty() {
            Ok(Self { settings: taken::settings(file, &folder, &values, whitelist), values })
        } else {
            Err(problems)
        }
    }

    /// Whether `other` has the same values, wherever they stand.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        super::schema::KEYS.iter().all(|key| self.same_value(other, key))
    }

    /// Whether `other` has the same value of `key`; for passwords too.
    #[must_use]
    pub fn same_value(&self, other: &Self, key: &Key) -> bool {
        same(self.value(key), other.value(key))
    }

    /// Whether `key` is set to `value`.
    #[must_use]
    pub fn holds(&self, key: &Key, value: &Value) -> bool {
        same(self.value(key), value)
    }

    /// Whether `key` has the value that it has without anybody saying so.
    #[must_use]
    pub fn is_default(&self, key: &Key) -> bool {
        Layer::defaults().setting(key.path).is_some_and(|default| same(&default.value, self.value(key)))
    }

    /// The value of `key` for a program, in the type it has in the file; null for one that is not shown.
    #[must_use]
    pub fn json(&self, key: &Key) -> Json {
        if key.path == "whitelist" {
            let entries = &self.settings.whitelist.entries;
            return entries.iter().map(|entry| Json::from(&*entry.text)).collect();
        }
        match self.value(key) {
            Value::Unset => Json::from(if key.kind == Kind::OptionalDuration { "off" } else { "" }),
            Value::Switch(on) => Json::from(*on),
            Value::Family(Family::On) => Json::from(true),
            Value::Family(Family::Off) => Json::from(false),
            Value::Family(Family::Auto) => Json::from("auto"),
            Value::Integer(number) => Json::from(*number),
            Value::Number(number) => number_json(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Secret(_) => Json::Null,
            Value::Path(_) => Json::from(self.path(key).display().to_string()),
            Value::Ipv4(address) => Json::from(address.to_string()),
            Value::Ipv6(address) => Json::from(format!("[{address}]")),
            Value::Duration(duration) => Json::from(duration_text(*duration)),
            Value::Size(bytes) => Json::from(size_text(*bytes)),
            Value::List(list) => list.iter().map(|(text, _)| Json::from(text.as_str())).collect(),
            Value::Guests(guests) => guests.iter().map(guest_json).collect(),
            Value::Certificates(certificates) => certificates.iter().map(certificate_json).collect(),
            Value::Upstream(upstream) => Json::from(upstream.to_string()),
        }
    }

    /// The value of `key` for a person, in lines: one an entry of a list; guests and certificates as JSON. A password is `…` with what
    /// may be told about it.
    #[must_use]
    pub fn lines(&self, key: &Key) -> Vec<String> {
        match self.json(key) {
            Json::Array(entries) => entries.iter().map(text).collect(),
            Json::Null => vec![match self.secrecy(key) {
                Some(Secrecy::Empty) | None => "(empty)".to_owned(),
                Some(secrecy) => format!("… ({secrecy})"),
            }],
            value => vec![text(&value)],
        }
    }

    /// What may be told about a password; `None` for what is none.
    #[must_use]
    pub fn secrecy(&self, key: &Key) -> Option<Secrecy> {
        let Value::Secret(secret) = self.value(key) else { return None };
        Some(match secret.reveal() {
            "" => Secrecy::Empty,
            text if text == key.default => Secrecy::Default,
            _ => Secrecy::Set,
        })
    }

    /// Where `key` came from.
    #[must_use]
    pub fn origin(&self, key: &Key) -> ListOrigin {
        if key.path == "whitelist" {
            return self.settings.whitelist.origin.clone();
        }
        ListOrigin::Setting(self.settings.origin(key.path).clone())
    }

    fn value(&self, key: &Key) -> &Value {
        self.values.setting(key.path).map_or(&Value::Unset, |setting| &setting.value)
    }

    fn path(&self, key: &Key) -> PathBuf {
        taken::path(&self.values, &self.settings.folder, key.path).unwrap_or_default()
    }
}

/// Whether two values are the same; the lines of entries do not count.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.iter().map(|(text, _)| text).eq(right.iter().map(|(text, _)| text))
        }
        (Value::Guests(left), Value::Guests(right)) => {
            let said = |guest: &Guest| (guest.address.clone(), guest.until.clone(), guest.note.clone());
            left.iter().map(said).eq(right.iter().map(said))
        }
        _ => left == right,
    }
}

/// What lies over the file.
fn above(flags: &Flags, variables: &Variables, problems: &mut Problems) -> Layer {
    Layer::flags(flags, problems).over(Layer::variables(variables, problems))
}

impl ListOrigin {
    /// The kind of place, for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Setting(Origin::Flag(_)) => "flag",
            Self::Setting(Origin::Variable(_)) => "variable",
            Self::Setting(Origin::File { .. }) | Self::Text { .. } => "file",
            Self::Setting(Origin::Default) => "default",
        }
    }
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A whole number without a point.
fn number_json(number: f64) -> Json {
    // Bounded to what both types hold exactly.
    #[expect(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9e15 { Json::from(number as i64) } else { Json::from(number) }
}

fn guest_json(guest: &Guest) -> Json {
    let field = |name: &str, text: &str| (!text.is_empty()).then(|| (name.to_owned(), Json::from(text)));
    let until = guest.until.to_string();
    let fields = [("address", &guest.address), ("until", &until), ("note", &guest.note)];
    Json::Object(fields.into_iter().filter_map(|(name, text)| field(name, text)).collect())
}

/// The paths as they were written; of a passphrase only that there is one.
fn certificate_json(certificate: &Certificate) -> Json {
    let path = |name: &str, path: &Path| (name.to_owned(), Json::from(path.display().to_string()));
    let passphrase = certificate.key_passphrase.as_ref().map(|_| ("keyPassphrase".to_owned(), Json::Null));
    let paths = [path("certPath", &certificate.cert_path), path("keyPath", &certificate.key_path)];
    Json::Object(paths.into_iter().chain(passphrase).collect())
}

/// A time in the largest unit in which it is a whole number.
fn duration_text(duration: Duration) -> String {
    const UNITS: &[(u128, &str)] = &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let milliseconds = duration.as_millis();
    if Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)) != duration {
        return format!("{}s", duration.as_secs_f64());
    }
    let unit = UNITS.iter().find(|(length, _)| milliseconds.is_multiple_of(*length));
    unit.map_or_else(
        || format!("{milliseconds}ms"),
        |(length, unit)| format!("{}{unit}", milliseconds / length),
    )
}

/// A size in the largest unit in which it is a whole number.
fn size_text(bytes: u64) -> String {
    const UNITS: &[(u64, &str)] = &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(size, _)| bytes.is_multiple_of(*size));
    unit.map_or_else(|| bytes.to_string(), |(size, unit)| format!("{} {unit}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        for (milliseconds, text) in [
            (1, "1ms"),
            (1500, "1500ms"),
            (5000, "5s"),
            (75_000, "75s"),
            (60_000, "1m"),
            (2_592_000_000, "30d"),
            (90_000_000, "25h"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(duration_text(Duration::from_micros(1500)), "0.0015s");
        for (bytes, text) in
            [(1, "1"), (1000, "1000"), (32 << 10, "32 KiB"), (10 << 20, "10 MiB"), (1 << 30, "1 GiB")]
        {
            assert_eq!(size_text(bytes), text);
        }
        assert_eq!(number_json(30.0).to_string(), "30");
        assert_eq!(number_json(0.5).to_string(), "0.5");
    }
}
