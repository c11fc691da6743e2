//! `privatus audit`: what is in force for each process, by its own report and by the kernel's word.

use std::path::Path;
use std::time::Duration;

use sandbox::{Outside, REPORT_BYTES, Report, Status};
use serde::Serialize;
use supervisor::files;
use supervisor::state::{Part, State};

use super::exit::{Failure, Outcome};
use super::{Context, sockets, status};

/// Between two looks at a process that is being restarted.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// /proc does not show the process to this user, so nothing but its own word is there.
const HIDDEN: &str = "not visible in /proc";

/// `Seccomp: 2`, a filter is in force (proc(5)).
const FILTERED: u8 = 2;

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    pid: Option<u32>,
    seccomp: Option<u8>,
    no_new_privs: Option<bool>,
    landlock_abi: Option<u8>,
    /// Effective, permitted, inheritable and ambient ones, as bits.
    capabilities: Option<u64>,
    namespaces: Vec<&'static str>,
    inet_allowed: Option<bool>,
    open_files: Option<u32>,
    weaker: Vec<&'static str>,
    notes: Vec<&'static str>,
}

pub(super) fn run(context: &Context) -> Outcome {
    let rows = rows(context)?;
    let told = rows.iter().try_for_each(|row| context.output.row(row, || words(row)));
    // What was found goes before how much of it was read.
    match rows.iter().find(|row| !row.weaker.is_empty()) {
        None => told,
        Some(row) => Err(Failure::Failed(format!(
            "{} lacks a required wall ({}): stop the suite, and use a kernel that offers it",
            row.name,
            row.weaker.join(", ")
        ))),
    }
}

/// A part that is being restarted is waited for.
fn rows(context: &Context) -> Outcome<Vec<Row>> {
    let mut waited = Duration::ZERO;
    loop {
        let running = context.profile.running()?;
        let settled = sockets::look(&running).ok().and_then(|state| suite(&running.runtime, &state));
        match settled {
            Some(rows) => return Ok(rows),
            None if waited >= sockets::RESTART_WAIT => return Err(sockets::away()),
            None if waited >= sockets::FOLDER_WAIT => sockets::has_folder(&running)?,
            None => {}
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

/// `None` while a part is on its way.
fn suite(runtime: &Path, state: &State) -> Option<Vec<Row>> {
    let mut rows = vec![supervisor_row(runtime, state)];
    for part in &state.processes {
        rows.push(part_row(runtime, part, state)?);
    }
    Some(rows)
}

fn supervisor_row(runtime: &Path, state: &State) -> Row {
    let mut row = row("supervisor", state.pid, report(runtime, "supervisor"));
    if let Some(spawner) = report(runtime, "spawner") {
        // Its capability is root's way to give children a user namespace, and nothing that root lacks elsewhere.
        row.weaker.extend(spawner.weaker().into_iter().filter(|wall| *wall != "capabilities"));
        if spawner.has_capabilities() {
            row.notes
                .push("as root the spawner thread keeps CAP_SETFCAP, for the children's user namespaces");
        }
    }
    // Without Yama, or with it off, only "undumpable" keeps this user's programs apart.
    if sandbox::ptrace_scope().unwrap_or(0) == 0 {
        row.notes.push("programs of this user may look into each other where they allow it (ptrace_scope 0)");
    }
    row.weaker.sort_unstable();
    row.weaker.dedup();
    row
}

fn part_row(runtime: &Path, part: &Part, state: &State) -> Option<Row> {
    match part.pid {
        None if part.given_up => {
            Some(Row { notes: vec!["fell too often and stays down"], ..nothing(&part.name, None) })
        }
        None => None,
        Some(pid) => {
            let report = report(runtime, &part.name);
            // Still starting, or gone between two looks.
            if report.is_none() && young(part) || !status::is_child(pid, state.pid) {
                return None;
            }
            let mut row = row(&part.name, pid, report);
            if part.name == "ui" && state.display.as_deref() == Some("x11") {
                row.notes.push("on X11 any window can watch and type into others");
            }
            Some(row)
        }
    }
}

/// How long a start may take until a missing report is a fault.
const START_MOST_MS: u64 = 10_000;

fn young(part: &Part) -> bool {
    let age = ipc_schema::Timestamp::now().0.saturating_sub(part.started.unwrap_or_default());
    age < START_MOST_MS
}

fn report(runtime: &Path, name: &str) -> Option<Report> {
    let bytes = files::read_small(&runtime.join(format!("{name}.report")), REPORT_BYTES as u64).ok()??;
    Report::decode(&bytes).ok()
}

fn nothing(name: &str, pid: Option<u32>) -> Row {
    Row {
        name: name.into(),
        pid,
        seccomp: None,
        no_new_privs: None,
        landlock_abi: None,
        capabilities: None,
        namespaces: Vec::new(),
        inet_allowed: None,
        open_files: None,
        weaker: Vec::new(),
        notes: Vec::new(),
    }
}

fn row(name: &str, pid: u32, report: Option<Report>) -> Row {
    let kernel = sandbox::read_proc_status(pid).ok();
    let threads = sandbox::read_task_statuses(pid).unwrap_or_default();
    let mut row = nothing(name, Some(pid));
    // Another process's report says nothing about this one.
    match report.filter(|report| report.pid == pid && report.profile.name == name) {
        None => row.weaker.push("report"),
        Some(report) => {
            row.weaker.extend(report.weaker());
            row.weaker.extend(kernel.iter().flat_map(|kernel| kernel.contradicts(&report)));
            match Outside::look(pid) {
                Ok(outside) => row.weaker.extend(outside.contradicts(&report)),
                Err(_) => row.weaker.push(HIDDEN),
            }
            row.notes.extend(report.notes());
            if !has_own_tables(&report) {
                row.notes
                    .push("its tables are not those of this command: start the suite again after an update");
            }
            row.landlock_abi = Some(report.landlock.abi);
            row.namespaces = report.namespaces.names();
            row.inet_allowed = Some(report.inet_allowed);
            row.open_files = Some(report.open_files);
        }
    }
    judge(&mut row, kernel.as_ref(), &threads);
    row.weaker.sort_unstable();
    row.weaker.dedup();
    row
}

/// Whether the filters that it says it has are those that this build of the command knows for it.
fn has_own_tables(report: &Report) -> bool {
    let profile = report.profile;
    let filters = sandbox::bpf::compile(profile.name, &profile.rows(), report.pid);
    filters.is_ok_and(|filters| filters.fingerprint() == report.fingerprint)
}

/// The kernel's word goes before the process's own.
fn judge(row: &mut Row, kernel: Option<&Status>, threads: &[Status]) {
    let Some(kernel) = kernel else {
        row.weaker.push(HIDDEN);
        return;
    };
    row.seccomp = Some(kernel.seccomp);
    row.no_new_privs = Some(kernel.no_new_privs);
    let capabilities = kernel.effective | kernel.permitted | kernel.inheritable | kernel.ambient;
    row.capabilities = Some(capabilities);
    let unfiltered = |status: &Status| status.seccomp != FILTERED;
    if unfiltered(kernel) || threads.is_empty() || threads.iter().any(unfiltered) {
        row.weaker.push("seccomp");
    }
    if !kernel.no_new_privs || threads.iter().any(|status| !status.no_new_privs) {
        row.weaker.push("no_new_privs");
    }
    if capabilities != 0 {
        row.weaker.push("capabilities");
    }
}

fn words(row: &Row) -> String {
    let Some(pid) = row.pid else { return format!("{:<11}{}", row.name, row.notes.join("; ")) };
    let number = |value: Option<u8>| value.map_or("?".into(), |value| value.to_string());
    let mut words = format!(
        "{:<11}process {pid}: seccomp {}, Landlock {}, {}, Internet sockets {}",
        row.name,
        number(row.seccomp),
        number(row.landlock_abi),
        if row.namespaces.is_empty() {
            "no namespaces".into()
        } else {
            format!("namespaces {}", row.namespaces.join(" "))
        },
        match row.inet_allowed {
            Some(true) => "allowed",
            Some(false) => "never",
            None => "?",
        }
    );
    for note in &row.notes {
        words.push_str("\n           note: ");
        words.push_str(note);
    }
    if !row.weaker.is_empty() {
        words.push_str("\n           WEAKER: ");
        words.push_str(&row.weaker.join(", "));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_walls_is_told_by_the_kernels_word() {
        let row = row("onion", std::process::id(), None);
        assert!(row.weaker.contains(&"report") && row.weaker.contains(&"no_new_privs"), "{row:?}");
        assert!(row.weaker.contains(&"seccomp") || row.seccomp == Some(FILTERED));
    }

    #[test]
    fn a_process_that_is_gone_is_not_called_strong() {
        assert!(!row("onion", u32::MAX, None).weaker.is_empty());
    }

    #[test]
    fn a_file_that_is_no_report_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(report(dir.path(), "onion").is_none());
        std::fs::write(dir.path().join("onion.report"), vec![7; 1 << 20]).unwrap();
        assert!(report(dir.path(), "onion").is_none());
    }
}
