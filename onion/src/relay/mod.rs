//! The relay's side of other people's circuits.

pub mod circuit;
pub mod creation;
