//! How long an authority and its certificates live, and how certificates say so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::CertificateParams;
use x509_parser::certificate::X509Certificate;

use crate::error::Error;

/// How long an authority lives: ten years, as every device has to be told of its successor by hand.
pub(super) const AUTHORITY_LIFE: Duration = days(3652);

/// How long a certificate for the server lives at most. Browsers take no more than 398 days from public authorities,
/// Apple's systems no more than 825 from anybody.
pub(super) const LEAF_LIFE: Duration = days(397);

/// Devices whose clock is a little slow take a new certificate all the same.
pub(super) const CLOCK_SKEW: Duration = Duration::from_hours(1);

/// So many days of 24 hours.
pub(super) const fn days(count: u64) -> Duration {
    Duration::from_hours(count * 24)
}

/// Where a moment is in the life of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Before its beginning: the clock is slow now, or was fast when the authority was made.
    Unborn,
    /// In between.
    Alive,
    /// At its end or behind.
    Over,
}

/// Sets from when and until when the certificate is good, in whole seconds.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    from: SystemTime,
    until: SystemTime,
) -> Result<(), Error> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    (params.not_before, params.not_after) = (epoch + seconds(from)?, epoch + seconds(until)?);
    Ok(())
}

/// The seconds from 1970 to a moment before the year 9000, which certificates can hold.
pub(super) fn seconds(moment: SystemTime) -> Result<Duration, Error> {
    let since = moment.duration_since(UNIX_EPOCH).map_err(|_| senseless())?.as_secs();
    if since < 221_845_392_000 { Ok(Duration::from_secs(since)) } else { Err(senseless()) }
}

/// From when and until when a certificate is good.
pub(super) fn validity(read: &X509Certificate<'_>) -> (SystemTime, SystemTime) {
    let moment = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or_default());
    let validity = read.validity();
    (moment(validity.not_before.timestamp()), moment(validity.not_after.timestamp()))
}

/// A moment that no certificate can hold.
pub(super) fn senseless() -> Error {
    Error::new("the clock of this machine is wrong").hint("set it: `timedatectl set-ntp true`")
}
