//! Which network a folder belongs to: settled at its first start, refused when it is named otherwise later.

use std::net::IpAddr;
use std::path::Path;

use ipc_schema::grant::Settings;
use ipc_schema::limits::NETWORK_NAME_MAX_BYTES;

use crate::error::{Doing, StartError};
use crate::files;

/// The file in the profile folder: the name, a line end, the id in hex, a line end.
pub const FILE: &str = "network";

/// Longest file: a name, 64 digits, two line ends.
const FILE_MAX_BYTES: u64 = 256;

/// Settles name and id in `settings` with what the folder remembers.
///
/// # Errors
/// Another network's name, a name that cannot be one, an address of the own network on the public one.
pub fn settle(folder: &Path, settings: &mut Settings) -> Result<(), StartError> {
    check_name(&settings.network_name)?;
    match kept(folder)? {
        Some((name, id)) => keep_to(folder, settings, name, id)?,
        None => {
            let path = folder.join(FILE);
            let text = format!("{}\n{}\n", settings.network_name, hex::encode(settings.network_id));
            files::write_whole(&path, text.as_bytes()).on("write", &path)?;
        }
    }
    if settings.private() { Ok(()) } else { only_public_addresses(settings) }
}

/// Name and id of the network that the folder belongs to; an empty name and zeros for the public one. `None`: never started.
///
/// # Errors
/// The file cannot be read, or is none of ours.
pub fn kept(folder: &Path) -> Result<Option<(String, [u8; 32])>, StartError> {
    let path = folder.join(FILE);
    match files::read_small(&path, FILE_MAX_BYTES).on("read", &path)? {
        Some(bytes) => parse(&bytes).ok_or_else(|| damaged(&path)).map(Some),
        None => Ok(None),
    }
}

fn keep_to(folder: &Path, settings: &mut Settings, name: String, id: [u8; 32]) -> Result<(), StartError> {
    let given = settings.private();
    if given && settings.network_name != name {
        let now = if name.is_empty() { "the public network".into() } else { format!("the network {name}") };
        return Err(StartError::Refused(format!(
            "{} belongs to {now}: leave out --network, or use another folder for {}",
            folder.display(),
            settings.network_name
        )));
    }
    if given && settings.network_id != id {
        return Err(StartError::Refused(format!(
            "the secret of the network {name} is another than at the first start of {}: give that one, or none",
            folder.display()
        )));
    }
    (settings.network_name, settings.network_id) = (name, id);
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

fn damaged(path: &Path) -> StartError {
    StartError::Refused(format!(
        "{} is damaged: write the network's name and id into it again",
        path.display()
    ))
}

fn parse(bytes: &[u8]) -> Option<(String, [u8; 32])> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (name, rest) = text.split_once('\n')?;
    let mut id = [0; 32];
    hex::decode_to_slice(rest.trim_end_matches('\n'), &mut id).ok()?;
    Some((name.to_string(), id))
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
mod tests {
    use super::*;

    fn named(name: &str, id: u8) -> Settings {
        Settings { network_name: name.into(), network_id: [id; 32], ..Settings::default() }
    }

    #[test]
    fn a_folder_keeps_the_network_of_its_first_start() {
        let dir = tempfile::tempdir().unwrap();
        settle(dir.path(), &mut named("test", 7)).unwrap();
        let mut unnamed = Settings::default();
        settle(dir.path(), &mut unnamed).unwrap();
        assert_eq!(unnamed, named("test", 7));
        settle(dir.path(), &mut named("test", 7)).unwrap();
        let other = settle(dir.path(), &mut named("other", 7)).unwrap_err();
        assert!(other.code() == 2 && other.to_string().contains("belongs to the network test"), "{other}");
        assert_eq!(settle(dir.path(), &mut named("test", 8)).unwrap_err().code(), 2);
    }

    #[test]
    fn a_folder_of_the_public_network_stays_there() {
        let dir = tempfile::tempdir().unwrap();
        settle(dir.path(), &mut Settings::default()).unwrap();
        let text = settle(dir.path(), &mut named("test", 7)).unwrap_err().to_string();
        assert!(text.contains("the public network"), "{text}");
    }

    #[test]
    fn addresses_of_the_own_network_are_refused_on_the_public_one_alone() {
        let local = [
            "/ip4/127.0.0.1/udp/1/quic-v1",
            "/ip4/192.168.1.2/tcp/3",
            "/ip6/::1/udp/1/quic-v1",
            "/ip4/169.254.1.2/tcp/3",
            "/ip6/fe80::1",
            "/ip6/fd00::1/tcp/3",
        ];
        for address in local {
            let dir = tempfile::tempdir().unwrap();
            let mut settings = Settings { bootstraps: vec![address.into()], ..Settings::default() };
            let error = settle(dir.path(), &mut settings).unwrap_err();
            assert!(error.code() == 2 && error.to_string().contains("--network"), "{error}");
            let mut listens = Settings { listen: vec![address.into()], ..Settings::default() };
            assert_eq!(settle(tempfile::tempdir().unwrap().path(), &mut listens).unwrap_err().code(), 2);
            let mut private = Settings { bootstraps: vec![address.into()], ..named("test", 1) };
            settle(tempfile::tempdir().unwrap().path(), &mut private).unwrap();
        }
        let mut public =
            Settings { bootstraps: vec!["/ip4/9.9.9.9/udp/1/quic-v1".into()], ..Settings::default() };
        settle(tempfile::tempdir().unwrap().path(), &mut public).unwrap();
    }

    #[test]
    fn a_damaged_file_is_told_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let digits = "07".repeat(32);
        for text in [
            "test\nabc\n".into(),
            format!("test\n{digits}07\n"),
            format!("test\n+7{}\n", "07".repeat(31)),
            format!("test\n{}\u{e9}\n", "07".repeat(31)),
            digits.clone(),
        ] {
            std::fs::write(dir.path().join(FILE), &text).unwrap();
            assert!(settle(dir.path(), &mut named("test", 7)).unwrap_err().to_string().contains("damaged"));
            assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), text);
        }
        std::fs::write(dir.path().join(FILE), format!("test\n{digits}\n")).unwrap();
        assert_eq!(kept(dir.path()).unwrap(), Some(("test".into(), [7; 32])));
    }

    #[test]
    fn a_name_is_one_line_and_not_too_long() {
        for (name, fits) in [
            ("x".repeat(NETWORK_NAME_MAX_BYTES), true),
            ("x".repeat(NETWORK_NAME_MAX_BYTES + 1), false),
            ("a\nb".into(), false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let settled = settle(dir.path(), &mut named(&name, 7));
            assert_eq!(settled.is_ok(), fits, "{name:?}: {settled:?}");
            assert_eq!(dir.path().join(FILE).exists(), fits);
        }
    }
}
