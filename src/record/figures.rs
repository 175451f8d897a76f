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
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
