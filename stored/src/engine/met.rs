//! Whose keys are known: before both sides have met there is nothing of keyvault's to ask about a contact.

use ipc_schema::edge::ui_stored::{ChangeError, NumberError, ShortError};

use super::names::called;
use super::requests::{Asker, Asks};
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::{ContactId, SessionId};
use crate::store::ContactState;

/// Why there is nothing of keyvault's to ask about a contact.
pub(super) enum NotMet {
    /// There is no such contact.
    Nobody,
    /// Both have not met yet.
    Waiting,
    /// It is the user.
    Oneself,
}

macro_rules! not_met {
    ($($error:ident)*) => {
        $(impl From<NotMet> for $error {
            fn from(why: NotMet) -> Self {
                match why {
                    NotMet::Nobody => Self::NoSuchContact,
                    NotMet::Waiting => Self::Waiting,
                    NotMet::Oneself => Self::NotForSelf,
                }
            }
        })*
    };
}

not_met! { NumberError ChangeError ShortError }

/// A contact's session. There is none before both sides have met; the request is answered then.
pub(super) fn met<C: Asks<Error: From<NotMet>>>(
    turn: &mut Turn,
    request: Asker<C>,
    who: &str,
) -> Result<Option<(Asker<C>, ContactId, SessionId)>, StoreError> {
    let contact = called(&turn.store, who)?;
    let why = match contact.map(|contact| (contact.id, contact.session, contact.state)) {
        Some((id, Some(session), _)) => return Ok(Some((request, id, session))),
        Some((_, None, ContactState::Oneself)) => NotMet::Oneself,
        Some((_, None, state)) if state != ContactState::Connected => NotMet::Waiting,
        _ => NotMet::Nobody,
    };
    turn.answer(request, Err(why.into()));
    Ok(None)
}
