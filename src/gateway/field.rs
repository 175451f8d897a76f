//! What a header field means to a gateway: which fields steer a request, which never pass.
//!
//! Names are compared without case and with everything that is neither letter nor digit read as `-`: many applications
//! (CGI, WSGI, PHP) cannot tell `Remote_User` or `Remote.User` from `Remote-User`, so no form of a guarded name passes.

/// The meaning of one header field, from its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Passed on as it is.
    Other,
    /// `Accept`: passed on, and read when Innkeeper answers itself.
    Accept,
    /// `Authorization`: the visitor's credentials.
    Authorization,
    /// `CF-Connecting-IP`.
    CfConnectingIp,
    /// `Connection`: hop-by-hop, and names further hop-by-hop fields (RFC 9110, section 7.6.1).
    Connection,
    /// `Content-Length`.
    ContentLength,
    /// `Cookie`: passed on without our own.
    Cookie,
    /// `Expect`.
    Expect,
    /// `Sec-Fetch-Site`: passed on, and read where another website may be asking.
    FetchSite,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Host`.
    Host,
    /// `Keep-Alive`: hop-by-hop; an upstream says in it how long it waits.
    KeepAlive,
    /// A field that names a user or a client on somebody's behalf: ours to write, nobody else's.
    Asserted,
    /// Hop-by-hop without a meaning for us: never passed on.
    HopByHop,
    /// `Origin`: passed on, and read where another website may be asking.
    Origin,
    /// `Strict-Transport-Security`: an upstream's passes unless there is one of ours.
    StrictTransportSecurity,
    /// `Set-Cookie`: an upstream's passes unless it would set our own.
    SetCookie,
    /// `Sec-WebSocket-Key`.
    WebSocketKey,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Upgrade`.
    Upgrade,
    /// `User-Agent`.
    UserAgent,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Forwarded-Proto`.
    XForwardedProto,
    /// `X-Real-IP`.
    XRealIp,
}

/// So much of a name is looked at, in bytes: more than any guarded name or prefix has.
const LONGEST: usize = 40;

/// Prefixes of fields by which proxies assert who the user is, in dashed lower case.
const ASSERTED_PREFIXES: [&[u8]; 10] = [
    b"remote-",
    b"x-forwarded-",
    b"x-authentik-",
    b"tailscale-",
    b"x-auth-request-",
    b"x-remote-",
    b"x-webauth-",
    b"x-authenticated-",
    b"x-goog-authenticated-",
    b"x-pomerium-",
];

impl Field {
    /// The meaning of the field called `name`.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        // Most fields of a browser begin with another letter than a guarded one.
        let first = name.first().copied().unwrap_or_default() | 0x20;
        if !matches!(
            first,
            b'a' | b'c' | b'e' | b'f' | b'h' | b'k' | b'o' | b'p' | b'r' | b's' | b't' | b'u' | b'x'
        ) {
            return Self::Other;
        }
        let mut folded = [0_u8; LONGEST];
        for (to, from) in folded.iter_mut().zip(name) {
            *to = fold(*from);
        }
        let folded = &folded[..name.len().min(LONGEST)];
        let meaning = Self::of_folded(folded);
        // `Content_Length` is no `Content-Length` to any parser of HTTP; only what somebody might
        // take for an assertion is caught in its underscore form, and then it must not steer us.
        match meaning {
            Self::Other | Self::Asserted => meaning,
            Self::XForwardedFor
            | Self::XForwardedProto
            | Self::XRealIp
            | Self::CfConnectingIp
            | Self::Forwarded
                if is_odd(name) =>
            {
                Self::Asserted
            }
            _ if is_odd(name) => Self::Other,
            _ => meaning,
        }
    }

    fn of_folded(name: &[u8]) -> Self {
        match name {
            b"accept" => Self::Accept,
            b"authorization" => Self::Authorization,
            b"cf-connecting-ip" => Self::CfConnectingIp,
            b"connection" => Self::Connection,
            b"content-length" => Self::ContentLength,
            b"cookie" => Self::Cookie,
            b"expect" => Self::Expect,
            b"forwarded" => Self::Forwarded,
            b"host" => Self::Host,
            b"keep-alive" => Self::KeepAlive,
            b"http2-settings"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"proxy-connection"
            | b"te"
            | b"trailer" => Self::HopByHop,
            b"origin" => Self::Origin,
            b"sec-fetch-site" => Self::FetchSite,
            b"sec-websocket-key" => Self::WebSocketKey,
            b"set-cookie" => Self::SetCookie,
            b"strict-transport-security" => Self::StrictTransportSecurity,
            b"transfer-encoding" => Self::TransferEncoding,
            b"upgrade" => Self::Upgrade,
            b"user-agent" => Self::UserAgent,
            b"x-forwarded-for" => Self::XForwardedFor,
            b"x-forwarded-proto" => Self::XForwardedProto,
            b"x-real-ip" => Self::XRealIp,
            // The last three: some applications take their path from these, past whoever judged the real one.
            b"cf-access-authenticated-user-email"
            | b"cf-connecting-ipv6"
            | b"true-client-ip"
            | b"x-client-ip"
            | b"x-cluster-client-ip"
            | b"x-original-uri"
            | b"x-original-url"
            | b"x-rewrite-url" => Self::Asserted,
            _ if ASSERTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => Self::Asserted,
            _ => Self::Other,
        }
    }

    /// Whether a client's field of this kind goes on to the upstream as it came. A `Cookie` goes without ours.
    #[must_use]
    pub const fn passes_to_upstream(self) -> bool {
        matches!(
            self,
            Self::Other
                | Self::Accept
                | Self::FetchSite
                | Self::Origin
                | Self::SetCookie
                | Self::StrictTransportSecurity
                | Self::UserAgent
                | Self::WebSocketKey
        )
    }

    /// Whether an upstream's field of this kind goes on to the client as it came. A `Set-Cookie` must not be ours.
    #[must_use]
    pub const fn passes_to_client(self) -> bool {
        !matches!(
            self,
            Self::Connection
                | Self::ContentLength
                | Self::HopByHop
                | Self::KeepAlive
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }
}

/// Whether two names are the same to an application that cannot tell `_` or `.` from `-`.
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// Whether it is another name to HTTP than the one that it is folded to.
fn is_odd(name: &[u8]) -> bool {
    name.iter().any(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
}

/// The names that `Connection` lines list, which are hop-by-hop for this message only.
///
/// `close`, `keep-alive` and `upgrade` are options of the connection and no fields.
#[derive(Clone, Debug, Default)]
pub struct Listed<'a> {
    names: Vec<&'a [u8]>,
    /// `close` stood among the options.
    pub close: bool,
    /// `keep-alive` stood among the options.
    pub keep_alive: bool,
    /// `upgrade` stood among the options.
    pub upgrade: bool,
}

impl<'a> Listed<'a> {
    /// Adds the options of one `Connection` line.
    pub fn read(&mut self, line: &'a [u8]) {
        for option in
            line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|option| !option.is_empty())
        {
            match option {
                _ if option.eq_ignore_ascii_case(b"close") => self.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                _ => self.names.push(option),
            }
        }
    }

    /// Whether the field called `name` was listed.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarded_names_are_known_in_every_spelling() {
        for name in [
            "Remote-User",
            "remote_user",
            "REMOTE-Groups",
            "X-Authentik-Username",
            "x_authentik_uid",
            "X-Forwarded-User",
            "X_Forwarded-For",
            "X_Forwarded-Proto",
            "Tailscale-User-Login",
            "x_real_ip",
            "CF_Connecting_IP",
            "True-Client-IP",
            "X-Original-URL",
            "x_rewrite_url",
            "CF-Connecting-IPv6",
            "X-Authentik-Meta-Outpost-Configuration-Of-Somebody",
            "Remote.User",
            "REMOTE~groups",
            "X!Forwarded!For",
            "X-Real.IP",
            "X-WebAuth-User",
            "X-Goog_Authenticated.User-Email",
        ] {
            assert_eq!(Field::of(name.as_bytes()), Field::Asserted, "{name}");
            assert!(!Field::of(name.as_bytes()).passes_to_upstream(), "{name}");
        }
        assert_eq!(Field::of(b"x-forwarded-for"), Field::XForwardedFor);
        assert_eq!(Field::of(b"X-Real-IP"), Field::XRealIp);
        assert_eq!(Field::of(b"X-Forwarded-Proto"), Field::XForwardedProto);
        for read in [Field::XForwardedFor, Field::XForwardedProto, Field::XRealIp, Field::Forwarded] {
            assert!(!read.passes_to_upstream());
        }
        for odd in [&b"Content_Length"[..], b"Coo.kie", b"set_cookie", b"Sec_Fetch-Site", b"Connection."] {
            assert_eq!(Field::of(odd), Field::Other);
        }
        assert_eq!(Field::of(b"COOKIE"), Field::Cookie);
        assert_eq!(Field::of(b"Set-Cookie"), Field::SetCookie);
        assert_eq!(Field::of(b"Origin"), Field::Origin);
        assert_eq!(Field::of(b"sec-fetch-site"), Field::FetchSite);
        assert_eq!(Field::of(b"Remote"), Field::Other);
        assert_eq!(Field::of(b""), Field::Other);
        assert_eq!(Field::of(&[b'x'; 400]), Field::Other);
    }

    #[test]
    fn connection_options_are_split_over_lines_and_case() {
        let mut listed = Listed::default();
        listed.read(b"Keep-Alive, X-Forwarded-For ,, ");
        listed.read(b"UPGRADE,x-Secret");
        assert!(listed.keep_alive && listed.upgrade && !listed.close);
        assert!(listed.has(b"x-forwarded-for") && listed.has(b"X-SECRET") && !listed.has(b"cookie"));
    }
}
