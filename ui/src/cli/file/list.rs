//! `privatus file list`: how each file stands, the newest first.

use clap::Args;
use ipc_schema::edge::ui_stored::{Contact, Contacts, File, FileReason, FileState};
use ipc_schema::limits::FILES_TOLD_MAX;

use super::super::rows::FileRow;
use super::super::{Context, Outcome, output, sockets, talk};
use crate::clock;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only those with them
    #[arg(default_value = "", hide_default_value = true)]
    who: String,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(FILES_TOLD_MAX)))]
    limit: u32,
    /// Only those before this one
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    before: String,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let Arguments { who, limit, before } = arguments;
    // All or nothing: after a lost connection the list is asked for again.
    let call = |messenger: Messenger| async move { messenger.files(who, *limit, before).await };
    let files = sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))?;
    let contacts = if context.output.json || files.is_empty() {
        Vec::new()
    } else {
        sockets::block_on(talk::call(&context.profile, talk::SOON, Contacts {}))?
    };
    let zone = clock::Zone::local();
    files
        .iter()
        .try_for_each(|file| context.output.row(&FileRow::from(file), || words(file, &contacts, &zone)))
}

/// One line, in which what a stranger called it stands last.
fn words(file: &File, contacts: &[Contact], zone: &clock::Zone) -> String {
    let named = contacts.iter().find(|contact| contact.id == file.contact);
    let name = output::one_line(named.map_or(&file.contact, |contact| &contact.name));
    let from = if file.mine { format!("me to {name}") } else { name };
    let line = format!("{}  {}  {from}: {}", zone.minute(file.at), output::one_line(&file.id), stands(file));
    format!("{line}  {}", output::one_line(&file.name))
}

/// How much it is and how it stands.
pub(super) fn stands(file: &File) -> String {
    let size = size(file.size);
    let state = file.state.word();
    match file.state {
        FileState::Going => {
            // A file of no bytes is done at once.
            let percent = file.done.saturating_mul(100).checked_div(file.size).unwrap_or(100);
            let left = file.left_s.map(|seconds| format!(", {seconds} s left")).unwrap_or_default();
            format!("{size}, {state}: {percent} % at {}/s{left}", self::size(file.rate))
        }
        _ if file.reason == FileReason::None => format!("{size}, {state}"),
        _ => format!("{size}, {state}: {}", why(file.reason)),
    }
}

/// What a person makes of a reason.
fn why(reason: FileReason) -> &'static str {
    match reason {
        FileReason::None => "",
        FileReason::User => "you wanted it so",
        FileReason::Them => "they wanted it so",
        FileReason::DiskFull => "the disk is full here; it goes on by itself",
        FileReason::RelaysFull => "their relays hold as much as they take until they fetch it",
        FileReason::Away => "nothing was heard of them since",
        FileReason::Network => "no relay can be reached",
        FileReason::Damaged => "what is kept of it here is damaged",
        FileReason::NotOffered => "what came is not what they offered",
        FileReason::Spent => "it was sent many times over and did not arrive",
    }
}

/// In the largest unit of which there is one, cut to a tenth.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::edge::ui_stored::FileKind;

    use super::*;

    fn file(name: &str) -> File {
        File {
            id: "f1".into(),
            message: "m1".into(),
            contact: "c1".into(),
            mine: false,
            name: name.into(),
            kind: FileKind::File,
            size: 3 << 20,
            state: FileState::Going,
            reason: FileReason::None,
            done: 1 << 20,
            rate: 1_536,
            left_s: Some(1_365),
            at: Timestamp(0),
        }
    }

    #[test]
    fn a_file_is_a_line_that_its_name_cannot_forge() {
        let line = words(
            &file("a\n1970-01-01 00:00  f2  c1: 1 B, saved\u{202E}gpj.exe"),
            &[],
            &clock::Zone::default(),
        );
        assert!(
            line.starts_with(
                "1970-01-01 00:00  f1  c1: 3.0 MiB, going: 33 % at 1.5 KiB/s, 1365 s left  a\\u{a}"
            ),
            "{line}"
        );
        assert!(!line.contains('\n') && !line.contains('\u{202E}'), "{line}");
    }

    #[test]
    fn each_reason_says_something_of_its_own() {
        let mut told: Vec<_> = FileReason::ALL
            .iter()
            .map(|reason| stands(&File { state: FileState::Failed, reason: *reason, ..file("a") }))
            .collect();
        told.sort();
        told.dedup();
        assert_eq!(told.len(), FileReason::ALL.len());
    }

    #[test]
    fn sizes_are_cut_and_never_rounded_up() {
        let sizes = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            ((2 << 20) - 1, "1.9 MiB"),
            (4 << 30, "4.0 GiB"),
        ];
        for (bytes, said) in sizes {
            assert_eq!(size(bytes), said);
        }
        assert!(size(u64::MAX).ends_with("GiB"));
    }
}
