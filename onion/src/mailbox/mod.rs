//! Mailboxes: the client that asks a relay and the service that answers (protocol.md 8).
