//! Which network a folder belongs to, and whether its first start was complete: settled then, refused when it is named otherwise later.
//!
//! Kept in two files of the same bytes, for nobody remembers the id of a network with a secret: name LF ‖ id, 64 hex digits, LF ‖
//! `beginning` or `begun` LF ‖ SHA-256 of all before it, 64 hex digits, LF. A file that ends after the id is of an earlier version, or
//! written by hand.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipc_schema::grant::Settings;
use ipc_schema::limits::NETWORK_NAME_MAX_BYTES;
use sha2::{Digest, Sha256};

use crate::error::{Doing, StartError};
use crate::files;
use crate::folder::Kind;
use crate::{log, losses};

/// The files in the profile folder.
pub const FILES: [&str; 2] = ["network", "network.copy"];

/// Longest file: a name, a word, twice 64 digits, four line ends.
const FILE_MAX_BYTES: u64 = 256;

/// What a folder remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The network's name, empty for the public one.
    pub name: String,
    /// Its id, zeros for the public one.
    pub id: [u8; 32],
    /// How far the first start came; `None`: an earlier version did not say.
    pub stage: Option<Stage>,
}

/// How far a folder's first start came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It may have been cut short anywhere: what holds nothing is new.
    Beginning,
    /// Every part was complete: what holds nothing was lost.
    Begun,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Beginning => "beginning",
            Self::Begun => "begun",
        }
    }
}

/// How one of the two files is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Missing,
    Empty,
    Damaged,
    Newer,
    Whole(Kept),
}

impl Found {
    const fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Damaged => "damaged",
            Self::Newer => "of a later version",
            Self::Whole(_) => "whole",
        }
    }
}

/// Settles name, id and [`Settings::begun`] with what the folder remembers; whether [`complete`] is to be called once every part's start is.
///
/// # Errors
/// Another network's name, a name that cannot be one, an address of the own network on the public one; both files are lost.
pub fn settle(folder: &Path, kind: Kind, settings: &mut Settings) -> Result<bool, StartError> {
    check_name(&settings.network_name)?;
    let found = look(folder)?;
    let to_complete = match choose(folder, &found)? {
        Some(kept) => {
            let begun =
                kept.stage.map_or_else(|| losses::was_used(folder, kind), |stage| stage == Stage::Begun);
            keep_to(folder, settings, &kept)?;
            settings.begun = begun;
            let stage = Some(if begun { Stage::Begun } else { Stage::Beginning });
            mend(folder, &found, &Kept { stage, ..kept });
            !begun
        }
        None => {
            settings.begun = without_files(folder, kind, &found, settings)?;
            true
        }
    };
    if !settings.private() {
        only_public_addresses(settings)?;
    }
    Ok(to_complete)
}

/// Writes down that every part's start in this folder was complete, if each file that a part must not find empty holds something.
///
/// # Errors
/// As write(2), fsync(2) and rename(2).
pub fn complete(folder: &Path, kind: Kind, settings: &mut Settings) -> std::io::Result<()> {
    if losses::is_whole(folder, kind) {
        write(folder, &of(settings, Stage::Begun))?;
        settings.begun = true;
    }
    Ok(())
}

/// What the folder belongs to; `None`: it was never started.
///
/// # Errors
/// Both files are lost, or one cannot be read.
pub fn kept(folder: &Path, kind: Kind) -> Result<Option<Kept>, StartError> {
    let found = look(folder)?;
    match choose(folder, &found)? {
        None if !is_new(folder, kind, &found) => Err(lost(folder, &found)),
        chosen => Ok(chosen),
    }
}

/// Whether the folder remembers a complete first start. What cannot be read remembers nothing.
#[must_use]
pub fn was_begun(folder: &Path) -> bool {
    look(folder).is_ok_and(|found| {
        found.iter().any(|found| matches!(found, Found::Whole(kept) if kept.stage == Some(Stage::Begun)))
    })
}

fn paths(folder: &Path) -> [PathBuf; 2] {
    FILES.map(|name| folder.join(name))
}

fn look(folder: &Path) -> Result<[Found; 2], StartError> {
    let [first, second] = paths(folder);
    Ok([read(&first)?, read(&second)?])
}

fn read(path: &Path) -> Result<Found, StartError> {
    let bytes = files::read_small(path, FILE_MAX_BYTES).on("read", path)?;
    Ok(bytes.map_or(Found::Missing, |bytes| if bytes.is_empty() { Found::Empty } else { parse(&bytes) }))
}

/// The whole one of the two; the further one where only the stage differs.
fn choose(folder: &Path, found: &[Found; 2]) -> Result<Option<Kept>, StartError> {
    let [path, copy] = paths(folder);
    for (path, found) in [(&path, &found[0]), (&copy, &found[1])] {
        if *found == Found::Newer {
            let text =
                "was written by a later version of Privatus: install that version; nothing was changed";
            return Err(StartError::Lost(format!("{} {text}", path.display())));
        }
    }
    match found {
        [Found::Whole(one), Found::Whole(other)] if (&one.name, one.id) != (&other.name, other.id) => {
            let (path, copy) = (path.display(), copy.display());
            Err(StartError::Lost(format!(
                "{path} and {copy} name two networks: remove the wrong one, and start again"
            )))
        }
        [Found::Whole(_), Found::Whole(other)] if other.stage == Some(Stage::Begun) => {
            Ok(Some(other.clone()))
        }
        [Found::Whole(kept), _] | [_, Found::Whole(kept)] => Ok(Some(kept.clone())),
        [_, _] => Ok(None),
    }
}

/// Nothing is there, and nothing says that there ever was something.
fn is_new(folder: &Path, kind: Kind, found: &[Found; 2]) -> bool {
    *found == [Found::Missing, Found::Missing] && !losses::was_used(folder, kind)
}

/// Where neither file is whole: a first start, or the network as it is named anew. What is named anew is written once every part's start was
/// complete: onion refuses another network than its own. Gives [`Settings::begun`].
fn without_files(
    folder: &Path,
    kind: Kind,
    found: &[Found; 2],
    settings: &Settings,
) -> Result<bool, StartError> {
    if is_new(folder, kind, found) {
        let [path, _] = paths(folder);
        write(folder, &of(settings, Stage::Beginning)).on("write", &path)?;
        return Ok(false);
    }
    if !settings.private() {
        return Err(lost(folder, found));
    }
    let [path, _] = paths(folder);
    let (path, how) = (path.display(), found[0].word());
    // An operator who removes both lets a relay go on without what it lost besides.
    let goes_on = kind == Kind::Relay && *found == [Found::Missing, Found::Missing];
    let rest = if goes_on { "; what else is missing is made anew" } else { "" };
    log::write(&format!(
        "privatus: {path} is {how}: this folder goes on in the network {}{rest}",
        settings.network_name
    ));
    Ok(losses::was_used(folder, kind) && !goes_on)
}

fn lost(folder: &Path, found: &[Found; 2]) -> StartError {
    let ([path, _], [first, second]) = (paths(folder), found);
    let (path, first, second) = (path.display(), first.word(), second.word());
    StartError::Lost(format!(
        "{path} is {first} and network.copy beside it {second}, so that nothing says which network this folder belongs to: put back a copy of network, or start with --network NAME (and its secret) as at the first start; nothing was changed"
    ))
}

fn of(settings: &Settings, stage: Stage) -> Kept {
    Kept { name: settings.network_name.clone(), id: settings.network_id, stage: Some(stage) }
}

/// One after the other: whenever that is cut short, one of them is whole.
fn write(folder: &Path, kept: &Kept) -> std::io::Result<()> {
    paths(folder).iter().try_for_each(|path| files::write_durably(path, &pack(kept)))
}

/// Makes both files what one of them is. A disk that cannot be written is no reason not to start.
fn mend(folder: &Path, found: &[Found; 2], kept: &Kept) {
    if found.iter().all(|found| matches!(found, Found::Whole(there) if there == kept)) {
        return;
    }
    let written = write(folder, kept);
    let twice = found.iter().any(|found| matches!(found, Found::Whole(kept) if kept.stage.is_some()));
    for (name, found) in FILES.iter().zip(found) {
        // An earlier version wrote one file alone.
        let bad = !matches!(found, Found::Whole(_)) && (twice || *found != Found::Missing);
        match &written {
            Ok(()) if bad => {
                log::write(&format!("privatus: {name} was {}, and is made again from its copy", found.word()))
            }
            Err(error) if bad => log::write(&format!(
                "privatus: {name} is {}, and cannot be made again from its copy: {error}",
                found.word()
            )),
            Ok(()) | Err(_) => {}
        }
    }
}

fn keep_to(folder: &Path, settings: &mut Settings, kept: &Kept) -> Result<(), StartError> {
    let name = &kept.name;
    let given = settings.private();
    if given && settings.network_name != *name {
        let now = if name.is_empty() { "the public network".into() } else { format!("the network {name}") };
        return Err(StartError::Refused(format!(
            "{} belongs to {now}: leave out --network, or use another folder for {}",
            folder.display(),
            settings.network_name
        )));
    }
    if given && settings.network_id != kept.id {
        return Err(StartError::Refused(format!(
            "the secret of the network {name} is another than at the first start of {}: give that one, or none",
            folder.display()
        )));
    }
    (settings.network_name, settings.network_id) = (name.clone(), kept.id);
    Ok(())
}

fn check_name(name: &str) -> Result<(), StartError> {
    if name.len() > NETWORK_NAME_MAX_BYTES || name.chars().any(char::is_control) {
        let text =
            format!("a network's name is one line of at most {NETWORK_NAME_MAX_BYTES} bytes: choose another");
        return Err(StartError::Refused(text));
    }
    Ok(())
}

fn pack(kept: &Kept) -> Vec<u8> {
    let stage = kept.stage.unwrap_or(Stage::Beginning).word();
    let text = format!("{}\n{}\n{stage}\n", kept.name, hex::encode(kept.id));
    let check = hex::encode(Sha256::digest(&text));
    format!("{text}{check}\n").into_bytes()
}

/// A later version's first lines may say anything; its last is still the digest of what stands before.
fn parse(bytes: &[u8]) -> Found {
    let Ok(text) = std::str::from_utf8(bytes) else { return Found::Damaged };
    let lines: Vec<&str> = text.trim_end_matches('\n').split('\n').collect();
    if let [name, id] = lines.as_slice() {
        return whole(name, id, None);
    }
    let checked = lines.split_last().is_some_and(|(check, before)| {
        let text: String = before.iter().flat_map(|line| [*line, "\n"]).collect();
        hex::encode(Sha256::digest(text)) == *check
    });
    match lines.as_slice() {
        _ if !checked => Found::Damaged,
        [name, id, word, _] => {
            match [Stage::Beginning, Stage::Begun].into_iter().find(|stage| stage.word() == *word) {
                Some(stage) => whole(name, id, Some(stage)),
                None => Found::Newer,
            }
        }
        _ => Found::Newer,
    }
}

fn whole(name: &str, id: &str, stage: Option<Stage>) -> Found {
    let mut bytes = [0; 32];
    match (check_name(name), hex::decode_to_slice(id, &mut bytes)) {
        (Ok(()), Ok(())) => Found::Whole(Kept { name: name.into(), id: bytes, stage }),
        _ => Found::Damaged,
    }
}

fn only_public_addresses(settings: &Settings) -> Result<(), StartError> {
    let foreign = settings.bootstraps.iter().chain(&settings.listen).find(|address| is_local(address));
    match foreign {
        Some(address) => Err(StartError::Refused(format!(
            "{address} is an address of this machine or its own network, which the public network has no use for: \
             name a private network with --network"
        ))),
        None => Ok(()),
    }
}

/// Loopback, private and link-local addresses. What is no address at all is netd's to refuse.
fn is_local(multiaddr: &str) -> bool {
    let mut parts = multiaddr.split('/').skip_while(|part| *part != "ip4" && *part != "ip6");
    match parts.nth(1).and_then(|address| address.parse().ok()) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
