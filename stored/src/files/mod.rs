//! Files: cut into pieces that are known to be what was offered one by one (docs/protocol/file.md).
//!
//! Nothing here knows of a circuit, a queue's relay or a clock.

mod cut;
mod tree;

pub use cut::Cut;
pub use tree::{Hash, Tree, Way, hash_of_piece};
