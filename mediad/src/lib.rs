//! mediad: a stranger's picture told, shown, or written anew. One picture a life, then exit 0; a fresh instance is waiting already.
//!
//! # Holds
//! The bytes of one picture, and its pixels.
//!
//! # Trusts
//! Nobody. The bytes come from a stranger, or from a stranger by way of the user; whoever takes this process over gets that one picture
//! and a way to answer stored with other pixels or another file of bounded size.
//!
//! # Never sees
//! Files, the network, keys, texts, names, any other picture.
//!
//! # If it dies
//! That picture shows as broken. stored asks a fresh instance at most once more.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod clean;
mod colour;
mod decode;
pub mod error;
pub mod job;
pub mod jpeg;
pub mod kind;
mod profile;
mod raster;
#[cfg(test)]
mod samples;
mod scale;
pub mod serve;
mod turn;
pub mod view;
