//! What each table grants, as text that a person reviews: `golden/<profile>.txt`. A row that is added, widened or dropped shows
//! there, whether or not anybody thought of its call. Where a text is out of date the test writes the new one beside it,
//! `golden/<profile>.txt.new`: read the difference, then move it over the old one.
#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use nix::errno::Errno;
use sandbox::names;
use sandbox::profiles::{self, Profile, STORED};
use sandbox::rule::{Arg, Row, Test, Verdict, allow, decide};

const PID: u32 = 4711;

/// Well above the last call of today.
const NUMBERS: std::ops::RangeInclusive<i64> = 0..=1023;

fn said(verdict: Option<Verdict>) -> String {
    match verdict {
        None => "death".into(),
        Some(Verdict::Allow) => "allow".into(),
        Some(Verdict::Refuse(errno)) => format!("{:?}", Errno::from_raw(errno.0)),
    }
}

fn condition(arg: &Arg) -> String {
    let index = arg.index;
    match arg.test {
        Test::Is(value) => format!("arg{index} == {value:#x}"),
        Test::IsNot(value) => format!("arg{index} != {value:#x}"),
        Test::Bits { mask, value } => format!("arg{index} & {mask:#x} == {value:#x}"),
        Test::OwnPid => format!("arg{index} == own pid"),
    }
}

fn row(row: &Row) -> String {
    let conditions: Vec<_> = row.args.iter().map(condition).collect();
    let when = if conditions.is_empty() { "always".into() } else { conditions.join(" and ") };
    format!("    {} {when}\n", said(Some(row.verdict)))
}

/// Arguments that tell the rows of one call apart: what each row asks for, and what none does.
fn samples(rows: &[&Row]) -> Vec<[u64; 6]> {
    let mut samples = vec![[0; 6], [u64::MAX; 6], [0xaaaa_aaaa; 6]];
    for row in rows {
        let mut args = [0; 6];
        for arg in row.args {
            args[usize::from(arg.index)] = match arg.test {
                Test::Is(value) | Test::Bits { value, .. } => value.into(),
                Test::IsNot(value) => u64::from(value ^ 0x8000_0000),
                Test::OwnPid => PID.into(),
            };
        }
        samples.push(args);
    }
    samples
}

/// Every answer that the model gives for the call.
fn answers(rows: &[Row], number: i64) -> BTreeSet<String> {
    let own: Vec<_> = rows.iter().filter(|row| row.syscall.number() == number).collect();
    samples(&own).iter().map(|args| said(decide(rows, number, args, PID))).collect()
}

fn settings(profile: &Profile) -> String {
    let limits = profile.limits().map(|limit| format!("{:?} {}", limit.resource, limit.most));
    format!(
        "files {:?}, bind {:?}, connect {:?}, Landlock {}, namespaces {}, no new code {}\nat most {}\n\n",
        profile.files,
        profile.tcp_bind,
        profile.tcp_connect,
        profile.landlock,
        profile.namespaces,
        profile.mdwe,
        limits.collect::<Vec<_>>().join(", ")
    )
}

fn calls(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut deadly = 0;
    for number in NUMBERS {
        let answers = answers(rows, number);
        if answers.iter().eq(["death"]) {
            deadly += 1;
            continue;
        }
        let name = names::name(number).map_or_else(|| format!("call {number}"), str::to_owned);
        let answers: Vec<_> = answers.into_iter().collect();
        writeln!(text, "{name}: {}", answers.join(", ")).unwrap();
        let own = rows.iter().filter(|row| row.syscall.number() == number && !row.args.is_empty());
        text.extend(own.map(row).collect::<BTreeSet<_>>());
    }
    writeln!(text, "the other {deadly} numbers up to {}: death", NUMBERS.end()).unwrap();
    text
}

fn text(profile: &Profile) -> String {
    format!("{} ({}): {}{}", profile.name, profile.id, settings(profile), calls(&profile.rows()))
}

fn golden(profile: &Profile) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{}.txt", profile.name))
}

#[test]
fn every_table_grants_what_was_reviewed_and_nothing_else() {
    let mut changed = Vec::new();
    for profile in profiles::all() {
        let (path, now) = (golden(profile), text(profile));
        let beside = path.with_extension("txt.new");
        if std::fs::read_to_string(&path).is_ok_and(|reviewed| reviewed == now) {
            let _ = std::fs::remove_file(beside);
        } else {
            std::fs::write(&beside, now).unwrap();
            changed.push(format!("diff {} {}", path.display(), beside.display()));
        }
    }
    assert!(
        changed.is_empty(),
        "read what changed, then move the new text over the old:\n{}",
        changed.join("\n")
    );
}

#[test]
fn a_permission_nobody_thought_of_shows_in_the_text() {
    let reviewed = calls(&STORED.rows());
    for name in ["fchmodat", "fsetxattr", "quotactl_fd", "memfd_create", "sched_setscheduler", "file_setattr"]
    {
        let (constant, number) = names::all().find(|(known, _)| *known == name).unwrap();
        let mut rows = STORED.rows();
        rows.push(allow(sandbox::rule::Syscall::new(constant, number), "a row that slipped in"));
        assert!(!reviewed.contains(&format!("\n{name}:")), "{name} is granted");
        assert!(calls(&rows).contains(&format!("\n{name}: allow\n")), "{name} does not show");
    }
    let number = *NUMBERS.end();
    let mut rows = STORED.rows();
    rows.push(allow(sandbox::rule::Syscall::new("SYS_later", number), "a call of a later kernel"));
    assert!(calls(&rows).contains(&format!("\ncall {number}: allow\n")));
}

#[test]
fn a_condition_that_is_dropped_shows_in_the_text() {
    let reviewed = calls(&STORED.rows());
    let conditional: BTreeSet<_> =
        STORED.rows().into_iter().filter(|row| !row.args.is_empty()).map(|row| row.syscall).collect();
    assert!(conditional.len() > 5);
    for syscall in conditional {
        let mut rows = STORED.rows();
        rows.iter_mut().filter(|row| row.syscall == syscall).for_each(|row| row.args = &[]);
        assert_ne!(calls(&rows), reviewed, "{syscall}");
    }
}
