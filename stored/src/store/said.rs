//! Where a contact said what they do to a text, and an edit as a whole.

use ipc_schema::Timestamp;

use crate::content::{Link, WireId};

/// Where a contact said something: of two things that they said of one text the later one holds, whichever came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// Since when they numbered so.
    pub chain: Timestamp,
    /// Its number.
    pub sequence: u64,
}

impl From<&Link> for Said {
    fn from(link: &Link) -> Self {
        Self { chain: link.chain, sequence: link.sequence }
    }
}

/// An edit of which all parts are there.
pub(crate) struct WholeEdit {
    /// Its name.
    pub name: WireId,
    /// Where its first part was said.
    pub said: Said,
    /// Untrusted.
    pub body: String,
}
