//! `innkeeper config show` and `get`: what is in force, and where it came from.

use serde::Serialize;

use super::{Named, print_json};
use crate::commands::sources::Sources;
use crate::config::schema::{KEYS, Key};
use crate::config::{Effective, ListOrigin};
use crate::error::{Error, Exit};
use crate::ui;

/// Prints every setting, in the order of the default file.
pub fn show(sources: &Sources<'_>, origin: bool, json: bool) -> Result<Exit, Vec<Error>> {
    let effective = sources.effective()?;
    if json {
        let rows: Vec<Row> = KEYS.iter().map(|key| Row::of(&effective, key)).collect();
        print_json(&rows)?;
        return Ok(Exit::Yes);
    }
    let cells = |key: &Key| [key.full_path(), effective.lines(key).join(", ")];
    if origin {
        let cells = |key: &Key| {
            let [path, value] = cells(key);
            [path, value, effective.origin(key).to_string()]
        };
        ui::table(["SETTING", "VALUE", "ORIGIN"], &KEYS.iter().map(cells).collect::<Vec<_>>());
    } else {
        ui::table(["SETTING", "VALUE"], &KEYS.iter().map(cells).collect::<Vec<_>>());
    }
    Ok(Exit::Yes)
}

/// Prints one setting.
pub fn one(sources: &Sources<'_>, named: Named, json: bool) -> Result<Exit, Vec<Error>> {
    let key = named.key;
    let effective = sources.effective()?;
    if effective.secrecy(key).is_some() {
        let check = match key.path {
            "basicAuthUser.password" => "innkeeper auth test",
            _ => "innkeeper config check",
        };
        let flag = sources.config_flag();
        ui::error(
            &Error::new(format!("`{}` is not printed", key.full_path()))
                .hint(format!("see whether it is right: `{check}{flag}`")),
        );
        return Ok(Exit::No);
    }
    if json {
        print_json(&effective.json(key))?;
    } else {
        effective.lines(key).iter().for_each(|line| ui::line(line));
    }
    Ok(Exit::Yes)
}

/// One setting. The names are part of what `--json` promises.
#[derive(Serialize)]
struct Row {
    /// As it stands in the file: `port`, `innkeeper.upstream`.
    key: String,
    /// In the type it has in the file; null for a password.
    value: serde_json::Value,
    /// `set`, `default` or `empty`, for a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// `file`, `variable` or `default`.
    origin: &'static str,
    /// `config.yaml:12`, the name of a variable, `default`.
    source: String,
    /// Where the list stands that whitelist.txt takes the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
}

impl Row {
    fn of(effective: &Effective, key: &Key) -> Self {
        let origin = effective.origin(key);
        let (source, replaces) = match &origin {
            ListOrigin::Setting(origin) => (origin.to_string(), None),
            ListOrigin::Text { path, replaces } => (path.display().to_string(), Some(replaces.to_string())),
        };
        Self {
            key: key.full_path(),
            value: effective.json(key),
            secret: effective.secrecy(key).map(|secrecy| secrecy.to_string()),
            origin: origin.kind(),
            source,
            replaces,
        }
    }
}
