//! Where a request is addressed to: the forms of a request target (RFC 9112, section 3.2).

use super::http1::Head;

/// Where a request is addressed to.
pub struct Target<'a> {
    /// The origin form, byte for byte; `*` for an OPTIONS of the server as a whole.
    pub target: &'a str,
    /// What was asked for as host; `None` in an HTTP/1.0 request without one.
    pub host: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Takes the absolute form apart (RFC 9112, section 3.2.2). Its authority and `Host` have to be the same: what
    /// one program routes by the one, another judges by the other.
    ///
    /// # Errors
    /// What is wrong with it, for the page that says so.
    pub fn of(head: &Head<'a>) -> Result<Self, &'static str> {
        let target = head.target;
        if target.contains('#') {
            return Err("the request target has a fragment");
        }
        if target.starts_with('/') || (target == "*" && head.method == "OPTIONS") || head.method == "CONNECT"
        {
            return Ok(Self { target, host: head.host });
        }
        let rest = ["http://", "https://"]
            .into_iter()
            .find_map(|scheme| target.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)))
            .map(|scheme| &target[scheme.len()..])
            .ok_or("the request target is neither a path nor a URL")?;
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if !head.host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_bytes())) {
            return Err("the request target and the Host field name two hosts");
        }
        match target.as_bytes().first() {
            // RFC 9110, section 4.2.3: no path is the root.
            None => Ok(Self { target: "/", host: head.host }),
            Some(b'/') => Ok(Self { target, host: head.host }),
            Some(_) => Err("the request target has no path"),
        }
    }
}
