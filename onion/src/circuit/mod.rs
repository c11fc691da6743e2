//! Circuits: what their two ends share ([`streams`]) and the client's end ([`client`]). The relay's is in [`crate::relay`].

pub mod client;
pub mod handshake_parts;
pub mod streams;
