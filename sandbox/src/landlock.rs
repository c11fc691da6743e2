//! Landlock: which files, which TCP ports, and no abstract sockets or signals out of the process.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use crate::error::Error;
use crate::namespaces::Namespaces;
use crate::profiles::{Ports, Profile};
use crate::sys;
use crate::view::View;

/// The newest ABI whose rights this crate was tried with. A newer kernel enforces these; an older one what it knows.
const TRIED: ABI = ABI::V7;
/// [`TRIED`] as a number.
const TRIED_NUMBER: u8 = 7;

/// How much of the rules the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Enforced {
    /// There is no Landlock here.
    Nothing = 0,
    /// The kernel's Landlock is older than the rules.
    Partly = 1,
    /// The kernel knows every rule of ours.
    Fully = 2,
}

/// What Landlock holds of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The ABI in use, 0 for none.
    pub abi: u8,
    /// How much of our rules it knows.
    pub enforced: Enforced,
}

/// Whether this kernel has Landlock, switched on.
#[must_use]
pub fn has_landlock() -> bool {
    sys::landlock_abi() > 0
}

/// Restricts the calling thread and those it will start. Final. Comes after the mounts, which it forbids.
pub(crate) fn restrict(profile: &Profile, view: &View, namespaces: Namespaces) -> Result<Domain, Error> {
    let rules = files()?.scope(scopes(view, namespaces)).map_err(failed)?;
    let created = ports(rules, profile)?.create().map_err(failed)?;
    let created = network(beneath(created, view)?, profile)?;
    let status = created.restrict_self().map_err(failed)?;
    let enforced = match status.ruleset {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partly,
        RulesetStatus::NotEnforced => Enforced::Nothing,
    };
    let abi = if enforced == Enforced::Nothing { 0 } else { sys::landlock_abi().min(TRIED_NUMBER) };
    Ok(Domain { abi, enforced })
}

fn files() -> Result<Ruleset, Error> {
    // What an older kernel does not know is left out, and told as `Enforced::Partly`.
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(TRIED))
        .map_err(failed)
}

/// Whether abstract sockets stay open until the display is: libxcb tries the X server's abstract socket first and takes "not
/// permitted" for final. Where a network namespace has none of them anyway, nothing needs to stay open.
pub(crate) fn leaves_abstract_sockets(view: &View, namespaces: Namespaces) -> bool {
    view.on_x11() && !namespaces.contains(Namespaces::NETWORK)
}

/// Closes what [`leaves_abstract_sockets`], for the calling thread and those it will start.
pub(crate) fn close_abstract_sockets() -> Result<(), Error> {
    let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let created = rules.scope(Scope::AbstractUnixSocket).and_then(Ruleset::create).map_err(failed)?;
    created.restrict_self().map(drop).map_err(failed)
}

/// No signal and no abstract socket leaves the process, the latter with one exception.
fn scopes(view: &View, namespaces: Namespaces) -> BitFlags<Scope> {
    if leaves_abstract_sockets(view, namespaces) {
        BitFlags::from(Scope::Signal)
    } else {
        Scope::from_all(TRIED)
    }
}

fn ports(rules: Ruleset, profile: &Profile) -> Result<Ruleset, Error> {
    let handled = [(profile.tcp_bind, AccessNet::BindTcp), (profile.tcp_connect, AccessNet::ConnectTcp)];
    // What is not handled is not restricted; what is handled is refused but for the rules that follow.
    handled
        .into_iter()
        .filter(|(ports, _)| *ports != Ports::Any)
        .try_fold(rules, |rules, (_, access)| rules.handle_access(access).map_err(failed))
}

fn network(rules: RulesetCreated, profile: &Profile) -> Result<RulesetCreated, Error> {
    let only = |ports: Ports| match ports {
        Ports::Only(ports) => ports,
        Ports::None | Ports::Any => &[],
    };
    let bind = only(profile.tcp_bind).iter().map(|port| NetPort::new(*port, AccessNet::BindTcp));
    let connect = only(profile.tcp_connect).iter().map(|port| NetPort::new(*port, AccessNet::ConnectTcp));
    bind.chain(connect).try_fold(rules, |rules, rule| rules.add_rule(rule).map_err(failed))
}

fn beneath(rules: RulesetCreated, view: &View) -> Result<RulesetCreated, Error> {
    let (paths, rights): (Vec<&Path>, _) = match view {
        View::Empty => (Vec::new(), BitFlags::EMPTY),
        View::Folder(folder) => (vec![folder], FOLDER),
        View::ReadOnly(paths) => (paths.iter().map(PathBuf::as_path).collect(), READ),
    };
    paths.into_iter().try_fold(rules, |rules, path| {
        let fd = PathFd::new(path).map_err(failed)?;
        let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(TRIED) };
        rules.add_rule(PathBeneath::new(fd, rights)).map_err(failed)
    })
}

/// Plain files and folders; no sockets, pipes, devices or links, and nothing is run.
const FOLDER: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
});
/// Files and folders that are there, to read: nothing is written, made or run.
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ ReadFile | ReadDir });

fn failed(why: impl std::fmt::Display) -> Error {
    Error::Landlock(why.to_string())
}
