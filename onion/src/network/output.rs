//! What the network wants and tells of itself.

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
    /// The link's other side has given its own descriptor, as asked; foreign bytes.
    Described(LinkId, Vec<u8>),
    /// Of one of our own circuits.
    Circuit(CircuitEvent),
    /// For this relay's services.
    Service(ServiceEvent),
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
