//! What is written about each address.

use super::judge::Saying;
use super::{Show, Tally};
use crate::cli::TrialVerdict;
use crate::policy::whitelist::{EntryId, Rule, Whitelist};
use crate::ui;

/// With what the line of a verdict begins.
pub(super) fn word(verdict: TrialVerdict) -> &'static [u8; 8] {
    match verdict {
        TrialVerdict::Allowed => b"allowed\t",
        TrialVerdict::Refused => b"refused\t",
    }
}

/// With what the line of an address ends that no entry lets in.
pub(super) const NO_ENTRY: &[u8] = b"\t-\n";

/// Counts a verdict, and writes its line where it is shown: the address as it was `written`, and the entry.
pub(super) fn tell(output: &mut Vec<u8>, tally: &mut Tally, show: Show, saying: &Saying<'_>, written: &[u8]) {
    tally.count(Some(saying.verdict), 1);
    if !show.lines(saying.verdict) {
        return;
    }
    output.extend_from_slice(word(saying.verdict));
    output.extend_from_slice(written);
    match &saying.rule {
        None => output.extend_from_slice(NO_ENTRY),
        Some(rule) => tell_rule(output, rule),
    }
}

/// The end of the line for each entry of a list, as [`tell_rule`] writes it.
pub(super) struct Tails {
    all: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

/// For more entries than that the ends of lines would take much memory, and be no faster.
pub(super) const MOST_TAILS: usize = 1 << 18;

impl Tails {
    /// Those of `list`, all at once.
    pub(super) fn of(list: &Whitelist) -> Self {
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(list.len()));
        for rule in list.iter() {
            tell_rule(&mut all, &rule);
            ends.push(all.len());
        }
        Self { all, ends }
    }

    /// That of one entry.
    #[inline]
    pub(super) fn of_entry(&self, id: EntryId) -> &[u8] {
        let number = id.number();
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[number]]
    }
}

/// Writes `<TAB>entry (file:line)` and the end of the line. Formatting costs more than all else together, so it is left
/// out where it changes nothing.
pub(super) fn tell_rule(output: &mut Vec<u8>, rule: &Rule<'_>) {
    output.push(b'\t');
    let mut put = |text: &str| {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            output.extend_from_slice(text.as_bytes());
        } else {
            output.extend_from_slice(ui::escaped(text).as_bytes());
        }
    };
    put(rule.text());
    put(" (");
    let (file, line) = rule.written_at();
    put(file);
    if line > 0 {
        put(":");
        put(itoa::Buffer::new().format(line));
    }
    output.extend_from_slice(b")\n");
}
