//! mediad: a stranger's bytes to pixels, and nothing but the base. One job, then exit.

use super::base::{BASE, NO_FILES};
use super::{CHILD, EVERY, Profile};
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Processor, Tasks};
use crate::resource::{Limit, limit};

/// The decoder.
pub static MEDIAD: Profile =
    Profile { name: "mediad", id: 7, groups: &[BASE, NO_FILES], limits: &[EVERY, LIMITS], ..CHILD };

const LIMITS: &[Limit] = &[
    limit(Descriptors, 32, "one edge, the loop, the report"),
    limit(LockedMemory, 0, "locks nothing"),
    limit(FileSize, 4096, "its report"),
    limit(Data, 256 << 20, "a picture of 8 MiB, one row of it, a decoder of 4 MiB; ten times that"),
    limit(Processor, 60, "40 million pixels take some 2 s"),
    limit(Tasks, 1, "one thread"),
];
