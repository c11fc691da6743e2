//! Mailboxes: the client that asks a relay and the service that answers
//! (docs/protocol/mailbox.md, "Mailbox service, version 1").
//!
//! - [`call`]: what a mailbox is asked; [`message`]: what a stream of the mailbox service carries.
//! - [`proof_of_work`]: the proof of work that a new queue costs.
//! - [`client`]: the client's half of a stream.
//! - [`service`]: the relay's half; [`keys`]: what it checks commands with; [`disk`]: what it asks of the mailbox disk.

pub mod call;
pub mod client;
pub mod disk;
pub mod keys;
pub mod message;
#[cfg(any(test, feature = "simulation"))]
pub mod model_disk;
pub mod proof_of_work;
pub mod service;

pub use client::{Client, Event, NotSent, Outcome, RequestId};
pub use disk::{DiskReply, DiskRequest, Ticket};
pub use message::{Answer, Authenticator, Call, Created, Misbehaved, QueueId, Request, Signed, Waiting};
pub use service::{Output, Service};
