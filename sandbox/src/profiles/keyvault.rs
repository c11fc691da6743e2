//! keyvault: all keys, one file by descriptor, no network, no names of files.

use super::base::{BASE, NO_FILES};
use super::groups::{LOCKED_MEMORY, OPEN_FILE, THREADS};
use super::{CHILD, EVERY, Profile};
use crate::call;
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};
use crate::rule::{Row, allow};

/// The vault.
pub static KEYVAULT: Profile = Profile {
    name: "keyvault",
    id: 3,
    groups: &[BASE, NO_FILES, OPEN_FILE, THREADS, LOCKED_MEMORY, OWN],
    limits: &[EVERY, LIMITS],
    ..CHILD
};

const LIMITS: &[Limit] = &[
    limit(Descriptors, 256, "edges, local programs' connections, the vault, locked pages"),
    limit(LockedMemory, 8 << 20, "keys that must not be swapped"),
    limit(
        FileSize,
        256 << 20,
        "the vault: 10,000 sessions take some 30 MB, twice that while it is compacted",
    ),
    limit(Data, 640 << 20, "one guess at a passphrase takes 256 MiB; twice, and the sessions"),
    limit(Tasks, 16, "one thread, and a few that a library may start"),
];

const OWN: &[Row] = &[allow(call!(SYS_memfd_secret), "keys live where not even the kernel has them mapped")];
