//! What is in force for a process: measured by itself once sealed, in a report of fixed size that another process may
//! read without trusting it, and compare with what /proc says from outside.

use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource as Kernel, getrlimit};

use crate::error::{Doing, Error};
use crate::landlock::{Domain, Enforced};
use crate::namespaces::Namespaces;
use crate::profiles::{self, Profile};
use crate::resource::Resource;
use crate::sys::{self, Capabilities};

/// The length of every encoded report.
pub const REPORT_BYTES: usize = 128;

const MAGIC: [u8; 8] = *b"pv-walls";
const VERSION: u8 = 1;

/// Memory that is both writable and executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WriteExecute {
    /// Possible: the profile does not forbid it, or it was not set.
    Possible = 0,
    /// Forbidden for good.
    Denied = 1,
    /// The kernel (older than 6.3) cannot forbid it; the filter still forbids executable mappings.
    Unknown = 2,
}

/// The measured state of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The profile it entered.
    pub profile: &'static Profile,
    /// Its process id on the host.
    pub pid: u32,
    /// 2 = filter.
    pub seccomp_mode: u8,
    /// How many filters it installed itself.
    pub filters: u32,
    /// Over the instructions of those filters ([`crate::bpf::Filters::fingerprint`]).
    pub fingerprint: u64,
    /// Nothing it execs may gain privileges.
    pub no_new_privs: bool,
    /// What Landlock holds of it.
    pub landlock: Domain,
    /// All five sets.
    pub capabilities: Capabilities,
    /// What it has for itself.
    pub namespaces: Namespaces,
    /// Whether its filter lets `socket(AF_INET*)` through.
    pub inet_allowed: bool,
    /// Whether other processes of the user could ptrace or dump it.
    pub dumpable: bool,
    /// Whether it was undumpable before its first instruction ([`crate::Image`]).
    pub born_undumpable: bool,
    /// The hard limit on a core dump, in bytes.
    pub core_bytes: u64,
    /// Memory that is both writable and executable.
    pub write_execute: WriteExecute,
    /// Whether this system has memfd_secret.
    pub memfd_secret: bool,
    /// The hard limit on descriptors.
    pub descriptors: u64,
    /// The hard limit on locked memory, in bytes.
    pub locked_bytes: u64,
    /// Descriptors that were open when it was sealed.
    pub open_files: u32,
}

impl Report {
    /// Measures the calling process. The filter is not there yet: [`Report::sealed`] completes it.
    pub(crate) fn measure(
        profile: &'static Profile,
        landlock: Domain,
        namespaces: Namespaces,
    ) -> Result<Self, Error> {
        let limit =
            |resource, doing| getrlimit(resource).map(|(_, hard)| hard).map_err(io::Error::from).doing(doing);
        Ok(Self {
            profile,
            pid: std::process::id(),
            seccomp_mode: 0,
            filters: 0,
            fingerprint: 0,
            no_new_privs: prctl::get_no_new_privs().map_err(io::Error::from).doing("read no_new_privs")?,
            landlock,
            capabilities: sys::capabilities().doing("read the capabilities")?,
            namespaces,
            inet_allowed: profile.allows_inet(),
            dumpable: sys::dumpable().doing("read dumpable")?,
            born_undumpable: crate::privileges::born_undumpable(),
            core_bytes: limit(Kernel::RLIMIT_CORE, "read the core limit")?,
            write_execute: match sys::write_execute_denied() {
                Some(true) => WriteExecute::Denied,
                Some(false) => WriteExecute::Possible,
                None => WriteExecute::Unknown,
            },
            memfd_secret: crate::secret::memfd_secret_works(),
            descriptors: limit(Kernel::RLIMIT_NOFILE, "read the descriptor limit")?,
            locked_bytes: limit(Kernel::RLIMIT_MEMLOCK, "read the memory lock limit")?,
            open_files: open_descriptors(),
        })
    }

    /// With the filter's facts; the mode is read from the kernel after installation.
    pub(crate) fn sealed(mut self, filters: &crate::bpf::Filters) -> Result<Self, Error> {
        self.seccomp_mode = sys::seccomp_mode().doing("read the seccomp mode")?;
        self.filters = u32::try_from(filters.programs().len()).unwrap_or(u32::MAX);
        self.fingerprint = filters.fingerprint();
        if self.seccomp_mode == SECCOMP_FILTER { Ok(self) } else { Err(Error::NotInForce) }
    }

    /// The required walls that are missing, by the words of `privatus audit`. Empty is good.
    #[must_use]
    pub fn weaker(&self) -> Vec<&'static str> {
        let checks = [
            (self.seccomp_mode != SECCOMP_FILTER, "seccomp"),
            (!self.no_new_privs, "no_new_privs"),
            (self.lacks_file_wall(), "landlock"),
            (self.has_capabilities(), "capabilities"),
            (self.dumpable, "dumpable"),
            (self.core_bytes != 0, "core"),
            (self.inet_allowed != self.profile.inet, "inet"),
        ];
        checks.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name).collect()
    }

    /// What this system cannot give, by the words of `privatus audit`; no fault.
    #[must_use]
    pub fn notes(&self) -> Vec<&'static str> {
        let checks = [
            (self.profile.namespaces && !self.namespaces.contains(Namespaces::MOUNT), "no namespaces"),
            (self.profile.landlock && self.landlock.abi == 0, "no Landlock"),
            (self.profile.landlock && !self.born_undumpable, "readable by this user while it started"),
            (
                self.profile.most(Resource::LockedMemory).is_some_and(|most| most > 0) && !self.memfd_secret,
                "no memfd_secret",
            ),
            (self.profile.landlock && self.landlock.enforced == Enforced::Partly, "older Landlock"),
            (self.profile.mdwe && self.write_execute != WriteExecute::Denied, "no memory-deny-write-execute"),
        ];
        checks.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name).collect()
    }

    /// Files can be named, and neither a root of its own nor Landlock says which.
    #[must_use]
    pub fn lacks_file_wall(&self) -> bool {
        let walled = self.landlock.abi > 0 || self.namespaces.contains(Namespaces::MOUNT);
        self.profile.landlock && !walled && self.profile.has_path_calls()
    }

    /// Any capability but those in the bounding set, which without the others and with no_new_privs gives nothing.
    #[must_use]
    pub fn has_capabilities(&self) -> bool {
        let c = &self.capabilities;
        c.effective | c.permitted | c.inheritable | c.ambient != 0
    }

    /// The report in exactly [`REPORT_BYTES`] bytes, integers little-endian.
    #[must_use]
    pub fn encode(&self) -> [u8; REPORT_BYTES] {
        let mut out = Writer { bytes: [0; REPORT_BYTES], at: 0 };
        out.put(&MAGIC);
        out.put(&[VERSION, self.profile.id, self.seccomp_mode, u8::from(self.no_new_privs)]);
        out.put(&[
            self.landlock.abi,
            self.landlock.enforced as u8,
            self.namespaces.0,
            u8::from(self.inet_allowed),
        ]);
        out.put(&[u8::from(self.dumpable), self.write_execute as u8, u8::from(self.memfd_secret)]);
        out.put(&[u8::from(self.born_undumpable)]);
        for number in [self.pid, self.filters, self.open_files] {
            out.put(&number.to_le_bytes());
        }
        let c = &self.capabilities;
        for number in [c.effective, c.permitted, c.inheritable, c.bounding, c.ambient] {
            out.put(&number.to_le_bytes());
        }
        for number in [self.core_bytes, self.descriptors, self.locked_bytes, self.fingerprint] {
            out.put(&number.to_le_bytes());
        }
        out.bytes
    }

    /// Reads what some process wrote as its report.
    ///
    /// # Errors
    /// [`ReportError`] on any other length, magic, version, value out of range, or bytes in the unused tail.
    pub fn decode(untrusted_bytes: &[u8]) -> Result<Self, ReportError> {
        let mut from = Reader { left: untrusted_bytes };
        if untrusted_bytes.len() != REPORT_BYTES || from.array::<8>()? != MAGIC || from.byte()? != VERSION {
            return Err(ReportError);
        }
        let profile = profiles::all().find(|p| Ok(p.id) == from.peek()).ok_or(ReportError)?;
        let [_, seccomp_mode, no_new_privs] = from.array()?;
        let landlock = Domain { abi: from.byte()?, enforced: enforced(from.byte()?)? };
        let namespaces = Namespaces(from.at_most(0b1_1111)?);
        let (inet_allowed, dumpable) = (from.flag()?, from.flag()?);
        let write_execute = write_execute(from.byte()?)?;
        let memfd_secret = from.flag()?;
        let born_undumpable = from.flag()?;
        let [pid, filters, open_files] = [from.word()?, from.word()?, from.word()?];
        let capabilities = Capabilities {
            effective: from.long()?,
            permitted: from.long()?,
            inheritable: from.long()?,
            bounding: from.long()?,
            ambient: from.long()?,
        };
        let [core_bytes, descriptors, locked_bytes, fingerprint] =
            [from.long()?, from.long()?, from.long()?, from.long()?];
        if seccomp_mode > SECCOMP_FILTER || no_new_privs > 1 || from.left.iter().any(|b| *b != 0) {
            return Err(ReportError);
        }
        Ok(Self {
            profile,
            pid,
            seccomp_mode,
            filters,
            fingerprint,
            no_new_privs: no_new_privs == 1,
            landlock,
            capabilities,
            namespaces,
            inet_allowed,
            dumpable,
            born_undumpable,
            core_bytes,
            write_execute,
            memfd_secret,
            descriptors,
            locked_bytes,
            open_files,
        })
    }
}

/// `Seccomp: 2` in /proc: a filter is in force.
pub const SECCOMP_FILTER: u8 = 2;

/// The bytes are no report of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a report of this version")]
pub struct ReportError;

fn enforced(byte: u8) -> Result<Enforced, ReportError> {
    [Enforced::Nothing, Enforced::Partly, Enforced::Fully]
        .into_iter()
        .find(|e| *e as u8 == byte)
        .ok_or(ReportError)
}

fn write_execute(byte: u8) -> Result<WriteExecute, ReportError> {
    let all = [WriteExecute::Possible, WriteExecute::Denied, WriteExecute::Unknown];
    all.into_iter().find(|w| *w as u8 == byte).ok_or(ReportError)
}

struct Writer {
    bytes: [u8; REPORT_BYTES],
    at: usize,
}

impl Writer {
    /// The fields are of fixed size and sum to less than the report, so nothing is ever cut off.
    fn put(&mut self, field: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.at..self.at + field.len()) {
            place.copy_from_slice(field);
            self.at += field.len();
        }
    }
}

struct Reader<'a> {
    left: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReportError> {
        let (field, left) = self.left.split_first_chunk::<N>().ok_or(ReportError)?;
        self.left = left;
        Ok(*field)
    }

    fn peek(&self) -> Result<u8, ReportError> {
        self.left.first().copied().ok_or(ReportError)
    }

    fn byte(&mut self) -> Result<u8, ReportError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn at_most(&mut self, most: u8) -> Result<u8, ReportError> {
        self.byte().and_then(|byte| if byte <= most { Ok(byte) } else { Err(ReportError) })
    }

    fn flag(&mut self) -> Result<bool, ReportError> {
        self.at_most(1).map(|byte| byte == 1)
    }

    fn word(&mut self) -> Result<u32, ReportError> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Result<u64, ReportError> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Counted by asking for each: /proc is not there inside a mount namespace.
fn open_descriptors() -> u32 {
    const MOST: i32 = 4096;
    let open = (0..MOST).filter(|fd| sys::is_open(*fd)).count();
    u32::try_from(open).unwrap_or(u32::MAX)
}

/// What a part says that has all its walls.
#[cfg(test)]
pub(crate) fn sample(profile: &'static Profile) -> Report {
    Report {
        profile,
        pid: 4_000_000_000,
        seccomp_mode: 2,
        filters: 4,
        fingerprint: 0x0123_4567_89ab_cdef,
        no_new_privs: true,
        landlock: Domain { abi: 7, enforced: Enforced::Fully },
        capabilities: Capabilities { bounding: 0x1ff_ffff_ffff, ..Capabilities::default() },
        namespaces: Namespaces(31),
        inet_allowed: false,
        dumpable: false,
        born_undumpable: true,
        core_bytes: 0,
        write_execute: WriteExecute::Denied,
        memfd_secret: true,
        descriptors: 256,
        locked_bytes: 8 << 20,
        open_files: 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiles::{KEYVAULT, MEDIAD, NETD, STORED, SUPERVISOR, UI};

    fn report() -> Report {
        sample(&KEYVAULT)
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let other = Report {
            profile: &NETD,
            seccomp_mode: 0,
            no_new_privs: false,
            landlock: Domain { abi: 0, enforced: Enforced::Nothing },
            capabilities: Capabilities {
                effective: 1,
                permitted: 2,
                inheritable: 3,
                bounding: u64::MAX,
                ambient: 5,
            },
            namespaces: Namespaces::NONE,
            inet_allowed: true,
            dumpable: true,
            born_undumpable: false,
            core_bytes: u64::MAX,
            write_execute: WriteExecute::Unknown,
            memfd_secret: false,
            ..report()
        };
        for report in [report(), other] {
            assert_eq!(Report::decode(&report.encode()), Ok(report));
        }
    }

    #[test]
    fn the_encoding_stays_as_it_is() {
        let bytes = report().encode();
        assert_eq!(&bytes[..8], b"pv-walls");
        assert_eq!(bytes[8..20], [1, 3, 2, 1, 7, 2, 31, 0, 0, 1, 1, 1]);
        assert_eq!(bytes[20..32], [0x00, 0x28, 0x6b, 0xee, 4, 0, 0, 0, 12, 0, 0, 0]);
        assert_eq!(bytes[96..104], 0x0123_4567_89ab_cdef_u64.to_le_bytes());
        assert_eq!(bytes[104..], [0; 24]);
    }

    #[test]
    fn foreign_bytes_are_no_report() {
        let good = report().encode();
        for length in [0, 1, 127, 129, 4096] {
            let mut bytes = good.to_vec();
            bytes.resize(length, 0);
            assert_eq!(Report::decode(&bytes), Err(ReportError));
        }
        // Each of these bytes has values that mean nothing.
        for at in (0..20).chain(104..128) {
            let mut bytes = good;
            bytes[at] = 0xee;
            let harmless = at == 12;
            assert_eq!(Report::decode(&bytes).is_ok(), harmless, "byte {at}");
        }
    }

    #[test]
    fn each_missing_wall_is_named() {
        assert_eq!(report().weaker(), [""; 0]);
        assert_eq!(report().notes(), [""; 0]);
        let nothing = Domain { abi: 0, enforced: Enforced::Nothing };
        assert_eq!(Report { seccomp_mode: 0, ..report() }.weaker(), ["seccomp"]);
        assert_eq!(Report { no_new_privs: false, ..report() }.weaker(), ["no_new_privs"]);
        let rootless = Namespaces(Namespaces::USER.0 | Namespaces::NETWORK.0);
        let open = Report { profile: &STORED, landlock: nothing, namespaces: rootless, ..report() };
        assert_eq!(open.weaker(), ["landlock"]);
        // Either of the two is enough, and who cannot name a file needs none.
        assert_eq!(Report { namespaces: Namespaces(31), ..open }.weaker(), [""; 0]);
        assert_eq!(Report { landlock: report().landlock, ..open }.weaker(), [""; 0]);
        assert_eq!(Report { profile: &KEYVAULT, ..open }.weaker(), [""; 0]);
        let bounding = report().capabilities;
        for capabilities in [
            Capabilities { effective: 1, ..bounding },
            Capabilities { permitted: 1, ..bounding },
            Capabilities { inheritable: 1, ..bounding },
            Capabilities { ambient: 1, ..bounding },
        ] {
            assert_eq!(Report { capabilities, ..report() }.weaker(), ["capabilities"]);
        }
        assert_eq!(Report { dumpable: true, ..report() }.weaker(), ["dumpable"]);
        assert_eq!(Report { core_bytes: 1, ..report() }.weaker(), ["core"]);
        assert_eq!(Report { inet_allowed: true, ..report() }.weaker(), ["inet"]);
        assert_eq!(Report { profile: &SUPERVISOR, landlock: nothing, ..report() }.weaker(), [""; 0]);
    }

    #[test]
    fn what_the_system_cannot_give_is_a_note_and_no_fault() {
        let older = Domain { abi: 3, enforced: Enforced::Partly };
        let poor = Report {
            namespaces: Namespaces::NONE,
            memfd_secret: false,
            landlock: older,
            write_execute: WriteExecute::Unknown,
            ..report()
        };
        assert_eq!(poor.weaker(), [""; 0]);
        assert_eq!(
            poor.notes(),
            ["no namespaces", "no memfd_secret", "older Landlock", "no memory-deny-write-execute"]
        );
        let nothing = Domain { abi: 0, enforced: Enforced::Nothing };
        let seen = Report { landlock: nothing, born_undumpable: false, ..report() };
        assert_eq!(seen.notes(), ["no Landlock", "readable by this user while it started"]);
        // Who locks no memory misses none that is secret.
        assert_eq!(Report { profile: &MEDIAD, memfd_secret: false, ..report() }.notes(), [""; 0]);
        let window = Report { profile: &UI, write_execute: WriteExecute::Possible, ..report() };
        assert_eq!(window.notes(), ["no memory-deny-write-execute"]);
    }
}
