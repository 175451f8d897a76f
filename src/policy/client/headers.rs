//! The headers by which proxies say whom they speak for.

/// The values of the headers that name a client, each in the order of its lines; empty where there is
/// none.
#[derive(Clone, Debug, Default)]
pub struct ForwardedHeaders<'a> {
    /// `X-Real-IP`.
    pub x_real_ip: Vec<&'a [u8]>,
    /// `CF-Connecting-IP`.
    pub cf_connecting_ip: Vec<&'a [u8]>,
    /// `X-Forwarded-For`.
    pub x_forwarded_for: Vec<&'a [u8]>,
    /// `Forwarded` (RFC 7239).
    pub forwarded: Vec<&'a [u8]>,
    /// `X-Forwarded-Proto`, which names no client and so is no sign of a proxy by itself.
    pub x_forwarded_proto: Vec<&'a [u8]>,
}

impl ForwardedHeaders<'_> {
    /// Whether none of them names anybody.
    pub(super) fn are_absent(&self) -> bool {
        self.x_real_ip.is_empty()
            && self.cf_connecting_ip.is_empty()
            && self.x_forwarded_for.is_empty()
            && self.forwarded.is_empty()
    }

    /// Whether `X-Forwarded-Proto` says `https` in every value of every line. Where proxies append, the first value is
    /// the client's and may be a wish, and one hop in clear is enough for others to read along; a value that is neither
    /// `https` nor `http` says nothing.
    pub(super) fn say_https(&self) -> bool {
        let is_https = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"https");
        let lines = &self.x_forwarded_proto;
        !lines.is_empty() && lines.iter().all(|line| line.split(|byte| *byte == b',').all(is_https))
    }
}
