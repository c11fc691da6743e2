//! A message that opened, on its way into the records.

use super::records::{News, SessionRecord};
use crate::frame::Frame;
use crate::ids::{InnerHash, SessionId};

/// A message that opened, before it is durable.
pub(super) struct ReadMessage {
    pub(super) session: SessionId,
    pub(super) record: SessionRecord,
    pub(super) news: News,
    pub(super) hash: InnerHash,
    pub(super) frame: Frame,
}
