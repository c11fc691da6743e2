//! What a core has not of its own, and is lent for one call.

use ipc_schema::Timestamp;

/// The time of a call, and the chance it may draw on.
pub(super) struct Moment<'a, R> {
    pub(super) now: Timestamp,
    pub(super) rng: &'a mut R,
}
