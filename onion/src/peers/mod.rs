//! Those whom this process calls.

pub mod disk;
pub mod netd;
pub mod open_links;
