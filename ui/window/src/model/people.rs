//! What can be done with a contact.

use ipc_schema::edge::ui_stored::ContactState;

use super::menu::Item;
use super::{Act, Model};
use crate::icon::Icon;

/// The rows of a contact's menu; none where nobody has that id.
#[must_use]
pub fn contact_items(model: &Model, who: &str) -> Vec<Item> {
    let Some(contact) = model.person(who) else { return Vec::new() };
    let mut items = vec![Item::new("Open", Icon::Chats, Act::Open(who.to_owned()))];
    if contact.state == ContactState::Connected {
        items.push(Item::new("Compare", Icon::Verified, Act::Compare(who.to_owned())));
    }
    items
}
