//! Files that a folder had and has no more: missing, or empty, as a power cut can leave what was not synced. Told before anything is made in
//! their place, for each would be another one silently. Only sizes are looked at: what is in them is their parts'.

use std::path::{Path, PathBuf};

use ipc_schema::loss;

use crate::error::StartError;
use crate::folder::{HISTORY, Kind, MAILBOXES, NETD_STATE, ONION_STATE, VAULT};
use crate::network;

/// Where stored kept the history before it had a folder of its own, and its name in that.
const STORE: &str = "store.db";

/// Whether one of the files says that the folder was used before, whatever else is lost.
#[must_use]
pub fn was_used(folder: &Path, kind: Kind) -> bool {
    match kind {
        Kind::Person => holds(&folder.join(VAULT)),
        Kind::Relay => [NETD_STATE.into(), ONION_STATE.into(), PathBuf::from(MAILBOXES).join("mailboxes.db")]
            .iter()
            .any(|name| holds(&folder.join(name))),
    }
}

/// Whether each file that must not be found empty later holds something.
#[must_use]
pub fn is_whole(folder: &Path, kind: Kind) -> bool {
    let names = match kind {
        Kind::Person => [VAULT, ONION_STATE],
        Kind::Relay => [NETD_STATE, ONION_STATE],
    };
    names.iter().all(|name| holds(&folder.join(name)))
}

fn holds(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > 0)
}

/// For a person's folder in which the vault is missing or empty.
///
/// # Errors
/// [`StartError::Lost`]: there was one.
pub fn vault(folder: &Path) -> Result<(), StartError> {
    let old_shape = holds(&folder.join(STORE)) && holds(&folder.join(ONION_STATE));
    let was_there = network::was_begun(folder) || holds(&folder.join(HISTORY).join(STORE)) || old_shape;
    let path = folder.join(VAULT);
    match gone(&path).filter(|_| was_there) {
        Some(how) => Err(StartError::Lost(format!(
            "{} is {how}, and the keys with it: nobody can open the history without them. Put back a copy of vault, or a backup of the folder; nothing was changed. For a new profile choose another folder",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// For the folder of a relay that was one before.
///
/// # Errors
/// [`StartError::Lost`]: it would be another relay.
pub fn relay(folder: &Path) -> Result<(), StartError> {
    for (name, next) in [(ONION_STATE, loss::ONION_STATE), (NETD_STATE, loss::NETD_STATE)] {
        let path = folder.join(name);
        if let Some(how) = gone(&path) {
            return Err(StartError::Lost(format!("{} is {how}: {next}", path.display())));
        }
    }
    Ok(())
}

/// How a file that should hold something does not; `None` also where it cannot be looked at: opening it says why.
fn gone(path: &Path) -> Option<&'static str> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => (metadata.len() == 0).then_some("empty"),
        Err(error) => (error.kind() == std::io::ErrorKind::NotFound).then_some("missing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::judge;
    use ipc_schema::grant::Settings;
    use std::fs;

    #[test]
    fn a_vault_that_is_gone_is_told_where_anything_says_that_there_was_one() {
        let begun = |folder: &Path| {
            let mut settings =
                Settings { network_name: "test".into(), network_id: [7; 32], ..Settings::default() };
            network::settle(folder, Kind::Person, &mut settings).unwrap();
            fs::write(folder.join(VAULT), "x").unwrap();
            fs::write(folder.join(ONION_STATE), "x").unwrap();
            network::complete(folder, Kind::Person, &mut settings).unwrap();
        };
        let history = |folder: &Path| {
            fs::create_dir(folder.join(HISTORY)).unwrap();
            fs::write(folder.join(HISTORY).join(STORE), "x").unwrap();
        };
        let old = |folder: &Path| {
            for name in [STORE, ONION_STATE] {
                fs::write(folder.join(name), "x").unwrap();
            }
        };
        for (number, sign) in [begun as fn(&Path), history, old].into_iter().enumerate() {
            for how in ["missing", "empty"] {
                let dir = tempfile::tempdir().unwrap();
                sign(dir.path());
                let path = dir.path().join(VAULT);
                let _ = fs::remove_file(&path);
                if how == "empty" {
                    fs::write(&path, "").unwrap();
                }
                let told = judge(dir.path(), Kind::Person).unwrap_err();
                assert!(
                    told.code() == 1 && told.to_string().contains(&format!("vault is {how}")),
                    "{number}: {told}"
                );
                fs::write(&path, "x").unwrap();
                assert!(!judge(dir.path(), Kind::Person).unwrap(), "{number}");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(STORE), "x").unwrap();
        assert_eq!(judge(dir.path(), Kind::Person).unwrap_err().code(), 2, "anybody's store.db");
    }

    #[test]
    fn a_relay_is_told_which_of_its_files_is_gone_and_how_it_goes_on() {
        for (name, next) in [(NETD_STATE, loss::NETD_STATE), (ONION_STATE, loss::ONION_STATE)] {
            let dir = tempfile::tempdir().unwrap();
            for name in [NETD_STATE, ONION_STATE] {
                fs::write(dir.path().join(name), "x").unwrap();
            }
            relay(dir.path()).unwrap();
            let path = dir.path().join(name);
            fs::write(&path, "").unwrap();
            for how in ["empty", "missing"] {
                let told = relay(dir.path()).unwrap_err();
                assert_eq!(told.to_string(), format!("{} is {how}: {next}", path.display()));
                assert_eq!(told.code(), 1);
                let _ = fs::remove_file(&path);
            }
        }
    }
}
