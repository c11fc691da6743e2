//! What came in lies in the conversation: where, and under which id.

use ipc_schema::Timestamp;

use crate::content::{self, WireId};
use crate::ids::{ContactId, hex};

/// Where a text stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) chain: Timestamp,
    pub(super) sequence: u64,
    pub(super) position: i64,
    pub(super) gap: bool,
}

/// A received text's id: nobody else can choose the same one.
pub(super) fn message_id(contact: ContactId, wire: WireId) -> String {
    let hash = content::hash(&[contact.0.to_be_bytes().as_slice(), &wire.0].concat());
    hex(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}
