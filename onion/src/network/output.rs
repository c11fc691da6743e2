//! What the network wants and tells of itself.

use ipc_schema::Timestamp;

use crate::event::{CircuitEvent, ServiceEvent};
use crate::id::{LinkId, RelayId};

/// What the network wants or tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// A link to that relay is wanted: answer with `connected` or `connect_failed`.
    Connect(RelayId),
    /// The link has cells to drain. Said once until it is drained empty.
    Ready(LinkId),
    /// Close the link; it is already forgotten here.
    CloseLink(LinkId),
    /// The link's other side has described itself, as asked.
    Described(LinkId, Description),
    /// Of one of our own circuits.
    Circuit(CircuitEvent),
    /// For this relay's services.
    Service(ServiceEvent),
}

/// What a relay says of itself on a link; a stranger's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its descriptor, as it is signed.
    pub untrusted_descriptor: Vec<u8>,
    /// What its clock told; `None`: it did not say.
    pub clock: Option<Timestamp>,
}

/// What is counted for `privatus relay metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Circuits of others that are open.
    pub passing: u64,
    /// Our own circuits.
    pub own: u64,
    /// Links that are up.
    pub links: u64,
    /// Cells that were passed on, ever.
    pub forwarded: u64,
}
