//! Times, numbers and addresses at the end of a line, without a text of their own for each.

use std::net::IpAddr;

/// A second as `LENGTH` bytes, kept until there is another: most lines are of the same second as the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Second<const LENGTH: usize> {
    second: i64,
    text: [u8; LENGTH],
}

impl<const LENGTH: usize> Second<LENGTH> {
    /// Writes `second`, in seconds since 1970, to the end of `line`, as `spell` has it. What takes another room (a year
    /// without four digits) is not kept.
    #[inline]
    pub(super) fn put(&mut self, second: i64, line: &mut Vec<u8>, spell: impl FnOnce() -> String) {
        if second != self.second {
            let text = spell();
            match text.as_bytes().try_into() {
                Ok(text) => *self = Self { second, text },
                Err(_) => return line.extend_from_slice(text.as_bytes()),
            }
        }
        line.extend_from_slice(&self.text);
    }
}

impl<const LENGTH: usize> Default for Second<LENGTH> {
    fn default() -> Self {
        // No clock can be set to it.
        Self { second: i64::MIN, text: [b' '; LENGTH] }
    }
}

/// Writes `number` to the end of `line`.
#[inline]
pub(super) fn put_number(number: u64, line: &mut Vec<u8>) {
    match u8::try_from(number) {
        // Most numbers of most lines.
        Ok(digit @ 0..10) => line.push(b'0' + digit),
        _ => line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// Writes `address` to the end of `line`, an IPv6 one as RFC 5952 has it.
pub fn put_address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    line.push(b'.');
                }
                line.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(address) => line.extend_from_slice(address.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_spelt_once_and_one_of_another_length_each_time() {
        let mut line = Vec::new();
        let mut second = Second::<2>::default();
        for (number, text) in [(1, "aa"), (1, "bb"), (2, "cc"), (3, "ddd"), (3, "eee"), (2, "ff"), (1, "gg")]
        {
            second.put(number, &mut line, || text.to_owned());
        }
        assert_eq!(line, b"aaaaccdddeeeccgg");
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.0.0.0", "192.168.10.255", "::1", "2001:db8::7", "::ffff:10.0.0.1"] {
            let mut line = Vec::new();
            put_address(text.parse().unwrap(), &mut line);
            assert_eq!(line, text.as_bytes());
        }
    }
}
