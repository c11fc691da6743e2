//! What goes wrong in the shell. The core's errors stand beside what they are about.

/// Why a mailbox call of a caller came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The circuit is gone: open anew and repeat.
    #[error("the circuit is gone")]
    CircuitGone,
    /// An argument of a wrong size, or too many calls at a time: the caller is at fault.
    #[error(transparent)]
    NotSent(#[from] crate::mailbox::client::NotSent),
}
