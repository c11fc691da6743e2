//! The relay directory: signed descriptors and how the full view of them is kept (protocol.md 7).
