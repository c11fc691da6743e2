//! mediad: a stranger's picture to pixels or to a file anew, and nothing but the base. One job, then exit.

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
    limit(
        Data,
        1280 << 20,
        "a file of 64 MiB, 900 MB for 100 million pixels, the file that it becomes; room to grow",
    ),
    limit(Processor, 60, "100 million pixels take some 10 s to be decoded and written anew"),
    limit(Tasks, 1, "one thread"),
];
