//! People by their names: whom the user's word stands for, and what somebody can be called.

use ipc_schema::edge::ui_stored::{AcceptError, AnswerError, ChangeError, InviteError};
use ipc_schema::limits::NAME_MAX_BYTES;

use super::oneself;
use super::turn::Turn;
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, Store};

/// What the user's word for something stands for, or why for nothing.
pub(super) type Found<T, E> = Result<Result<T, E>, StoreError>;

/// Why nobody can be called so.
pub(super) enum NotCalled {
    /// Somebody is already.
    Taken,
    /// It is no name.
    Bad,
}

macro_rules! not_called {
    ($($error:ident)*) => {
        $(impl From<NotCalled> for $error {
            fn from(why: NotCalled) -> Self {
                match why {
                    NotCalled::Taken => Self::NameTaken,
                    NotCalled::Bad => Self::NameBad,
                }
            }
        })*
    };
}

not_called! { InviteError AcceptError ChangeError AnswerError }

/// A contact by the user's word for it, or by its id; the notes to oneself also by theirs.
pub(super) fn called(store: &Store, who: &str) -> Result<Option<Contact>, StoreError> {
    if let Some(contact) = store.contact_named(who)? {
        return Ok(Some(contact));
    }
    match u64::from_str_radix(who, 16) {
        Ok(id) if who.len() == 16 => store.contact(ContactId(id)),
        _ if who == oneself::WORD => store.oneself(),
        _ => Ok(None),
    }
}

/// The same, where something is to be kept there: the notes to oneself are made when they are first asked for.
pub(super) fn called_or_made(turn: &mut Turn, who: &str) -> Result<Option<Contact>, StoreError> {
    match called(&turn.store, who)? {
        None if who == oneself::WORD => oneself::make(turn),
        found => Ok(found),
    }
}

/// The name that is wanted, or one that is free when none is.
pub(super) fn free_name(store: &Store, wanted: &str) -> Found<String, NotCalled> {
    let wanted = wanted.trim();
    if !wanted.is_empty() {
        return usable_name(store, wanted);
    }
    let taken = store.contacts()?.len();
    for number in taken + 1.. {
        let name = format!("contact-{number}");
        if store.contact_named(&name)?.is_none() {
            return Ok(Ok(name));
        }
    }
    Ok(Err(NotCalled::Taken))
}

/// The name that is wanted, or where none is, that which was told, with a number where somebody has it.
pub(super) fn told_name(store: &Store, wanted: &str, untrusted_name: &str) -> Found<String, NotCalled> {
    let (wanted, told) = (wanted.trim(), untrusted_name.trim());
    if !wanted.is_empty() || !is_name(told) {
        return free_name(store, wanted);
    }
    let mut name = told.to_owned();
    for number in 2_u64.. {
        if store.contact_named(&name)?.is_none() {
            break;
        }
        let number = format!(" {number}");
        let room = NAME_MAX_BYTES.saturating_sub(number.len());
        name = format!("{}{number}", told.get(..told.floor_char_boundary(room)).unwrap_or_default());
    }
    Ok(Ok(name))
}

/// What a contact is called where they are told of: what they call themselves, since what the user calls them is the user's alone; that,
/// where they said nothing that can be shown.
pub(super) fn name_for_others(contact: &Contact) -> &str {
    let own = contact.their_name.trim();
    if is_name(own) { own } else { &contact.name }
}

/// A name that nobody has.
pub(super) fn usable_name(store: &Store, name: &str) -> Found<String, NotCalled> {
    if !is_name(name) {
        return Ok(Err(NotCalled::Bad));
    }
    let taken = store.contact_named(name)?.is_some();
    Ok(if taken { Err(NotCalled::Taken) } else { Ok(name.to_owned()) })
}

/// A name that can be shown on one line.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX_BYTES && !name.chars().any(char::is_control)
}
