//! What a person looks for in texts: what they typed, read as words, and where those stand in a text that was found. No SQL here: which
//! texts may hold the words, the indexes of the store say (`store/search.rs`).

mod context;
mod letters;
mod query;
#[cfg(test)]
mod tests;

pub use context::Context;
#[cfg(test)]
pub(crate) use letters::UNSPACED;
pub(crate) use query::Source;
pub use query::{TooLong, Wanted};
