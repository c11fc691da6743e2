//! ui: the window of Privatus.
//!
//! Three layers: [`model`] knows and decides (with [`edit`] what one writes in), [`view`] makes a picture of it ([`scene`]), and only `paint`, `fields`, `happening`
//! and [`window`] speak to FLTK. [`serve`] speaks to the other processes, on a thread of its own.
//!
//! # Holds
//! What is on the screen, and a passphrase while it is typed.
//!
//! # Trusts
//! keyvault and stored to answer truly; the display server, which sees everything shown. Names and texts are strangers' words.
//!
//! # Never sees
//! Keys, the network, files that it was not handed. The one that it may write, `ui.state`, says nothing about people.
//!
//! # If it dies
//! It restarts alone and asks for its view again; what was sent is in stored's outbox, and what was being written is its draft, but for
//! the last second.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod attention;
mod breaking;
pub mod brief;
pub mod direction;
pub mod edit;
mod fields;
pub mod found;
mod happening;
pub mod icon;
pub mod kept;
pub mod layout;
pub mod links;
pub mod markdown;
pub mod mirror;
pub mod model;
mod paint;
pub mod place;
mod pointing;
mod pressed;
pub mod regions;
pub mod scene;
pub mod secret;
pub mod serve;
pub mod style;
pub mod text;
pub mod theme;
pub mod view;
pub mod window;
