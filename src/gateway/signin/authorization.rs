//! What the app gets of the credentials that were meant for us.

use crate::gateway::forward::Passing;
use crate::gateway::rules::Rules;
use crate::policy::account::Authorization;
use crate::policy::{Entrance, Permit, Visit};

/// What the app gets as `Authorization`: by default nothing of what was meant for us. With `passAuthorization`, what
/// its sender has proven here, or has typed into the form. What was typed comes first: a browser goes on sending a
/// password of before long after it was changed. Where nothing was, what came with a session is passed if it is of the
/// same name; the app then looks at the password as well.
#[must_use]
pub fn authorization(rules: &Rules, visit: &Visit<'_>, permit: &Permit<'_>) -> Passing {
    let Some(sign_in) = &rules.policy.sign_in else { return Passing::AsItCame };
    if !rules.pass_authorization {
        return Passing::Nothing;
    }
    let sent = visit.authorization.map(<[u8]>::to_vec);
    let proven = match &permit.entrance {
        // A listed address may sign in to the app itself, but another website not with what its browser adds; a
        // stranger must not try passwords on it by a public path.
        Entrance::Unasked if !visit.is_foreign_deed() => return Passing::AsItCame,
        Entrance::Unasked | Entrance::Public => None,
        Entrance::Password => sent,
        Entrance::Session(session) => {
            let kept = sign_in.keepsakes.as_ref().and_then(|keepsakes| keepsakes.recall(&session.id));
            let kept = kept.map(|kept| kept.expose().as_bytes().to_vec());
            kept.or_else(|| sent.filter(|value| is_of(value, &session.user)))
        }
    };
    proven.map_or(Passing::Nothing, Passing::Proven)
}

fn is_of(authorization: &[u8], user: &str) -> bool {
    matches!(Authorization::read(authorization), Authorization::Basic(credentials) if credentials.user == user)
}
