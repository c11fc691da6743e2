//! The onion core, without I/O: what carries cells (`Network`) joined with the directory, the choice of
//! paths and the mailboxes.
//!
//! # How the pieces fit
//!
//! `Network` owns links, circuits and streams, and knows nothing of descriptors, paths or queues. A *stream* carries
//! whole **messages** of 0 to [`MESSAGE_MAX_BYTES`] bytes each way, in order, reliably while its circuit lives. On the wire a
//! message is its length (4 B big-endian) and its bytes, cut into relay messages of ≤ 488 B. So everything above cells is
//! "a request message goes to a service of a relay, answers and pushed messages come back on the same stream".
//!
//! ## As a client
//! - `network.open(now, route: Vec<HopInfo>, lane) -> CircuitHandle`: starts to build; a route of one hop is for the directory only.
//! - `network.open_stream(circuit, service) -> Result<StreamId, Gone>`: legal once [`CircuitEvent::Built`] was seen.
//! - `network.send(circuit, stream, message) -> Result<(), SendError>`: `QueueFull` when more than a window waits already
//!   (a [`CircuitEvent::Drained`] follows), `TooLong`, or `Gone`.
//! - `network.end_stream(circuit, stream)`, `network.close(circuit)`.
//! - What happens comes back as [`CircuitEvent`]s.
//!
//! ## As a relay
//! A message of a client's stream comes out as [`ServiceMessage`]; it names a [`StreamRef`], which stays valid until
//! [`ServiceEvent::Ended`]. Answer with `network.reply(StreamRef, message)`, any number of times, at any time later: an
//! unsolicited push is the same call. Same errors as `send`. `network.end_service(StreamRef)` ends it from this side.
//! `binding` is the 32 B circuit binding that both ends derived from the handshake and that commands are signed over.
//!
//! ## Expected of the other modules
//! - `directory`: plain structs that parse and make messages of the directory service, and hold the view:
//!   `onion_key(RelayId)`, the descriptor's bytes for netd, the relay that has a given link key.
//! - `path`: from the view and its own guards, a `Vec<RelayId>` for an asked relay; it is told [`CircuitFailure`]s.
//! - `mailbox`: a client half that turns a call into a request message and an answer message into a result, and a relay half
//!   that turns a [`ServiceMessage`] into disk requests (edge onion-stored) and their answers into replies and pushes.
//!
//! Times are passed in, randomness too; nothing here reads a clock.

mod circuits;
mod commands;
mod directory;
mod event;
mod hosting;
mod links;
mod onion;
mod saved;
#[cfg(test)]
mod tests;
mod turn;
mod upkeep;

pub use crate::event::{
    CircuitEvent, CircuitFailure, FailureReason, MESSAGE_MAX_BYTES, SendError, ServiceEvent, ServiceMessage,
    StreamRef,
};
pub use event::{Ask, AskId, CoreOutput, DialId, LinkKey, OpenId, Opened, Target};
#[cfg(any(test, feature = "simulation"))]
pub use hosting::Lie;
pub use ipc_schema::edge::stored_onion::OpenError;
pub use onion::{NetworkState, OnionCore};
