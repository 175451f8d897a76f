//! Which name was meant by one that nobody has.

/// The name among `names` that `written` was probably meant to be: the same but for letter case, dashes and
/// underscores, or one slip away (two in longer names).
#[must_use]
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "").chars().collect::<Vec<char>>();
    let (wanted, length) = (plain(written), written.chars().count());
    let near = |name: &'a str| {
        let most = tolerance(name.chars().count().min(length));
        // Each slip makes a name longer or shorter by one letter at most. Of a name in ASCII the letters are counted
        // without a copy: every unknown name of a file is held against all that there are.
        let letters = name.bytes().filter(|byte| !matches!(byte, b'-' | b'_')).count();
        if name.is_ascii() && letters.abs_diff(wanted.len()) > most {
            return None;
        }
        slips(&wanted, &plain(name), most).map(|slips| (slips, name))
    };
    names.into_iter().filter_map(near).min_by_key(|(slips, _)| *slips).map(|(_, name)| name)
}

/// A short name has too many neighbours to guess.
fn tolerance(length: usize) -> usize {
    match length {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// How many insertions, deletions, replacements and swaps of neighbours lie between two names; `None` for more than
/// `most`, which mostly shows after a few letters.
fn slips(left: &[char], right: &[char], most: usize) -> Option<usize> {
    // The rows of the last letter but one, of the last letter, and of this one.
    let (mut before, mut last) = (Vec::new(), (0..=right.len()).collect::<Vec<_>>());
    let mut row = Vec::with_capacity(last.len());
    for (i, a) in left.iter().enumerate() {
        row.clear();
        row.push(i + 1);
        for (j, b) in right.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        // All that follows comes from these two rows, and is not less.
        if row.iter().chain(&last).all(|slips| *slips > most) {
            return None;
        }
        (before, last, row) = (last, row, before);
    }
    last.last().copied().filter(|slips| *slips <= most)
}

#[cfg(test)]
mod tests {
    use super::super::{FOREIGN_KEYS, KEYS};
    use super::*;

    #[test]
    fn slips_of_the_pen() {
        let names = || KEYS.iter().map(|key| key.path).chain(FOREIGN_KEYS.iter().copied());
        for (written, meant) in [
            ("whitelistmode", Some("whitelistMode")),
            ("WhitelistMode", Some("whitelistMode")),
            ("whitelist-mode", Some("whitelistMode")),
            ("witelist", Some("whitelist")),
            ("whtielistMode", Some("whitelistMode")),
            ("LISTEN", Some("listen")),
            ("lisen", Some("listen")),
            ("prot", Some("port")),
            ("ports", Some("port")),
            ("part", Some("port")),
            ("cor", None),
            ("sort", Some("port")),
            ("ssl", None),
            ("sssl", None),
            ("myKey", None),
            ("extension", Some("extensions")),
        ] {
            assert_eq!(nearest(written, names()), meant, "{written}");
        }
    }
}
