//! Those whom this process calls.

pub mod disk;
pub mod links;
pub mod netd;
