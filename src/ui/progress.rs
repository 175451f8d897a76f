//! How far something long has come: a bar on stderr, for people who look at it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as KiB and MiB.
    Bytes,
    /// Things with a name in the plural, such as `entries`.
    Items(&'static str),
}

/// A bar on stderr that shows how much is done; gone without a trace when it is dropped.
///
/// Nothing is drawn where stderr is no terminal (or `TERM` is `dumb`), so that a log or a script never sees it. It may
/// be told of from several threads.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar that begins at 0; `total` is what it ends at, where that is known.
    ///
    /// # Panics
    /// When a name of items has braces in it.
    #[must_use]
    pub fn new(unit: Unit, total: Option<u64>) -> Self {
        // Ten times a second is smooth enough, and no write to the terminal holds up the work.
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        let template = template(unit, total);
        let style = ProgressStyle::with_template(&template).expect("every template of this file can be read");
        bar.set_style(style.progress_chars("=> "));
        Self(bar)
    }

    /// Something that turns, beside `what`, for a wait whose length nobody knows.
    ///
    /// # Panics
    /// Never: the template is fixed.
    #[must_use]
    pub fn waiting(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{spinner} {msg}").expect("it can be read");
        bar.set_style(style.tick_chars("|/-\\ "));
        bar.set_message(super::escaped(what));
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Self(bar)
    }

    /// A bar that is never drawn, for `--quiet`.
    #[must_use]
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// So much more is done. Cheap, but not free: tell it of a thousand things at once.
    pub fn advance(&self, amount: u64) {
        self.0.inc(amount);
    }

    /// Does `talk` while the bar is out of the way, so that a line printed to stderr stays whole.
    pub fn aside<T>(&self, talk: impl FnOnce() -> T) -> T {
        self.0.suspend(talk)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// No colours: the bar says it all.
fn template(unit: Unit, total: Option<u64>) -> String {
    match (unit, total) {
        (Unit::Bytes, Some(_)) => {
            "[{bar:40}] {percent:>3} %  {bytes} of {total_bytes}, {eta} left".to_owned()
        }
        (Unit::Bytes, None) => "{bytes}, {bytes_per_sec}".to_owned(),
        (Unit::Items(name), Some(_)) => {
            format!("[{{bar:40}}] {{percent:>3}} %  {{human_pos}} of {{human_len}} {name}, {{eta}} left")
        }
        (Unit::Items(name), None) => format!("{{human_pos}} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// What is on the one line of a terminal.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn text(&self) -> String {
            self.0.lock().unwrap().trim_end().to_owned()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            100
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a bar looks like after 512 of `total`.
    fn drawn(unit: Unit, total: Option<u64>) -> String {
        let screen = Screen::default();
        let progress = Progress::new(unit, total);
        progress.0.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        progress.advance(512);
        progress.0.force_draw();
        let drawn = screen.text();
        progress.aside(|| assert_eq!(screen.text(), "", "it is out of the way"));
        drop(progress);
        assert_eq!(screen.text(), "", "it leaves nothing behind");
        drawn
    }

    #[test]
    fn every_kind_of_bar() {
        let bytes = drawn(Unit::Bytes, Some(2048));
        assert!(bytes.starts_with("[==========>"), "{bytes}");
        assert!(bytes.contains("]  25 %  512 B of 2.00 KiB, "), "{bytes}");
        let items = drawn(Unit::Items("entries"), Some(1024));
        assert!(items.contains("]  50 %  512 of 1,024 entries, "), "{items}");
        assert_eq!(drawn(Unit::Items("entries"), None), "512 entries");
        assert!(drawn(Unit::Bytes, None).starts_with("512 B, "));
    }
}
