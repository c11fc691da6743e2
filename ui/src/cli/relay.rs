//! `privatus relay`: a relay-only host. Its first line on stdout, `relay ready <multiaddr>`, is netd's own.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ipc_schema::grant::Settings;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use supervisor::options::Gifts;

use super::Context;
use super::exit::{Doing, Failure, Outcome};
use super::launch::{self, Launch};
use super::paths::Profile;
use super::sockets::{self, Socket};
use crate::peers;
use ipc_schema::edge::operator_onion::Relay;
use ipc_schema::edges::operator_onion_capnp::operator;

/// How a relay's first line begins.
pub const READY: &str = "relay ready ";

/// Where a relay listens unless told otherwise.
const LISTEN: &str = "/ip4/0.0.0.0/udp/0/quic-v1";

/// Queues and disk of a relay whose config says nothing: a small server's share.
const QUEUES_MAX: u32 = 100_000;
const DISK_MAX_BYTES: u64 = 16 << 30;

#[derive(Debug, Args)]
#[command(subcommand_precedence_over_arg = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    ask: Option<Ask>,
    /// The relay's folder; its keys are made there at the first start
    #[arg(long, value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// TOML; by default DIR/relay.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A private network by its name; kept in the folder
    #[arg(long, value_name = "NAME")]
    network: Option<String>,
    /// The private network's secret: one line on this descriptor
    #[arg(long, value_name = "N")]
    network_secret_fd: Option<i32>,
    /// Where to listen; port 0: the kernel picks one, the folder keeps it
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<String>,
    /// Another relay to start from
    #[arg(long, value_name = "ADDR")]
    bootstrap: Vec<String>,
    /// Starts also where this system lacks a wall that is required
    #[arg(long)]
    without_walls: bool,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// How the relay is
    Status,
    /// What it carries, in numbers
    Metrics,
}

/// `relay.toml`. The command line goes before it.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    network: Option<String>,
    #[serde(default)]
    listen: Vec<String>,
    #[serde(default)]
    bootstrap: Vec<String>,
    /// Any text that all relays of one operator share, so that no path takes two of them.
    operator: Option<String>,
    queues_max: Option<u32>,
    disk_max_bytes: Option<u64>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let dir = arguments
        .dir
        .clone()
        .ok_or_else(|| Failure::Usage("--dir DIR is missing: name the relay's folder".into()))?;
    let profile = Profile::at(Some(dir))?;
    profile.shed_root()?;
    match &arguments.ask {
        Some(Ask::Status) => super::status::of(&profile, context),
        Some(Ask::Metrics) => metrics(&profile, context),
        None => start(arguments, &profile),
    }
}

fn start(arguments: &Arguments, profile: &Profile) -> Outcome {
    let default = profile.folder.join("relay.toml");
    let missing =
        |path: &Path| Failure::Failed(format!("cannot read {}: there is no such file", path.display()));
    let config = match &arguments.config {
        Some(path) => read(path)?.ok_or_else(|| missing(path))?,
        None => read(&default)?.unwrap_or_default(),
    };
    let first_of =
        |given: &[String], config: Vec<String>| if given.is_empty() { config } else { given.to_vec() };
    let mut settings = Settings {
        relay: true,
        headless: true,
        without_walls: arguments.without_walls,
        listen: first_of(&arguments.listen, config.listen),
        bootstraps: first_of(&arguments.bootstrap, config.bootstrap),
        queues_max: config.queues_max.unwrap_or(QUEUES_MAX),
        disk_max_bytes: config.disk_max_bytes.unwrap_or(DISK_MAX_BYTES),
        operator_tag: config.operator.as_deref().map(operator_tag).unwrap_or_default(),
        ..Settings::default()
    };
    if settings.listen.is_empty() {
        settings.listen.push(LISTEN.into());
    }
    let network = arguments.network.as_deref().or(config.network.as_deref());
    launch::join_network(&mut settings, network, arguments.network_secret_fd)?;
    Launch { profile: profile.create()?, settings, gifts: Gifts::default(), with_parent: false }.exec()
}

/// Longest configuration, bytes: a few hundred addresses.
const CONFIG_MAX_BYTES: u64 = 64 << 10;

fn read(path: &Path) -> Outcome<Option<Config>> {
    let doing = || format!("read {}", path.display());
    let Some(bytes) = supervisor::files::read_settings(path, CONFIG_MAX_BYTES).doing(doing())? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).doing(doing())?;
    parse(&text).map(Some).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
}

fn parse(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        format!("line {line}: {}", error.message().replace('\n', " "))
    })
}

/// 16 bytes that stand for the operator's text.
fn operator_tag(text: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[derive(Serialize)]
struct Metrics {
    circuits: u64,
    cells_forwarded: u64,
    queues: u64,
    messages: u64,
    blobs: u64,
    disk_bytes: u64,
    links: u64,
    draining: bool,
    /// When the mailboxes took the place of others that were lost or damaged, milliseconds since 1970.
    begun_anew_at: Option<u64>,
}

fn metrics(profile: &Profile, context: &Context) -> Outcome {
    let ask = |client: operator::Client| peers::ask(client, Relay {});
    let answer = sockets::block_on(sockets::ask(profile, Socket::Operator, ask))?;
    let relay = answer.map_err(|error| Failure::Failed(format!("the relay does not tell: {error}")))?;
    let relay =
        relay.ok_or_else(|| Failure::Refused("this suite is no relay: give a relay's --dir".into()))?;
    let row = Metrics {
        circuits: relay.circuits,
        cells_forwarded: relay.cells_forwarded,
        queues: relay.queues,
        messages: relay.messages,
        blobs: relay.blobs,
        disk_bytes: relay.disk_bytes,
        links: relay.links,
        draining: relay.draining,
        begun_anew_at: relay.begun_anew.map(|at| at.0),
    };
    context.output.row(&row, || {
        format!(
            "circuits {}\ncells {}\nlinks {}\nqueues {}\nmessages {}\nblobs {}\ndisk {} bytes",
            row.circuits, row.cells_forwarded, row.links, row.queues, row.messages, row.blobs, row.disk_bytes
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_says_where_and_how_much() {
        let config =
            parse("network = \"test\"\nlisten = [\"/ip4/0.0.0.0/udp/4001/quic-v1\"]\nqueues_max = 7\n")
                .unwrap();
        assert_eq!((config.network.as_deref(), config.queues_max), (Some("test"), Some(7)));
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_its_line() {
        let why = parse("queues_max = 7\nmax_quues = 3\n").unwrap_err();
        assert!(why.contains("max_quues") && why.contains("line 2"), "{why}");
    }

    #[test]
    fn relays_of_one_operator_have_one_tag() {
        assert_eq!(operator_tag("example.org"), operator_tag("example.org"));
        assert_ne!(operator_tag("example.org"), operator_tag("example.net"));
    }
}
