//! onion: circuits and cells over two edges, one state file by descriptor, as a client and as a relay.

use super::base::{BASE, NO_FILES};
use super::groups::OPEN_FILE;
use super::{CHILD, Profile};

/// Circuits, or a relay's service.
pub static ONION: Profile = Profile { name: "onion", id: 5, groups: &[BASE, NO_FILES, OPEN_FILE], ..CHILD };
