//! `innkeeper config init`: a settings file to begin with.

use std::path::{Path, PathBuf};

use super::Over;
use crate::commands::sources::{Speech, config_flag};
use crate::config::{self, DEFAULT_TOML, DEFAULT_YAML, Existing, Flags, Found, Syntax, Variables};
use crate::error::{Error, Exit, quoted_file};
use crate::ui;

/// Writes the default file to where `serve` would look for it.
pub fn init(flags: &Flags, format: Option<Syntax>, over: Over, speech: Speech) -> Result<Exit, Vec<Error>> {
    let found = config::find(flags, &Variables::of_process()).map_err(|error| vec![error])?;
    let (Found::File(first) | Found::Missing(first)) = found;
    let path = target(flags, first.clone(), format).map_err(|error| vec![error])?;
    if path.symlink_metadata().is_err() {
        config::write_default(&path).map_err(|error| vec![error])?;
    } else if over == Over::Refuse {
        let flag = config_flag(flags);
        ui::error(
            &Error::new(format!("`{}` is there already", path.display()))
                .hint(format!("see what is in force: `innkeeper config show --origin{flag}`"))
                .hint(format!(
                    "to lose it and begin anew: `innkeeper config init --force{}{flag}`",
                    format_flag(format)
                )),
        );
        return Ok(Exit::No);
    } else {
        let text = match Syntax::of(&path) {
            Syntax::Yaml => DEFAULT_YAML,
            Syntax::Toml => DEFAULT_TOML,
        };
        config::write(&path, text, Existing::Replace).map_err(|error| vec![error])?;
    }
    if speech == Speech::Full {
        ui::notice(&format!("Wrote the default settings to {}", path.display()));
        if path != first && first.symlink_metadata().is_ok() {
            ui::warning(&rivals(&path, &first));
        }
    }
    Ok(Exit::Yes)
}

/// The file to write: the one that is found, in the syntax that was asked for.
fn target(flags: &Flags, first: PathBuf, format: Option<Syntax>) -> Result<PathBuf, Error> {
    let Some(format) = format else { return Ok(first) };
    if format == Syntax::of(&first) {
        return Ok(first);
    }
    let other = first.with_extension(format.word());
    let by_variable = !flags.global && Variables::of_process().value("INNKEEPER_CONFIG").is_some();
    if flags.config.is_some() || by_variable {
        // The name decides how the file is read.
        return Err(Error::new(format!("`{}` would not be read as {}", first.display(), format.word()))
            .hint(format!("write `--config {}`", quoted_file(&other))));
    }
    Ok(other)
}

fn format_flag(format: Option<Syntax>) -> String {
    format.map_or_else(String::new, |format| format!(" --format {}", format.word()))
}

/// The command, `mv` or `cp`, that gives `file` a name at which nobody looks.
pub fn set_aside(command: &str, file: &Path) -> String {
    let kept = file.with_added_extension("bak");
    format!("{command} {} {}", quoted_file(file), quoted_file(&kept))
}

/// Which of two files in one folder is read: config.yaml before config.toml.
pub fn rivals(written: &Path, other: &Path) -> String {
    match Syntax::of(written) {
        Syntax::Yaml => format!(
            "from now on {} is read, and {} is not; move that away",
            written.display(),
            other.display()
        ),
        Syntax::Toml => format!(
            "{} is there too and is read first; to use the new one: `{}`",
            other.display(),
            set_aside("mv", other)
        ),
    }
}
