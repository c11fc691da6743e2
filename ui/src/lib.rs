//! What a person sees of Privatus: the command line (`privatus`), and the callees of ui's edges as both it and the window
//! (`privatus-ui`, a package of its own) speak to them.
//!
//! # Holds
//! What is shown, while it is shown. The command line: one connection to one socket of a running suite.
//!
//! # Trusts
//! The suite of the same user. Names and texts are strangers' words and are escaped where a terminal shows them.
//!
//! # Never sees
//! Keys, the network, the other processes' files.
//!
//! # If it dies
//! A command: nothing is lost, repeat it. The window: it starts alone and asks for its view again.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod cli;
pub mod clock;
pub mod peers;
