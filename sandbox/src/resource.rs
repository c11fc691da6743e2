//! A profile's resources: one row bounds one thing that a process could take from all others, and says why so much.

use std::io;

use nix::sys::resource::{getrlimit, setrlimit};

use crate::error::{Doing, Error};
use crate::namespaces::Namespaces;

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A core dump, in bytes.
    Core,
    /// Descriptors that are open at a time.
    Descriptors,
    /// Locked memory, in bytes.
    LockedMemory,
    /// One file, in bytes; what would be longer fails with EFBIG.
    FileSize,
    /// Private memory that can be written (heap, stacks), in bytes.
    Data,
    /// Processor time of one life, in seconds.
    Processor,
    /// Threads and processes. The kernel counts them per user and user namespace, so it says something only in one of its own.
    Tasks,
}

/// One row of a profile's resources.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is bounded.
    pub resource: Resource,
    /// How much, in the resource's unit.
    pub most: u64,
    /// What needs so much.
    pub reason: &'static str,
}

/// At most `most` of `resource`, because of `reason`.
#[must_use]
pub const fn limit(resource: Resource, most: u64, reason: &'static str) -> Limit {
    Limit { resource, most, reason }
}

impl Resource {
    /// Its line in /proc/PID/limits.
    #[must_use]
    pub const fn line(self) -> &'static str {
        match self {
            Self::Core => "Max core file size",
            Self::Descriptors => "Max open files",
            Self::LockedMemory => "Max locked memory",
            Self::FileSize => "Max file size",
            Self::Data => "Max data size",
            Self::Processor => "Max cpu time",
            Self::Tasks => "Max processes",
        }
    }

    /// Whether it bounds a process that has these namespaces.
    #[must_use]
    pub fn counts_in(self, namespaces: Namespaces) -> bool {
        self != Self::Tasks || namespaces.contains(Namespaces::USER)
    }

    const fn number(self) -> nix::sys::resource::Resource {
        use nix::sys::resource::Resource as Kernel;
        match self {
            Self::Core => Kernel::RLIMIT_CORE,
            Self::Descriptors => Kernel::RLIMIT_NOFILE,
            Self::LockedMemory => Kernel::RLIMIT_MEMLOCK,
            Self::FileSize => Kernel::RLIMIT_FSIZE,
            Self::Data => Kernel::RLIMIT_DATA,
            Self::Processor => Kernel::RLIMIT_CPU,
            Self::Tasks => Kernel::RLIMIT_NPROC,
        }
    }

    const fn doing(self) -> &'static str {
        match self {
            Self::Core => "forbid core dumps",
            Self::Descriptors => "limit the descriptors",
            Self::LockedMemory => "limit the locked memory",
            Self::FileSize => "limit the size of files",
            Self::Data => "limit the memory",
            Self::Processor => "limit the processor time",
            Self::Tasks => "limit the threads",
        }
    }
}

impl Limit {
    /// Bounds the calling process, hard and soft; to what it is allowed already where that is less.
    pub(crate) fn apply(&self) -> Result<(), Error> {
        lower(self.resource.number(), self.most).doing(self.resource.doing())
    }
}

fn lower(resource: nix::sys::resource::Resource, most: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    let limit = most.min(hard);
    Ok(setrlimit(resource, limit, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_limited_is_named() {
        use Resource::{Core, Data, Descriptors, FileSize, LockedMemory, Processor, Tasks};
        let all = [Core, Descriptors, LockedMemory, FileSize, Data, Processor, Tasks];
        let named: std::collections::BTreeSet<_> = all.iter().map(|resource| resource.doing()).collect();
        assert_eq!(named.len(), all.len());
        assert!(named.iter().all(|doing| doing.starts_with("limit the ") || *doing == "forbid core dumps"));
    }
}
