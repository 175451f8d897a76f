//! The texts of addresses and patterns, and for each that is refused what its writer should type.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Mask;
use crate::error::Error;

/// A pattern as it is written: both ends and masks are of one family, ranges ascend.
pub(super) enum Form<'a> {
    Everyone,
    Single(IpAddr),
    Zoned(Ipv6Addr, &'a str),
    Range(IpAddr, IpAddr),
    Prefix(IpAddr, u8),
    Mask(IpAddr, IpAddr),
    V4Stars(Mask<u32>),
    V6Stars(Mask<u128>),
    /// IPv6 that ends in `::*`; `groups` stand before, `None` when there are stars among them.
    LastGroup {
        stars: Mask<u128>,
        text: &'a str,
        groups: Option<u8>,
    },
}

/// Reads one entry of a list.
pub(super) fn read(text: &str) -> Result<Form<'_>, Error> {
    let text = trim(text);
    if !text.bytes().any(|b| matches!(b, b'%' | b'/' | b'-' | b'*')) {
        return text.parse().map(Form::Single).map_err(|_| unreadable(text));
    }
    if text == "*" {
        return Ok(Form::Everyone);
    }
    if let Some((address, zone)) = text.split_once('%') {
        return zoned(text, address, zone);
    }
    if let Some((address, size)) = text.split_once('/') {
        return network(text, address, size);
    }
    if let Some((first, last)) = text.split_once('-') {
        return range(text, first, last);
    }
    if text.contains('*')
        && let Some(form) = if text.contains(':') { v6_stars(text) } else { v4_stars(text) }
    {
        return Ok(form);
    }
    Err(unreadable(text))
}

/// One address as it stands in a header or on a command line: `192.168.0.7`, `192.168.0.7:567`,
/// `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:567`, `fe80::7%eth0`. The port and the zone are
/// dropped, white space at both ends too; IPv4-mapped IPv6 becomes IPv4.
///
/// # Errors
/// Whatever else it is, octal, hexadecimal and short forms of IPv4 among it; SillyTavern answers 500
/// to most of those and reads `010.0.0.1` as `10.0.0.1`.
pub fn parse_address(text: &str) -> Result<IpAddr, Error> {
    let text = trim(text);
    let address = text.parse().ok().or_else(|| decorated(text)).ok_or_else(|| no_address(text))?;
    Ok(IpAddr::to_canonical(&address))
}

/// Says why a text is not one address.
fn no_address(text: &str) -> Error {
    if read(text).is_ok() {
        return Error::new(format!("{} is a network or a pattern, and one address is wanted", quoted(text)))
            .hint("write one of them, such as `192.168.0.7`");
    }
    let error = unreadable(text);
    match error.hints() {
        [hint] if hint == ANY_ENTRY => Error::new(error.to_string())
            .hint("write one address and nothing else, such as `192.168.0.7` or `2001:db8::7`"),
        _ => error,
    }
}

/// What is said about a text that is nothing at all.
const ANY_ENTRY: &str =
    "write one address, such as `192.168.0.7`, a network, such as `192.168.0.0/24`, or `192.168.0.*`";

/// Drops what JavaScript's `trim` drops: Unicode white space and U+FEFF, but not U+0085.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}')
}

/// A text of others between backticks: cut, and without what a terminal would obey or hide.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut quoted = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            quoted.push('…');
            break;
        }
        if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() {
            quoted.push(c);
        } else {
            quoted.extend(c.escape_unicode());
        }
    }
    quoted.push('`');
    quoted
}

/// An address with a port, brackets or a zone.
fn decorated(text: &str) -> Option<IpAddr> {
    let Some(bracketed) = text.strip_prefix('[') else {
        if let Some((address, zone)) = text.split_once('%') {
            return is_zone(zone).then(|| address.parse().ok().map(IpAddr::V6))?;
        }
        let (address, port) = text.split_once(':')?;
        return is_port(port).then(|| address.parse().ok().map(IpAddr::V4))?;
    };
    let (inside, rest) = bracketed.split_once(']')?;
    if !rest.is_empty() && !rest.strip_prefix(':').is_some_and(is_port) {
        return None;
    }
    let address = match inside.split_once('%') {
        Some((address, zone)) if is_zone(zone) => address,
        Some(_) => return None,
        None => inside,
    };
    address.parse().ok().map(IpAddr::V6)
}

fn is_port(text: &str) -> bool {
    is_digits(text) && text.parse::<u16>().is_ok()
}

/// The unreserved characters of RFC 6874, as many as the longest interface name of any system.
fn is_zone(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `fe80::1%eth0`: zones belong to link-local addresses only (RFC 4007).
fn zoned<'a>(text: &str, address: &str, zone: &'a str) -> Result<Form<'a>, Error> {
    match address.parse::<Ipv6Addr>() {
        Ok(address) if is_zone(zone) && address.is_unicast_link_local() => Ok(Form::Zoned(address, zone)),
        Ok(address) if is_zone(zone) => {
            Err(Error::new(format!("{} has a zone, but is not a link-local address", quoted(text)))
                .hint(format!("did you mean `{address}`")))
        }
        _ => Err(unreadable(text).hint("a zone goes with one link-local address, such as `fe80::1%eth0`")),
    }
}

/// `a-b`: both ends belong to it. White space round the dash is allowed, as in SillyTavern.
fn range(text: &str, first: &str, last: &str) -> Result<Form<'static>, Error> {
    let (first, last) = (trim(first), trim(last));
    let (Ok(low), Ok(high)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>()) else {
        return Err(Error::new(format!("{} is not a range of addresses", quoted(text)))
            .hint("write the first and the last address, such as `192.168.0.10-192.168.0.20`"));
    };
    if low.is_ipv4() != high.is_ipv4() {
        return Err(Error::new(format!("{} mixes IPv4 and IPv6", quoted(text)))
            .hint("write two ranges, one of each family"));
    }
    if low > high {
        return Err(Error::new(format!("the range {} ends before it begins", quoted(text)))
            .hint(format!("did you mean `{high}-{low}`")));
    }
    Ok(Form::Range(low, high))
}

/// `a/24`, `a/255.255.255.0`. The library takes `a/` for `a/0`, which lets in everyone, and any text
/// that JavaScript's `Number` reads (`0x18`, ` 24`, `024`, `1e1`) for a length.
fn network(text: &str, address: &str, size: &str) -> Result<Form<'static>, Error> {
    if size.contains('/') {
        return Err(Error::new(format!("{} has more than one slash", quoted(text)))
            .hint("write one address and one length, such as `192.168.0.0/24`"));
    }
    if address.contains('*') {
        return Err(Error::new(format!("{} has both a star and a slash", quoted(text)))
            .hint("write either `192.168.0.*` or `192.168.0.0/24`"));
    }
    let Ok(base) = address.parse::<IpAddr>() else {
        return Err(match trim(address).parse::<IpAddr>() {
            Ok(base) => Error::new(format!("{} has white space before the slash", quoted(text)))
                .hint(format!("did you mean `{base}/{}`", trim(size))),
            Err(_) => unreadable(address).hint("before the slash stands one whole address"),
        });
    };
    let bits: u8 = if base.is_ipv4() { 32 } else { 128 };
    if size.is_empty() {
        return Err(Error::new(format!("{} has nothing after the slash", quoted(text)))
            .hint(format!("did you mean `{base}` or `{base}/{bits}`")));
    }
    if is_digits(size) && (size == "0" || !size.starts_with('0')) {
        return match size.parse::<u8>() {
            Ok(prefix) if prefix <= bits => Ok(Form::Prefix(base, prefix)),
            _ => Err(Error::new(format!("{} has a length over {bits}", quoted(text)))
                .hint(format!("did you mean `{base}` or `{base}/{bits}`"))),
        };
    }
    match size.parse::<IpAddr>() {
        Ok(mask) if mask.is_ipv4() == base.is_ipv4() => Ok(Form::Mask(base, mask)),
        Ok(_) => Err(Error::new(format!("{} mixes IPv4 and IPv6", quoted(text)))
            .hint(format!("write the length in bits, such as `{base}/{bits}`"))),
        Err(_) => {
            let error = Error::new(format!("{} is not a length in bits or a mask", quoted(size)));
            let plain = trim(size).trim_start_matches('+').trim_start_matches('0');
            Err(match plain.parse::<u8>() {
                Ok(prefix) if prefix <= bits && is_digits(plain) => {
                    error.hint(format!("did you mean `{base}/{prefix}`"))
                }
                _ => error.hint(format!("write 0 to {bits} in plain digits, such as `{base}/{bits}`")),
            })
        }
    }
}

/// `192.168.0.*`, `10.*.0.*`; a star at the end may stand for all that is missing: `192.168.*`.
fn v4_stars(text: &str) -> Option<Form<'static>> {
    let mut octets = [0; 4];
    let mut masks = [0; 4];
    let mut count = 0;
    for field in text.split('.') {
        let (octet, mask) = (octets.get_mut(count)?, masks.get_mut(count)?);
        count += 1;
        if field != "*" {
            if !is_digits(field) || (field.len() > 1 && field.starts_with('0')) {
                return None;
            }
            (*octet, *mask) = (field.parse().ok()?, u8::MAX);
        }
    }
    (count == 4 || text.ends_with(".*"))
        .then(|| Form::V4Stars(Mask { value: u32::from_be_bytes(octets), mask: u32::from_be_bytes(masks) }))
}

/// `2001:db8:*::7`. A star is one group; `::` stands for one or more groups of zeros, so the star of
/// `2001:db8::*` is the last group only.
fn v6_stars(text: &str) -> Option<Form<'_>> {
    let (before, after) = match text.split_once("::") {
        Some((before, after)) => (groups(before, Place::Start)?, Some(groups(after, Place::End)?)),
        None => (groups(text, Place::End)?, None),
    };
    let zeros = 8_usize.checked_sub(before.len() + after.as_ref().map_or(0, Vec::len))?;
    if after.is_some() != (zeros > 0) {
        return None;
    }
    let plain = before.iter().all(|group| group.mask != 0);
    let groups_before = u8::try_from(before.len()).ok().filter(|_| plain);
    let zeros = std::iter::repeat_n(Mask { value: 0, mask: u16::MAX }, zeros);
    let (mut value, mut mask) = (0, 0);
    for group in before.into_iter().chain(zeros).chain(after.into_iter().flatten()) {
        value = value << 16 | u128::from(group.value);
        mask = mask << 16 | u128::from(group.mask);
    }
    let stars = Mask { value, mask };
    Some(if text.ends_with("::*") {
        Form::LastGroup { stars, text, groups: groups_before }
    } else {
        Form::V6Stars(stars)
    })
}

/// The groups between colons. At the end of the whole text the last may be dotted IPv4, which is two.
fn groups(text: &str, place: Place) -> Option<Vec<Mask<u16>>> {
    let plain = |value| Mask { value, mask: u16::MAX };
    let mut groups = Vec::with_capacity(8);
    let mut fields = text.split(':').peekable();
    if text.is_empty() {
        return Some(groups);
    }
    while let Some(field) = fields.next() {
        if field == "*" {
            groups.push(Mask { value: 0, mask: 0 });
        } else if (1..=4).contains(&field.len()) && field.bytes().all(|b| b.is_ascii_hexdigit()) {
            groups.push(plain(u16::from_str_radix(field, 16).ok()?));
        } else if place == Place::End && fields.peek().is_none() {
            let [a, b, c, d] = field.parse::<Ipv4Addr>().ok()?.octets();
            groups.extend([[a, b], [c, d]].map(|pair| plain(u16::from_be_bytes(pair))));
        } else {
            return None;
        }
    }
    Some(groups)
}

/// Which side of `::` a text stood on; without `::` it is the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    End,
}

/// Says what is wrong with a text that is no address, and what was probably meant.
fn unreadable(text: &str) -> Error {
    let shown = quoted(text);
    if text.is_empty() {
        return Error::new("the address is empty").hint("write one address, such as `192.168.0.7`");
    }
    if text.contains(',') {
        return Error::new(format!("{shown} is more than one address")).hint("write one entry for each");
    }
    if let Some((before, _)) = text.split_once(char::is_whitespace) {
        return Error::new(format!("{shown} has white space inside"))
            .hint(format!("write one address and nothing else, such as {}", quoted(before)));
    }
    if let Ok(address) = text.trim_matches(['[', ']', '"', '\'']).parse::<IpAddr>() {
        return Error::new(format!("{shown} is written in brackets or quotes"))
            .hint(format!("did you mean `{address}`"));
    }
    if let Some(address) = decorated(text) {
        return Error::new(format!("{shown} has a port or a zone")).hint(format!("did you mean `{address}`"));
    }
    if text.contains(':') {
        return Error::new(format!("{shown} is not an IPv6 address"))
            .hint("write eight groups, or `::` once for groups of zeros, such as `2001:db8::7`");
    }
    let fields: Vec<&str> = text.split('.').collect();
    if fields.iter().any(|field| field.len() > 1 && field.starts_with('0')) {
        let error = Error::new(format!("{shown} has a field that begins with zero (octal or hexadecimal)"));
        let plain = fields.iter().map(|field| match field.trim_start_matches('0') {
            "" => "0",
            field => field,
        });
        let plain = plain.collect::<Vec<_>>().join(".");
        return match read(&plain) {
            Ok(_) => error.hint(format!("did you mean `{plain}`")),
            Err(_) => error.hint("write four plain decimal fields, such as `192.168.0.7`"),
        };
    }
    let numbers = fields.iter().all(|field| is_digits(field) || *field == "*");
    if numbers && fields.len() != 4 {
        return Error::new(format!("{shown} has {} of the 4 fields of an IPv4 address", fields.len()))
            .hint("write all four, such as `192.168.0.7`, or a star at the end: `192.168.*`");
    }
    if numbers {
        return Error::new(format!("{shown} has a field over 255")).hint("fields go from 0 to 255");
    }
    Error::new(format!("{shown} is not an address")).hint(ANY_ENTRY)
}
