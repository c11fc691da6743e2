//! keyvault: all keys, one file by descriptor, no network, no names of files.

use super::base::{BASE, NO_FILES};
use super::groups::{LOCKED_MEMORY, OPEN_FILE, THREADS};
use super::{CHILD, Profile};
use crate::call;
use crate::rule::{Row, allow};

/// The vault.
pub static KEYVAULT: Profile = Profile {
    name: "keyvault",
    id: 3,
    groups: &[BASE, NO_FILES, OPEN_FILE, THREADS, LOCKED_MEMORY, OWN],
    locked_bytes: 8 * 1024 * 1024,
    ..CHILD
};

const OWN: &[Row] = &[allow(call!(SYS_memfd_secret), "keys live where not even the kernel has them mapped")];
