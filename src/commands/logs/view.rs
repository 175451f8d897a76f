//! The grouped view: a heading, bars over time, the visitors, and what would let those in that were kept out.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::advice::{Advice, Circumstances};
use super::device::shortened;
use super::filter::Filter;
use super::groups::{Group, Groups};
use super::line::{Line, Verdict};
use super::scan::{Oddities, Taker};
use super::slots::{Counts, Slots, drawn, total};
use super::stamp::{self, Stamp};
use crate::ui::{Concession, Screen, aligned, fitted};

/// How many groups people are shown who did not say how many.
const SHOWN: usize = 50;

/// What was gathered for the view.
#[derive(Debug, Default)]
pub struct Summary {
    /// The visitors.
    pub groups: Groups,
    slots: Slots,
    counts: Counts,
}

impl Taker for Summary {
    fn take(&mut self, _: &[u8], line: &Line<'_>) {
        let Some(verdict) = line.verdict else { return };
        self.counts[verdict as usize] = self.counts[verdict as usize].saturating_add(line.count);
        self.slots.add(line.time.seconds(), verdict, line.count);
        self.groups.add(line, verdict);
    }
}

/// What of it is shown, and how.
pub struct Look<'a> {
    /// Which visits these are.
    pub filter: &'a Filter,
    /// Nobody said since when.
    pub is_last_hour: bool,
    /// The most frequent ones only.
    pub top: Option<usize>,
    /// Where the bars are drawn, if they are.
    pub bars: Option<Screen>,
    /// The terminal whose lines the table has to go into; elsewhere it is whole, for whoever searches it.
    pub terminal: Option<Screen>,
    /// The end of the period, where nobody said until when.
    pub now: Stamp,
    /// The clock of the wall.
    pub zone: &'a TimeZone,
    /// For the commands.
    pub circumstances: &'a Circumstances,
}

impl Summary {
    /// How many visits there were.
    pub fn visits(&self) -> u64 {
        total(&self.counts)
    }

    fn selected(&self, top: Option<usize>) -> Vec<&Group> {
        match top {
            Some(top) => self.groups.by_frequency().into_iter().take(top).collect(),
            None => self.groups.by_urgency(),
        }
    }

    /// The view for people; there is at least one visit.
    pub fn told(&mut self, look: &Look<'_>) -> String {
        let mut text = format!("{}: {}\n", period(look), self.sums());
        if let Some(screen) = look.bars {
            let second = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.seconds());
            let (length, bars) =
                self.slots.bars(second(look.filter.since), second(look.filter.until), look.zone);
            let _ = write!(text, "\n{}", drawn(length, &bars, look.zone, screen));
        }
        let mut groups = self.selected(look.top);
        groups.truncate(look.top.unwrap_or(SHOWN));
        let _ = write!(text, "\n{}", table(&groups, look));
        let left = self.groups.len() - groups.len();
        if left > 0 && look.top.is_none() {
            let _ =
                writeln!(text, "and {left} more; --top {} shows the most frequent, --json all", 2 * SHOWN);
        }
        if self.groups.others > 0 {
            let _ = writeln!(text, "and {} visits of others, too many to tell apart", self.groups.others);
        }
        let _ = write!(text, "{}", advised(&groups, &self.groups.let_in(), look));
        match look.terminal {
            Some(screen) => screen.shown(&text).into_owned(),
            None => text,
        }
    }

    /// `58 visits, 45 of them refused, 2 failed`.
    fn sums(&self) -> String {
        let visits = self.visits();
        let mut text = if visits == 1 { "1 visit".to_owned() } else { format!("{visits} visits") };
        let mut of = " of them";
        for verdict in [Verdict::Refused, Verdict::Failed] {
            let count = self.counts[verdict as usize];
            if count > 0 {
                let _ = write!(text, ", {count}{of} {}", verdict.word());
                of = "";
            }
        }
        text
    }

    /// The view for programs.
    pub fn for_programs(&mut self, look: &Look<'_>, oddities: &Oddities) -> serde_json::Result<String> {
        let second = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.seconds());
        let (length, bars) = self.slots.bars(second(look.filter.since), second(look.filter.until), look.zone);
        let let_in = self.groups.let_in();
        let groups = self.selected(look.top);
        let count = |verdict: Verdict| self.counts[verdict as usize];
        let report = Report {
            since: look.filter.since.map(|stamp| stamp.to_string()),
            until: look.filter.until.map(|stamp| stamp.to_string()),
            visits: self.visits(),
            allowed: count(Verdict::Allowed),
            refused: count(Verdict::Refused),
            failed: count(Verdict::Failed),
            unknown: count(Verdict::Unknown),
            unreadable: oddities.unreadable,
            groups: groups.iter().map(|group| GroupReport::of(group, &let_in, look.circumstances)).collect(),
            others: self.groups.others,
            slots: bars
                .iter()
                .map(|bar| SlotReport {
                    time: Stamp::FIRST.moved(bar.start - Stamp::FIRST.seconds()).to_string(),
                    seconds: length,
                    allowed: bar.counts[Verdict::Allowed as usize],
                    refused: bar.counts[Verdict::Refused as usize],
                    failed: bar.counts[Verdict::Failed as usize],
                    unknown: bar.counts[Verdict::Unknown as usize],
                })
                .collect(),
        };
        serde_json::to_string_pretty(&report)
    }
}

/// Which time it is about, at the start of a sentence.
pub fn period(look: &Look<'_>) -> String {
    let wall = |stamp: Stamp| stamp.local(look.zone);
    match (look.filter.since, look.filter.until) {
        (Some(since), _) if look.is_last_hour => {
            format!("The last hour, since {} (--since 1d shows more)", wall(since))
        }
        (Some(since), Some(until)) => format!("From {} to {}", wall(since), wall(until)),
        (Some(since), None) => format!("Since {}", wall(since)),
        (None, Some(until)) => format!("Until {}", wall(until)),
        (None, None) => "All of it".to_owned(),
    }
}

const TITLES: [&str; 7] = ["VISITS", "VERDICT", "REASON", "CLIENT", "USER", "DEVICE", "LAST"];

/// What the table gives up on a narrow terminal. The address and the reason are whole: they are there to be copied, and
/// to be looked up. Beside a wrong password from any address of IPv4 there is room in 80 letters for what is left.
const CONCESSIONS: &[Concession] = &[
    Concession::Shorten { title: "DEVICE", least: 10 },
    Concession::Shorten { title: "USER", least: 8 },
    Concession::Omit { title: "DEVICE" },
];

/// The visitors, one below the other.
fn table(groups: &[&Group], look: &Look<'_>) -> String {
    let mut rows: Vec<[String; 7]> = groups.iter().map(|group| row(group, look.zone)).collect();
    let Some(screen) = look.terminal else { return aligned(TITLES, &rows) };
    if is_one_day(groups, look) {
        for [.., last] in &mut rows {
            *last = last.split_once(' ').map_or("", |(_, time)| time).to_owned();
        }
    }
    fitted(TITLES, &rows, CONCESSIONS, screen)
}

/// Whether the line above the table says what day all of it is of: the period begins and ends on that of each visit.
fn is_one_day(groups: &[&Group], look: &Look<'_>) -> bool {
    let Some(since) = look.filter.since else { return false };
    // What ends at midnight ends with the day before.
    let end = look.filter.until.map_or(look.now, |until| until.moved(-1));
    let day = |stamp: Stamp| stamp.local(look.zone).split_once(' ').map(|(day, _)| day.to_owned());
    let first = day(since);
    first.is_some() && groups.iter().map(|group| group.last).chain([end]).all(|stamp| day(stamp) == first)
}

fn row(group: &Group, zone: &TimeZone) -> [String; 7] {
    let or_dash =
        |text: &str, most: usize| if text.is_empty() { "-".to_owned() } else { shortened(text, most) };
    [
        format!("{:>6}", group.visits),
        group.verdict.word().to_owned(),
        or_dash(&group.reason, 24),
        or_dash(&group.client, 60),
        or_dash(&group.user, 24),
        or_dash(&group.device, 40),
        group.last.local(zone),
    ]
}

/// How a command begins that writes a list anew.
const REPLACES: &str = "\n    innkeeper config set ";

/// When each address and device was let in last.
type LetIn<'a> = HashMap<(&'a str, &'a str), Stamp>;

fn was_let_in_since(group: &Group, let_in: &LetIn<'_>) -> bool {
    let_in.get(&(&*group.client, &*group.device)).is_some_and(|last| *last > group.last)
}

/// For each visitor that was kept out what is to be typed, each once.
fn advised(groups: &[&Group], let_in: &LetIn<'_>, look: &Look<'_>) -> String {
    let mut told: Vec<String> = Vec::new();
    for group in groups {
        let Some(advice) = look.circumstances.advise(group) else { continue };
        let advice = match advice {
            _ if was_let_in_since(group, let_in) => "it was let in since then".to_owned(),
            Advice::Command(command) => format!("\n    {command}"),
            Advice::Words(words) => words,
        };
        let gap = if advice.starts_with('\n') { ":" } else { ": " };
        let line = format!("  {} ({}){gap}{advice}\n", group.client, group.reason);
        if !told.contains(&line) {
            told.push(line);
        }
    }
    if told.is_empty() {
        return String::new();
    }
    // Whoever pastes them all would keep the last name only.
    let replacing = told.iter().filter(|line| line.contains(REPLACES)).count();
    let note = if replacing > 1 {
        "Each command for a host replaces the list: paste one, and look again.\n"
    } else {
        ""
    };
    format!("\nTo let them in:\n{}{note}", told.concat())
}

#[derive(Serialize)]
struct Report {
    since: Option<String>,
    until: Option<String>,
    visits: u64,
    allowed: u64,
    refused: u64,
    failed: u64,
    unknown: u64,
    unreadable: u64,
    groups: Vec<GroupReport>,
    others: u64,
    slots: Vec<SlotReport>,
}

#[derive(Serialize)]
struct SlotReport {
    time: String,
    seconds: i64,
    allowed: u64,
    refused: u64,
    failed: u64,
    unknown: u64,
}

#[derive(Serialize)]
struct GroupReport {
    #[serde(skip_serializing_if = "String::is_empty")]
    client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    device: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    agent: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    visits: u64,
    first: String,
    last: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl GroupReport {
    fn of(group: &Group, let_in: &LetIn<'_>, circumstances: &Circumstances) -> Self {
        let (command, advice) = match circumstances.advise(group) {
            Some(_) if was_let_in_since(group, let_in) => (None, Some("it was let in since then".to_owned())),
            Some(Advice::Command(command)) => (Some(command), None),
            Some(Advice::Words(words)) => (None, Some(words)),
            None => (None, None),
        };
        let Group { client, user, device, agent, verdict, reason, host, visits, first, last, .. } =
            group.clone();
        Self {
            client,
            user,
            device,
            agent,
            verdict: verdict.word(),
            reason,
            visits,
            first: first.to_string(),
            last: last.to_string(),
            host,
            command,
            advice,
        }
    }
}

/// When something happened last, for a view that is empty; `again` is what the command needs to read the same.
pub fn last_told(last: Option<Stamp>, zone: &TimeZone, again: &str) -> String {
    match last {
        Some(last) => {
            let begin = stamp::local(last.seconds() - last.seconds().rem_euclid(60), zone);
            format!(
                "the last event was at {}: innkeeper logs --since \"{}\"{again}",
                last.local(zone),
                begin.strip_suffix(":00").unwrap_or(&begin)
            )
        }
        None => "nothing is written there yet".to_owned(),
    }
}

#[cfg(test)]
mod tests;
