//! Whether a connection gets as far as the policy: the step `connection`.

use std::net::IpAddr;

use crate::config::{Family, Settings};

/// Why no connection of `peer` reaches a socket at all, and the setting that changes it. The policy does not know: it
/// judges who is there.
pub(super) fn closed_to(peer: IpAddr, settings: &Settings) -> Option<(String, Option<&'static str>)> {
    let (family, setting, turned_on, bound, address) = if peer.is_ipv4() {
        let bound = settings.listen_address.ipv4.is_loopback();
        (settings.protocol.ipv4, "protocol.ipv4", "protocol.ipv4 true", bound, "listenAddress.ipv4")
    } else {
        let bound = settings.listen_address.ipv6.is_loopback();
        (settings.protocol.ipv6, "protocol.ipv6", "protocol.ipv6 true", bound, "listenAddress.ipv6")
    };
    if family == Family::Off {
        let text = format!("nobody listens there: `{setting}` is off ({})", settings.origin(setting));
        return Some((text, Some(turned_on)));
    }
    if peer.is_loopback() {
        return None;
    }
    if !settings.listen {
        let text = format!("only this computer can connect: `listen` is off ({})", settings.origin("listen"));
        return Some((text, Some("listen true")));
    }
    let text =
        || format!("only this computer can connect: `{address}` is its own ({})", settings.origin(address));
    bound.then(|| (text(), None))
}
