//! mediad: a stranger's bytes to pixels, and nothing but the base. One job, then exit.

use super::base::{BASE, NO_FILES};
use super::{CHILD, Profile};

/// The decoder.
pub static MEDIAD: Profile =
    Profile { name: "mediad", id: 7, groups: &[BASE, NO_FILES], descriptors: 32, ..CHILD };
