//! The words that a program can switch on: verdicts, reasons and the like, each an enum of its own.

use std::fmt;

/// Declares an enum whose values are words of the format.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As it is written.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one that is written so.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// Whether a request was let in.
    Verdict {
        /// Yes.
        Allowed = "allowed",
        /// No.
        Refused = "refused",
        /// No: it tried to sign in and did not succeed.
        Failed = "failed",
    }
}

words! {
    /// Why a request was let in or not.
    Reason {
        /// There is no list.
        Open = "open",
        /// Its address is listed.
        Listed = "listed",
        /// The path is public.
        Public = "public",
        /// It came with the right password.
        Password = "password",
        /// It belongs to somebody who signed in before.
        Session = "session",
        /// Its address is not listed.
        Unlisted = "unlisted",
        /// What should name its address cannot be read.
        UnreadableAddress = "unreadable-address",
        /// It asked for a host that is not one of ours.
        UnknownHost = "unknown-host",
        /// It came over http, and https is required.
        Insecure = "insecure",
        /// Another website made a browser send it.
        CrossSite = "cross-site",
        /// It is no request that can be understood in one way only, or did not come in time.
        Malformed = "malformed",
        /// The user name or the password was wrong.
        WrongPassword = "wrong-password",
        /// What it brought to sign in with cannot be read.
        UnreadableLogin = "unreadable-login",
        /// It brought nothing to sign in with: as every browser begins.
        NoLogin = "no-login",
        /// After too many wrong passwords, none was looked at.
        Throttled = "throttled",
        /// Too many waited for their password to be looked at.
        Busy = "busy",
        /// It was let in, and then the rules changed.
        Revoked = "revoked",
        /// One that a newer version knows.
        Other = "other",
    }
}

words! {
    /// How an answer ended.
    End {
        /// All of it was sent.
        Whole = "whole",
        /// A part of it, or nothing.
        Cut = "cut",
    }
}

words! {
    /// A version of TLS.
    Tls {
        /// TLS 1.2.
        V1_2 = "1.2",
        /// TLS 1.3.
        V1_3 = "1.3",
    }
}

words! {
    /// A version of HTTP.
    Protocol {
        /// HTTP/1.0.
        Http10 = "HTTP/1.0",
        /// HTTP/1.1.
        Http11 = "HTTP/1.1",
        /// HTTP/2.
        Http2 = "HTTP/2",
    }
}

words! {
    /// How somebody signed in.
    By {
        /// The form.
        Form = "form",
        /// Basic authentication.
        Basic = "basic",
    }
}

impl Reason {
    /// The verdict that goes with it; of a reason that is not known, a refusal.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Open | Self::Listed | Self::Public | Self::Password | Self::Session => Verdict::Allowed,
            Self::WrongPassword | Self::UnreadableLogin | Self::Throttled => Verdict::Failed,
            _ => Verdict::Refused,
        }
    }

    /// The event of a visit that ended for this reason.
    pub(super) const fn event(self) -> &'static str {
        match self {
            Self::WrongPassword | Self::UnreadableLogin => "failure",
            Self::Throttled => "throttle",
            _ => "visit",
        }
    }
}
