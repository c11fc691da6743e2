//! `privatus profiles`: this user's profiles in the default place, and what can be known of each without its passphrase.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use ipc_schema::edge::ui_keyvault::LookState;
use ipc_schema::edges::ui_keyvault_capnp::unlock;
use serde::Serialize;
use supervisor::folder::{Kind, VAULT};

use super::exit::Doing;
use super::paths::{self, Profile};
use super::sockets::{self, Socket};
use super::{Context, Outcome, output};
use crate::peers;

/// How long a running one may take to say whether it is locked: a person waits for this command.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct Row {
    /// What its folder is called.
    name: String,
    /// For `--profile`.
    path: String,
    running: bool,
    /// `None` while it does not run, or does not say.
    locked: Option<bool>,
    /// Empty for the public one; `None` where that is lost, or not settled yet.
    network: Option<String>,
}

pub(super) fn run(context: &Context) -> Outcome {
    let place = paths::profiles()?;
    place.shed_root()?;
    let found = found(&place.folder)?;
    let rows = sockets::block_on(async { Ok(join_all(found.into_iter().map(look)).await) })?;
    rows.iter().try_for_each(|row| context.output.row(row, || words(row)))
}

struct Found {
    name: String,
    profile: Profile,
}

/// Each profile in `place`, by its name.
fn found(place: &Path) -> Outcome<Vec<Found>> {
    let doing = || format!("list {}", place.display());
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(doing())?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.doing(doing())?;
        if is_profile(&entry.path()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(Found { name, profile: Profile::at(Some(entry.path()))? });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// An empty vault is what a first start that was cut short leaves.
fn is_profile(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(VAULT)).is_ok_and(|vault| vault.is_file() && vault.len() > 0)
}

async fn look(Found { name, profile }: Found) -> Row {
    let running = profile.running().ok();
    let locked = match &running {
        Some(running) => {
            let ask = |client: unlock::Client| peers::ask(client, LookState {});
            sockets::once(running, Socket::Unlock, ANSWER_WAIT, ask).await.map(|state| state.locked)
        }
        None => None,
    };
    let network = supervisor::network::kept(&profile.folder, Kind::Person).ok().flatten();
    Row {
        name,
        path: profile.folder.to_string_lossy().into_owned(),
        running: running.is_some(),
        locked,
        network: network.map(|kept| kept.name),
    }
}

fn words(row: &Row) -> String {
    let how = match (row.running, row.locked) {
        (false, _) => "not running",
        (true, None) => "running",
        (true, Some(true)) => "running, locked",
        (true, Some(false)) => "running, unlocked",
    };
    let network = match row.network.as_deref() {
        None => "network unknown".into(),
        Some("") => "the public network".into(),
        Some(name) => format!("network {}", output::one_line(name)),
    };
    format!("{}  {how}  {network}  {}", output::one_line(&row.name), output::one_line(&row.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_with_a_vault_is_a_profile() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["work", "default", "relay", "new"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("vault"), "a file").unwrap();
        for name in ["work", "default"] {
            fs::write(dir.path().join(name).join(VAULT), "keys").unwrap();
        }
        fs::write(dir.path().join("relay/netd.state"), "x").unwrap();
        fs::write(dir.path().join("new").join(VAULT), "").unwrap();
        let names: Vec<_> = found(dir.path()).unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["default", "work"]);
        assert!(found(&dir.path().join("missing")).unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_does_not_run_is_told_without_a_guess() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(VAULT), "keys").unwrap();
        let profile = Profile::at(Some(dir.path().into())).unwrap();
        let row = look(Found { name: "a\nb".into(), profile }).await;
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["running"], false);
        assert!(json["locked"].is_null() && json["network"].is_null(), "{json}");
        assert_eq!(words(&row).lines().count(), 1);
    }
}
