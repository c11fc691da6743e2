//! What the kernel says about a running process, to check its own report against.

use std::fs;
use std::io;
use std::path::Path;

use crate::audit::Report;

/// The lines of /proc/PID/status (or of one task) that tell of walls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `Seccomp:` 0 none, 1 strict, 2 filter.
    pub seccomp: u8,
    /// `Seccomp_filters:`, those inherited included. 0 on kernels before 5.9.
    pub filters: u32,
    /// `NoNewPrivs:`
    pub no_new_privs: bool,
    /// `CapEff:`
    pub effective: u64,
    /// `CapPrm:`
    pub permitted: u64,
    /// `CapInh:`
    pub inheritable: u64,
    /// `CapAmb:`
    pub ambient: u64,
    /// `Uid:`, the effective one, as the reader's user namespace sees it.
    pub uid: u32,
    /// `Threads:`
    pub threads: u32,
    /// `PPid:`
    pub parent: i32,
    /// `State:`; a process that nobody has reaped yet does not live.
    pub lives: bool,
}

/// Reads /proc/`pid`/status, which any user may.
///
/// # Errors
/// `NotFound` where the process is gone; `InvalidData` where a line is missing, as on a kernel without seccomp.
pub fn read_proc_status(pid: u32) -> io::Result<Status> {
    parse(&fs::read_to_string(format!("/proc/{pid}/status"))?)
}

/// The status of every thread of `pid`: a filter is a thread's, not a process's.
///
/// # Errors
/// As [`read_proc_status`]; a thread that ends meanwhile is left out.
pub fn read_task_statuses(pid: u32) -> io::Result<Vec<Status>> {
    statuses_in(Path::new(&format!("/proc/{pid}/task")))
}

fn statuses_in(tasks: &Path) -> io::Result<Vec<Status>> {
    let mut statuses = Vec::new();
    for task in fs::read_dir(tasks)? {
        match fs::read_to_string(task?.path().join("status")) {
            Ok(text) => statuses.push(parse(&text)?),
            Err(e) if is_gone(&e) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(statuses)
}

/// The task ended before its file was opened, or while that was read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

fn parse(text: &str) -> io::Result<Status> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).ok_or_else(|| invalid(name))
    };
    let decimal = |name: &str| field(name)?.parse::<u32>().map_err(|_| invalid(name));
    let set = |name: &str| u64::from_str_radix(field(name)?, 16).map_err(|_| invalid(name));
    let uid = field("Uid")?.split_whitespace().nth(1).and_then(|uid| uid.parse().ok());
    Ok(Status {
        seccomp: u8::try_from(decimal("Seccomp")?).map_err(|_| invalid("Seccomp"))?,
        filters: decimal("Seccomp_filters").unwrap_or(0),
        no_new_privs: decimal("NoNewPrivs")? == 1,
        effective: set("CapEff")?,
        permitted: set("CapPrm")?,
        inheritable: set("CapInh")?,
        ambient: set("CapAmb")?,
        uid: uid.ok_or_else(|| invalid("Uid"))?,
        threads: decimal("Threads")?,
        parent: field("PPid")?.parse().map_err(|_| invalid("PPid"))?,
        lives: !field("State")?.starts_with(['Z', 'X']),
    })
}

fn invalid(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no {name} in the process's status"))
}

impl Status {
    /// Where the kernel's word is worse than the process's own report: names of walls, as in [`Report::weaker`].
    #[must_use]
    pub fn contradicts(&self, report: &Report) -> Vec<&'static str> {
        let capabilities = self.effective | self.permitted | self.inheritable | self.ambient;
        let fewer_filters = self.filters != 0 && self.filters < report.filters;
        let checks = [
            (self.seccomp < report.seccomp_mode || fewer_filters, "seccomp"),
            (report.no_new_privs && !self.no_new_privs, "no_new_privs"),
            (capabilities != 0 && !report.has_capabilities(), "capabilities"),
        ];
        checks.into_iter().filter(|(worse, _)| *worse).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample;
    use crate::profiles::KEYVAULT;
    use crate::sys::Capabilities;

    const SEALED: &str = "Name:\tkeyvault\nState:\tS (sleeping)\nPPid:\t77\nUid:\t1000\t1001\t1000\t1000\nThreads:\t2\nCapInh:\t0000000000000000\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t6\n";

    #[test]
    fn the_lines_about_walls_are_read() {
        let status = Status {
            seccomp: 2,
            filters: 6,
            no_new_privs: true,
            uid: 1001,
            threads: 2,
            parent: 77,
            lives: true,
            ..Status::default()
        };
        assert_eq!(parse(SEALED).unwrap(), status);
        let root = SEALED.replace("CapEff:\t0000000000000000", "CapEff:\t000001fffeffffff");
        assert_eq!(parse(&root).unwrap().effective, 0x1ff_feff_ffff);
        for (state, lives) in [("R (running)", true), ("Z (zombie)", false), ("X (dead)", false)] {
            assert_eq!(parse(&SEALED.replace("S (sleeping)", state)).unwrap().lives, lives, "{state}");
        }
    }

    #[test]
    fn each_wall_that_the_kernel_does_not_see_is_named() {
        let report = sample(&KEYVAULT);
        let seen = Status { seccomp: 2, filters: report.filters, no_new_privs: true, ..Status::default() };
        assert_eq!(seen.contradicts(&report), [""; 0]);
        // Inherited ones are counted as well, and a kernel before 5.9 counts none.
        for filters in [0, report.filters + 1] {
            assert_eq!(Status { filters, ..seen }.contradicts(&report), [""; 0]);
        }
        assert_eq!(Status { filters: report.filters - 1, ..seen }.contradicts(&report), ["seccomp"]);
        assert_eq!(Status { seccomp: 1, ..seen }.contradicts(&report), ["seccomp"]);
        let open = Status { no_new_privs: false, ..seen };
        assert_eq!(open.contradicts(&report), ["no_new_privs"]);
        assert_eq!(open.contradicts(&Report { no_new_privs: false, ..report }), [""; 0]);
        let own = Capabilities { effective: 1, ..report.capabilities };
        for more in [
            Status { effective: 1, ..seen },
            Status { permitted: 1, ..seen },
            Status { inheritable: 1, ..seen },
            Status { ambient: 1, ..seen },
        ] {
            assert_eq!(more.contradicts(&report), ["capabilities"], "{more:?}");
            assert_eq!(more.contradicts(&Report { capabilities: own, ..report }), [""; 0]);
        }
    }

    #[test]
    fn a_task_that_ended_is_left_out_and_one_that_cannot_be_read_is_an_error() {
        let tasks = tempfile::tempdir().unwrap();
        let task = |name: &str| {
            fs::create_dir(tasks.path().join(name)).unwrap();
            tasks.path().join(name).join("status")
        };
        fs::write(task("1"), SEALED).unwrap();
        task("2");
        assert_eq!(statuses_in(tasks.path()).unwrap(), [parse(SEALED).unwrap()]);
        fs::create_dir(task("3")).unwrap();
        assert!(statuses_in(tasks.path()).is_err());
    }

    #[test]
    fn a_task_that_ended_is_gone_and_one_that_is_hidden_is_not() {
        for (errno, gone) in [(libc::ENOENT, true), (libc::ESRCH, true), (libc::EACCES, false)] {
            assert_eq!(is_gone(&io::Error::from_raw_os_error(errno)), gone, "{errno}");
        }
    }

    #[test]
    fn a_status_without_such_lines_is_an_error() {
        for name in ["Seccomp:", "NoNewPrivs:", "CapEff:", "Uid:", "PPid:", "State:"] {
            assert!(parse(&SEALED.replace(name, "Other:")).is_err(), "{name}");
        }
        assert!(parse("").is_err());
        assert_eq!(parse(&SEALED.replace("Seccomp_filters", "Other")).unwrap().filters, 0);
    }

    #[test]
    fn this_process_has_a_status_and_a_process_that_never_was_has_none() {
        assert!(read_proc_status(std::process::id()).is_ok());
        assert!(!read_task_statuses(std::process::id()).unwrap().is_empty());
        assert_eq!(read_proc_status(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
