//! Values that are numbers: plain ones, times and sizes.

use std::time::Duration;

use super::super::fault::Fault;
use super::super::javascript::leading_number;
use super::super::tree::{Content, Node};

/// A whole number within bounds, also in quotes. `8000abc` and `8080.9`, which JavaScript takes, are no ports.
pub(super) fn integer(node: &Node, least: i64, most: i64, takes: &str) -> Result<i64, Box<Fault>> {
    let value = match &node.content {
        Content::Number(value, _) => Some(*value),
        Content::Text(text) => {
            text.trim().parse::<i64>().ok().map(|_| text.trim().parse().unwrap_or(f64::NAN))
        }
        _ => None,
    };
    // Bounds are far within what both types hold exactly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let whole = value
        .filter(|value| value.fract() == 0.0 && *value >= least as f64 && *value <= most as f64)
        .map(|value| value as i64);
    whole.ok_or_else(|| numeric_fault(node, &format!("takes {takes}")))
}

/// A finite number, also in quotes.
pub(super) fn number(node: &Node) -> Result<f64, Box<Fault>> {
    let value = match &node.content {
        Content::Number(value, _) => Some(*value),
        Content::Text(text) => decimal(text.trim()),
        _ => None,
    };
    value.filter(|value| value.is_finite()).ok_or_else(|| numeric_fault(node, "takes a number"))
}

/// Seconds, or a number with a unit, as `5s`, `10m`, `8h`, `30d`, `1w`. `None` for what is no time, no time at all, or
/// more than a century, which is a slip.
#[must_use]
pub fn length_of_time(text: &str) -> Option<Duration> {
    const UNITS: &[(&str, f64)] = &[
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("min", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
        ("", 1.0),
    ];
    let seconds = with_unit(text, UNITS).filter(|seconds| *seconds > 0.0 && *seconds <= 3.2e9)?;
    Some(Duration::from_secs_f64(seconds))
}

pub(super) fn duration(node: &Node) -> Result<Duration, Box<Fault>> {
    node.text()
        .and_then(length_of_time)
        .ok_or_else(|| Fault::new(node, "takes a time such as `5s`, `10m` or `30d`"))
}

/// Bytes, or a number with a unit; `k` is 1000 and `Ki` is 1024.
pub(super) fn size(node: &Node) -> Result<u64, Box<Fault>> {
    const UNITS: &[(&str, f64)] = &[
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("b", 1.0),
        ("", 1.0),
    ];
    let bytes = node.text().and_then(|text| with_unit(&text.to_ascii_lowercase(), UNITS));
    // Bounded to what f64 holds exactly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    bytes
        .filter(|bytes| (1.0..=9e15).contains(bytes))
        .map(|bytes| bytes.round() as u64)
        .ok_or_else(|| Fault::new(node, "takes a size such as `32 KiB` or `10 MiB`"))
}

/// `1.5 MiB` with the factor of its unit.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (amount, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| factor)?;
    decimal(amount).map(|amount| amount * factor)
}

/// A number in text: digits, a sign, a point, an exponent; not `inf`.
fn decimal(text: &str) -> Option<f64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)))
}

fn numeric_fault(node: &Node, takes: &str) -> Box<Fault> {
    let fault = Fault::new(node, takes);
    let elsewhere = match leading_number(&node.content) {
        // It means the same there, and is out of bounds here.
        Some(_) if matches!(node.content, Content::Number(..)) => return fault,
        Some(value) => format!("as `{value}`"),
        None => "as the default".to_owned(),
    };
    fault.elsewhere(elsewhere)
}
