//! `privatus status`: what the supervisor wrote, checked against the kernel, and what the parts say of themselves.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::operator_onion::{Network, Relay, RelayMetrics};
use ipc_schema::edge::stored_onion::{NetworkState, Stage};
use ipc_schema::edge::ui_keyvault::LookState;
use ipc_schema::edge::ui_stored::{Count, Counts, History};
use ipc_schema::edges::operator_onion_capnp::operator;
use ipc_schema::edges::{ui_keyvault_capnp::unlock, ui_stored_capnp::messenger};
use ipc_schema::topology::{CLIENT, NOT_BUILT, RELAY};
use ipc_schema::{clock, loss};
use serde::Serialize;
use supervisor::running::Running;
use supervisor::state::State;

use super::exit::{Failure, Outcome};
use super::paths::Profile;
use super::sockets::{self, Socket};
use super::{Context, output};
use crate::peers;

/// How long one part may take to answer before its field is null: a person waits for this command.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// How often a suite that is starting is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug, Serialize)]
struct Status {
    locked: Option<bool>,
    vault: Option<&'static str>,
    /// How the file of the conversations is; null while stored does not answer.
    history: Option<&'static str>,
    processes: Vec<ProcessRow>,
    network: Option<NetworkRow>,
    queues: Option<QueuesRow>,
    /// Seconds that this computer's clock is ahead of the relays' median, below zero: behind; null while too few were heard.
    clock_offset_s: Option<i64>,
    /// What a person should know, each a sentence.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ProcessRow {
    name: String,
    pid: Option<u32>,
    uptime_s: Option<u64>,
    restarts: u32,
    given_up: bool,
    last: Option<String>,
    /// Until it is started again.
    next_start_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct NetworkRow {
    name: String,
    private: bool,
    stage: &'static str,
    relays_known: u32,
    relays_usable: u32,
    guard: Option<String>,
    circuits: u32,
    proof_age_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct QueuesRow {
    outbox: u32,
    at_relay: u32,
    mailboxes: u32,
    full: u32,
}

pub(super) fn run(context: &Context) -> Outcome {
    of(&context.profile, context)
}

/// The status of the suite of `profile`, a person's or a relay's.
pub(super) fn of(profile: &Profile, context: &Context) -> Outcome {
    let running = profile.running()?;
    let state = state(&running)?;
    let status = sockets::block_on(async {
        let (vault, counts, network, relay) = tokio::join!(
            vault(&running, &state),
            counts(&running, &state),
            network(&running),
            relay(&running, &state)
        );
        let locked = vault.map(|(locked, _)| locked);
        let proof_age_s = counts.as_ref().and_then(|counts| counts.proof_age_ms).map(|ms| ms / 1000);
        let offset = network.as_ref().and_then(|network| network.clock);
        let guards_lost = network.as_ref().is_some_and(|network| network.guards_lost);
        let network = network.map(|network| network_row(network, &state, proof_age_s));
        let history = counts.as_ref().map(|counts| counts.history);
        let counts = counts.filter(|_| locked == Some(false));
        Ok(Status {
            locked,
            vault: vault.map(|(_, state)| state),
            history: history.map(History::word),
            processes: processes(&state),
            network,
            queues: counts.map(|c| QueuesRow {
                outbox: c.outbox,
                at_relay: c.at_relay,
                mailboxes: c.mailboxes,
                full: c.full,
            }),
            clock_offset_s: offset.map(|offset| offset.seconds),
            warnings: warnings(
                &state,
                history
                    .and_then(History::warning)
                    .map(str::to_owned)
                    .into_iter()
                    .chain(clock::warning(Timestamp::now(), offset))
                    .chain(guards_lost.then(|| loss::GUARDS.to_owned()))
                    .chain(relay.and_then(|relay| mailboxes_warning(relay, Timestamp::now()))),
            ),
        })
    })?;
    context.output.row(&status, || words(&status))
}

/// What the supervisor wrote; a suite that is starting is waited for.
///
/// # Errors
/// [`Failure::NotRunning`]: it has not got so far in time, or its folder is gone.
fn state(running: &Running) -> Outcome<State> {
    let mut waited = Duration::ZERO;
    loop {
        let error = match sockets::look(running) {
            Ok(state) => return Ok(state),
            Err(error) => error,
        };
        let starting = error.kind() == std::io::ErrorKind::NotFound && running.handle().is_ok();
        if starting && waited >= sockets::FOLDER_WAIT {
            sockets::has_folder(running)?;
        }
        if !starting || waited >= sockets::RESTART_WAIT {
            let path = running.runtime.join(supervisor::state::FILE);
            return Err(Failure::NotRunning(format!(
                "cannot read {}: {error}; the suite is starting or ending: try again",
                path.display()
            )));
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

async fn vault(running: &Running, state: &State) -> Option<(bool, &'static str)> {
    if state.topology != CLIENT.name {
        return None;
    }
    let ask = |client: unlock::Client| peers::ask(client, LookState {});
    let said = sockets::once(running, Socket::Unlock, ANSWER_WAIT, ask).await?;
    Some((said.locked, said.vault.word()))
}

async fn counts(running: &Running, state: &State) -> Option<Counts> {
    if state.topology != CLIENT.name {
        return None;
    }
    let ask = |client: messenger::Client| peers::ask(client, Count {});
    sockets::once(running, Socket::Messenger, ANSWER_WAIT, ask).await
}

async fn network(running: &Running) -> Option<NetworkState> {
    let ask = |client: operator::Client| peers::ask(client, Network {});
    sockets::once(running, Socket::Operator, ANSWER_WAIT, ask).await
}

async fn relay(running: &Running, state: &State) -> Option<RelayMetrics> {
    if state.topology != RELAY.name {
        return None;
    }
    let ask = |client: operator::Client| peers::ask(client, Relay {});
    sockets::once(running, Socket::Operator, ANSWER_WAIT, ask).await.flatten()
}

/// For how long an operator is told that mailboxes were begun anew.
const BEGUN_ANEW_TOLD: Duration = Duration::from_secs(30 * 24 * 3_600);

fn mailboxes_warning(relay: RelayMetrics, now: Timestamp) -> Option<String> {
    let age = relay.begun_anew.map(|at| now.since(at)).filter(|age| *age < BEGUN_ANEW_TOLD)?;
    Some(format!(
        "the mailboxes were lost or damaged, and new ones were begun {} h ago: what waited in them is gone, and a damaged file is kept in mailboxes/; look at the disk, see the relay's lines on stderr",
        age.as_secs() / 3_600
    ))
}

fn network_row(network: NetworkState, state: &State, proof_age_s: Option<u64>) -> NetworkRow {
    // To a relay's operator nothing comes back that could prove anything.
    let wants_proof = state.topology == CLIENT.name;
    let stage = if wants_proof { proven(network.stage, proof_age_s) } else { network.stage };
    NetworkRow {
        name: network.network_name,
        private: network.private,
        stage: stage.word(),
        relays_known: network.relays_known,
        relays_usable: network.relays_usable,
        guard: network.guard.map(|guard| guard.0.iter().map(|byte| format!("{byte:02x}")).collect()),
        circuits: network.circuits,
        proof_age_s,
    }
}

/// onion calls it connected where a route stands, or stood a moment ago. A person is told so only where something has come back since the
/// last loss, as in the window.
fn proven(stage: Stage, proof_age_s: Option<u64>) -> Stage {
    match (stage, proof_age_s) {
        (Stage::Connected | Stage::Slow, None) => Stage::BuildingRoute,
        (stage, _) => stage,
    }
}

/// Every process of the topology, those that do not run with no pid.
fn processes(state: &State) -> Vec<ProcessRow> {
    let topology = if state.topology == RELAY.name { &RELAY } else { &CLIENT };
    let supervisor = ProcessRow {
        name: "supervisor".into(),
        pid: Some(state.pid),
        uptime_s: Some(uptime_s(state.started)),
        restarts: 0,
        given_up: false,
        last: None,
        next_start_s: None,
    };
    let not_built = if state.topology == CLIENT.name { NOT_BUILT } else { &[] };
    let names = topology.processes.iter().map(|process| process.name).chain(not_built.iter().copied());
    let rows = names.map(|name| {
        let part = state.processes.iter().find(|part| part.name == name);
        let pid = part.and_then(|part| part.pid).filter(|pid| is_child(*pid, state.pid));
        let started = part.and_then(|part| part.started).filter(|_| pid.is_some());
        ProcessRow {
            name: name.into(),
            pid,
            uptime_s: started.map(uptime_s),
            restarts: part.map_or(0, |part| part.restarts),
            given_up: part.is_some_and(|part| part.given_up),
            last: part.and_then(|part| part.last.clone()),
            next_start_s: part
                .and_then(|part| part.next_start)
                .map(|at| Timestamp(at).since(Timestamp::now()).as_secs()),
        }
    });
    [supervisor].into_iter().chain(rows).collect()
}

/// What is to be told of the whole: walls, then what the parts said of themselves, then what became of them.
fn warnings(state: &State, told: impl IntoIterator<Item = String>) -> Vec<String> {
    let walls = "a required wall is missing on this system, and the suite was started all the same (--without-walls): see privatus audit";
    let parts = state.processes.iter().filter_map(supervisor::state::Part::warning);
    state.without_walls.then(|| walls.to_owned()).into_iter().chain(told).chain(parts).collect()
}

fn uptime_s(started: u64) -> u64 {
    Timestamp::now().since(Timestamp(started)).as_secs()
}

/// What the kernel says: that process lives, and the supervisor is its parent.
pub(super) fn is_child(pid: u32, supervisor: u32) -> bool {
    let status = sandbox::read_proc_status(pid);
    status.is_ok_and(|status| status.parent == supervisor.cast_signed() && status.lives)
}

fn words(status: &Status) -> String {
    let mut lines = Vec::new();
    match (status.locked, status.vault) {
        (Some(true), Some(vault)) => lines.push(format!("locked (vault {vault}): privatus unlock")),
        (Some(false), Some(vault)) => {
            let history = status.history.map(|history| format!(", history {history}")).unwrap_or_default();
            lines.push(format!("unlocked (vault {vault}{history})"));
        }
        _ => {}
    }
    if let Some(network) = &status.network {
        let name = if network.name.is_empty() {
            "the public network".into()
        } else {
            output::one_line(&network.name)
        };
        lines.push(format!(
            "{name}: {}, {} of {} relays usable, {} circuits",
            network.stage, network.relays_usable, network.relays_known, network.circuits
        ));
    }
    if let Some(queues) = &status.queues {
        lines.push(format!(
            "{} texts to send, {} at relays, {} mailboxes, {} full",
            queues.outbox, queues.at_relay, queues.mailboxes, queues.full
        ));
    }
    lines.extend(status.warnings.iter().map(|warning| format!("warning: {}", output::one_line(warning))));
    lines.extend(status.processes.iter().map(process_words));
    lines.join("\n")
}

fn process_words(row: &ProcessRow) -> String {
    let how = match (row.pid, row.uptime_s) {
        (Some(pid), Some(uptime)) => format!("process {pid}, for {uptime} s"),
        _ if row.given_up => "fell too often: privatus stop, then start again".into(),
        _ => match row.next_start_s {
            Some(wait) => format!("not running, starts again in {wait} s"),
            None => "not running".into(),
        },
    };
    let last =
        row.last.as_ref().map(|last| format!(", last end: {}", output::one_line(last))).unwrap_or_default();
    let restarts =
        if row.restarts > 0 { format!(", {} restarts{last}", row.restarts) } else { String::new() };
    format!("{:<11}{how}{restarts}", row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_is_listed_and_one_that_does_not_run_has_no_pid() {
        let part = |name: &str, pid| supervisor::state::Part {
            name: name.into(),
            pid,
            started: Some(1),
            restarts: 2,
            last: None,
            given_up: false,
            falls: 0,
            falls_by_signal: 0,
            next_start: None,
        };
        let state = State {
            topology: "client".into(),
            pid: std::process::id(),
            started: 1,
            headless: true,
            display: None,
            network: String::new(),
            private: false,
            without_walls: true,
            // No child of ours: the kernel contradicts the file.
            processes: vec![part("onion", Some(1)), part("netd", None)],
        };
        assert_eq!(warnings(&state, []).len(), 1);
        assert_eq!(warnings(&state, ["the clock".to_owned()])[1], "the clock");
        assert!(History::Damaged.warning().is_some_and(|told| told.contains("store.db is damaged")));
        assert!(History::Ok.warning().is_none());
        let rows = processes(&state);
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["supervisor", "keyvault", "netd", "onion", "stored", "mediad", "ui", "desk"]);
        assert!(rows.iter().skip(1).all(|row| row.pid.is_none() && row.uptime_s.is_none()));
        assert_eq!(rows.iter().find(|row| row.name == "onion").unwrap().restarts, 2);
    }

    #[test]
    fn connected_is_said_with_a_proof_and_never_without() {
        for stage in Stage::ALL {
            let shown = proven(*stage, None);
            assert!(!matches!(shown, Stage::Connected | Stage::Slow));
            assert_eq!(proven(*stage, Some(3)), *stage);
        }
        assert_eq!(proven(Stage::Connected, None), Stage::BuildingRoute);
        assert_eq!(proven(Stage::Offline, None), Stage::Offline);
    }

    #[test]
    fn a_child_is_told_from_a_stranger() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(is_child(child.id(), std::process::id()));
        assert!(!is_child(1, std::process::id()) && !is_child(u32::MAX, 1));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_child(child.id(), std::process::id()));
    }
}
