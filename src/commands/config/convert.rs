//! `innkeeper config convert`: the settings in the other syntax.

use std::path::{Path, PathBuf};

use super::{Over, init};
use crate::commands::config::sillytavern::SillyTavern;
use crate::commands::sources::{Sources, Speech};
use crate::config::{self, Effective, Existing, Flags, Source, Syntax, Variables, file_text};
use crate::error::{Error, Exit, quoted_file};
use crate::ui;

/// Writes the settings file in the syntax `to`, beside it or to `output`.
pub fn convert(
    sources: &Sources<'_>,
    to: Syntax,
    output: Option<&Path>,
    over: Over,
    speech: Speech,
) -> Result<Exit, Vec<Error>> {
    let file = &sources.file;
    if Syntax::of(file) == to {
        return Err(vec![
            Error::new(format!("`{}` is {} already", file.display(), to.word()))
                .hint(format!("innkeeper config convert --to {}", other(to).word())),
        ]);
    }
    let target = match output {
        Some(path) if path == Path::new("-") => None,
        Some(path) => Some(path.to_owned()),
        None => Some(file.with_extension(to.word())),
    };
    if let Some(target) = target.as_deref().filter(|target| Syntax::of(target) != to) {
        return Err(vec![
            Error::new(format!("`{}` would not be read as {}", target.display(), to.word()))
                .hint(format!("write `--output {}`", quoted_file(&target.with_extension(to.word())))),
        ]);
    }
    let (text, lost) = converted(file, to)?;
    match &target {
        None => ui::text(&text),
        Some(target) => {
            if over == Over::Refuse && target.symlink_metadata().is_ok() {
                ui::error(
                    &Error::new(format!("`{}` is there already", target.display()))
                        .hint("to write over it: `--force`; elsewhere: `--output FILE`"),
                );
                return Ok(Exit::No);
            }
            let existing = if over == Over::Write { Existing::Replace } else { Existing::Refuse };
            config::write(target, &text, existing).map_err(|error| vec![error])?;
        }
    }
    if speech == Speech::Full {
        tell(sources, target.as_ref(), &lost);
    }
    Ok(Exit::Yes)
}

/// The file in the other syntax, read back and found to say the same; and the names of what is left out.
fn converted(file: &Path, to: Syntax) -> Result<(String, Vec<String>), Vec<Error>> {
    let text = file_text(file).map_err(|error| vec![error])?;
    let (flags, variables) = (Flags::default(), Variables::default());
    // Only what `serve` can read; the file alone.
    let before =
        Effective::of_text(file, text.as_str(), &flags, &variables).map_err(config::Problems::errors)?;
    let source = Source::new(file, text);
    let items = Syntax::of(file).read(&source).map_err(|problem| vec![Error::from(*problem)])?;
    let converted = config::convert(&items, to);
    let target = file.with_extension(to.word());
    let after = Effective::of_text(&target, converted.text.as_str(), &flags, &variables);
    let equal = after.is_ok_and(|after| before.equals(&after)) && converted.holds(&items, to);
    if !equal {
        return Err(vec![
            Error::new(format!("cannot write `{}` in {} with the same values", file.display(), to.word()))
                .hint("nothing was written; convert it by hand"),
        ]);
    }
    Ok((converted.text, converted.lost))
}

fn tell(sources: &Sources<'_>, target: Option<&PathBuf>, lost: &[String]) {
    let file = sources.file.display();
    for name in lost {
        ui::warning(&format!(
            "`{name}` is nothing, or holds it (null), which the other syntax cannot; it is left out"
        ));
    }
    let Some(target) = target else { return };
    ui::notice(&format!("Wrote the settings of {file} to {}", target.display()));
    ui::notice(&format!("The comments in it are the standard ones; those of {file}, notes too, stay there"));
    let standard = |path: &Path| path.file_stem().is_some_and(|stem| stem == "config");
    let beside = target.parent() == sources.file.parent();
    if standard(&sources.file) && standard(target) && beside {
        ui::warning(&init::rivals(target, &sources.file));
    } else {
        ui::notice(&format!("To use them: innkeeper serve --config {}", quoted_file(target)));
    }
    if Syntax::of(target) == Syntax::Toml
        && SillyTavern::read(&sources.file).is_ok_and(|theirs| theirs.shares())
    {
        ui::warning(&format!(
            "SillyTavern reads {file} only: what is changed in the new file, it does not see"
        ));
    }
}

fn other(syntax: Syntax) -> Syntax {
    match syntax {
        Syntax::Yaml => Syntax::Toml,
        Syntax::Toml => Syntax::Yaml,
    }
}
