//! onion: circuits and cells over two edges, one state file by descriptor, as a client and as a relay.

use super::base::{BASE, NO_FILES};
use super::groups::OPEN_FILE;
use super::{CHILD, EVERY, Profile};
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};

/// Circuits, or a relay's service.
pub static ONION: Profile =
    Profile { name: "onion", id: 5, groups: &[BASE, NO_FILES, OPEN_FILE], limits: &[EVERY, LIMITS], ..CHILD };

const LIMITS: &[Limit] = &[
    limit(Descriptors, 256, "edges, and local programs' connections"),
    limit(LockedMemory, 0, "locks nothing"),
    limit(FileSize, 16 << 20, "two copies of its state: 4,096 descriptors of relays take 2 MB"),
    limit(Data, 1 << 30, "a relay's circuits and their queues of cells"),
    limit(Tasks, 1, "one thread"),
];
