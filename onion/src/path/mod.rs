//! Which relays a circuit goes through: guard, vanguards, middles (protocol.md 5).
