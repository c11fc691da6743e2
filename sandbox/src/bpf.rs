//! From a table to the kernel's filters: one that refuses per error number, and last the list of what is allowed.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use crate::error::Error;
use crate::rule::{Arg, Errno, Row, Test, Verdict};

/// A table's filters in the order of installation. The kernel asks all of them and the strictest answer wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    programs: Vec<BpfProgram>,
}

/// What becomes of a call that is in no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The kernel kills the process: every release.
    Kill,
    /// The process gets SIGSYS, names the call on stderr and dies of it: debug builds.
    NameAndDie,
}

impl Otherwise {
    /// What this build installs. No setting changes it.
    pub const OF_THIS_BUILD: Self = if cfg!(debug_assertions) { Self::NameAndDie } else { Self::Kill };

    const fn action(self) -> SeccompAction {
        match self {
            Self::Kill => SeccompAction::KillProcess,
            Self::NameAndDie => SeccompAction::Trap,
        }
    }
}

/// Rules by call; an empty list matches whatever the arguments.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Compiles `rows` for this build. `own_pid` stands in for [`Test::OwnPid`]; it is the process that will install the filters.
///
/// seccompiler has one action on a match per filter, so each error number gets a filter of its own. The allow-list,
/// whose default is death, must let through every call that one of them refuses, or death would win.
///
/// # Errors
/// [`Error::Table`] where the rows make no valid program.
pub fn compile(profile: &'static str, rows: &[Row], own_pid: u32) -> Result<Filters, Error> {
    compile_for(Otherwise::OF_THIS_BUILD, profile, rows, own_pid)
}

/// As [`compile`], for a build of either kind: another binary is looked at.
///
/// # Errors
/// As [`compile`].
pub fn compile_for(
    otherwise: Otherwise,
    profile: &'static str,
    rows: &[Row],
    own_pid: u32,
) -> Result<Filters, Error> {
    let mut refused: BTreeMap<Errno, Rules> = BTreeMap::new();
    let mut passed = Rules::new();
    for number in numbers(rows) {
        let of_call = || rows.iter().filter(move |row| row.syscall.number() == number);
        passed.insert(number, alternatives(of_call(), own_pid).map_err(|why| table(profile, &why))?);
        for errno in of_call().filter_map(errno_of) {
            let same = of_call().filter(|row| errno_of(row) == Some(errno));
            let rules = alternatives(same, own_pid).map_err(|why| table(profile, &why))?;
            refused.entry(errno).or_default().insert(number, rules);
        }
    }
    let mut programs = Vec::new();
    for (errno, rules) in refused {
        programs.push(program(
            profile,
            rules,
            SeccompAction::Allow,
            SeccompAction::Errno(errno.0.unsigned_abs()),
        )?);
    }
    programs.push(program(profile, passed, otherwise.action(), SeccompAction::Allow)?);
    Ok(Filters { programs })
}

fn numbers(rows: &[Row]) -> std::collections::BTreeSet<i64> {
    rows.iter().map(|row| row.syscall.number()).collect()
}

fn errno_of(row: &Row) -> Option<Errno> {
    match row.verdict {
        Verdict::Allow => None,
        Verdict::Refuse(errno) => Some(errno),
    }
}

fn table(profile: &'static str, why: &seccompiler::BackendError) -> Error {
    Error::Table { profile, why: why.to_string() }
}

/// The rows of one call as seccompiler wants them: any of the rules suffices, and one row without conditions makes
/// the others moot.
fn alternatives<'a>(
    rows: impl Iterator<Item = &'a Row>,
    own_pid: u32,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let mut rules = Vec::new();
    for row in rows {
        if row.args.is_empty() {
            return Ok(Vec::new());
        }
        let conditions = row.args.iter().map(|arg| condition(arg, own_pid)).collect::<Result<Vec<_>, _>>()?;
        let rule = SeccompRule::new(conditions)?;
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    Ok(rules)
}

fn condition(arg: &Arg, own_pid: u32) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (operator, value) = match arg.test {
        Test::Is(value) => (SeccompCmpOp::Eq, value),
        Test::IsNot(value) => (SeccompCmpOp::Ne, value),
        Test::Bits { mask, value } => (SeccompCmpOp::MaskedEq(u64::from(mask)), value),
        Test::OwnPid => (SeccompCmpOp::Eq, own_pid),
    };
    SeccompCondition::new(arg.index, SeccompCmpArgLen::Dword, operator, u64::from(value))
}

fn program(
    profile: &'static str,
    rules: Rules,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, Error> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|why| table(profile, &why))?;
    SeccompFilter::new(rules, otherwise, matching, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|why| table(profile, &why))
}

impl Filters {
    /// The programs, first installed first.
    #[must_use]
    pub fn programs(&self) -> &[BpfProgram] {
        &self.programs
    }

    /// Installs them on every thread of the process. Final.
    ///
    /// # Errors
    /// The kernel has no seccomp, or another thread carries a different filter.
    pub fn install_on_all_threads(&self) -> Result<(), Error> {
        self.install(seccompiler::apply_filter_all_threads)
    }

    /// Installs them on the calling thread and those it will start. Final.
    ///
    /// # Errors
    /// The kernel has no seccomp.
    pub fn install_on_this_thread(&self) -> Result<(), Error> {
        self.install(seccompiler::apply_filter)
    }

    fn install(
        &self,
        one: impl Fn(&[seccompiler::sock_filter]) -> seccompiler::Result<()>,
    ) -> Result<(), Error> {
        self.programs.iter().try_for_each(|program| {
            one(program)
                .map_err(|why| Error::Io { doing: "install the filter", source: std::io::Error::other(why) })
        })
    }

    /// [`fnv1a`] over all instructions in order: two processes with the same fingerprint run under the same filters.
    /// It tells a stale binary from a current one; it is no proof against a liar.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let bytes = self.programs.iter().flatten().flat_map(|i| {
            let [c0, c1] = i.code.to_le_bytes();
            let [k0, k1, k2, k3] = i.k.to_le_bytes();
            [c0, c1, i.jt, i.jf, k0, k1, k2, k3]
        });
        fnv1a(bytes)
    }
}

/// The 64-bit FNV-1a hash. Source: RFC 9923.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 9923, appendix C.
    #[test]
    fn a_fingerprint_is_fnv_1a() {
        for (bytes, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a(bytes.bytes()), hash, "{bytes}");
        }
    }
}
