//! The edges that this process serves, and the process itself.

mod carrier;
mod mailbox;
mod operator;

use std::fs::File;
use std::rc::Rc;

use getrandom::SysRng;
use ipc_schema::child::{Child, Exit, GrantedEdge};
use ipc_schema::edge::operator_onion::Operator;
use ipc_schema::edge::stored_onion::Carrier;
use ipc_schema::grant::Settings;
use ipc_schema::{Machine, Timestamp, loss};
use rand_core::UnwrapErr;
use tokio::task::{JoinHandle, spawn_local};
use zeroize::Zeroizing;

use self::carrier::CarrierServer;
use self::operator::OperatorServer;
use crate::core::OnionCore;
use crate::peers::{disk, netd};
use crate::shell::{Shell, Wanted};
use crate::state::{StateError, StateFile};

/// Runs the process: core, state file, then every edge that is granted.
pub async fn run(mut child: Child) -> Exit {
    let (shell, wanted) = match start(&mut child) {
        Ok(started) => started,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Setting;
        }
    };
    child.started();
    let running = see_to(&shell, wanted);
    let exit = loop {
        match child.next_edge().await {
            Ok(Some(edge)) => {
                if join(&shell, edge).is_err() {
                    break Exit::Fault;
                }
            }
            Ok(None) => break Exit::Done,
            Err(_) => break Exit::Fault,
        }
    };
    running.abort();
    shell.save_now();
    exit
}

/// Starts what ticks, follows netd and a relay's disk, and sees to what the core wants of them.
pub fn see_to(shell: &Rc<Shell>, wanted: Wanted) -> JoinHandle<()> {
    let Wanted { dials, of_disk, releases } = wanted;
    spawn_local(netd::follow(shell.clone()));
    spawn_local(netd::dial_wanted(shell.clone(), dials));
    if shell.settings.relay {
        spawn_local(disk::follow(shell.clone()));
        spawn_local(disk::ask_wanted(shell.clone(), of_disk));
    }
    spawn_local(shell.clone().run(releases))
}

fn start(child: &mut Child) -> Result<(Rc<Shell>, Wanted), StateError> {
    let state = child.files.remove("state").map(File::from);
    open(child.settings.clone(), state, machine())
}

/// The shell with its state file. A client goes on where that is damaged, or holds nothing although it did ([`Settings::begun`]): what is
/// damaged is kept aside, and the loss of the guards is told. A relay does not: it would become another relay.
///
/// # Errors
/// [`StateError`].
pub fn open(
    settings: Settings,
    state: Option<File>,
    machine: Machine,
) -> Result<(Rc<Shell>, Wanted), StateError> {
    let Some(state) = state else { return Shell::new(settings, machine, None, &[]) };
    let (file, found) = StateFile::open(state)?;
    let (begun, relay) = (settings.begun, settings.relay);
    let (saved, lost) = match found {
        Ok(saved) if !saved.is_empty() || !begun => (saved, false),
        Ok(_) | Err(StateError::Damaged) if relay => return Err(StateError::Damaged),
        Ok(nothing) => (nothing, true),
        Err(StateError::Damaged) => {
            file.keep_aside()?;
            (Zeroizing::default(), true)
        }
        Err(error) => return Err(error),
    };
    let (shell, wanted) = Shell::new(settings, machine, Some(file), &saved)?;
    if lost {
        shell.state_was_lost();
    }
    match shell.save_twice() {
        // Nobody shall know a relay that is another one tomorrow.
        Err(error) if relay && saved.is_empty() => return Err(error),
        Err(error) => eprintln!("{error}"),
        Ok(()) => {}
    }
    if shell.look(OnionCore::state).guards_lost {
        eprintln!("{}", loss::GUARDS);
    }
    Ok((shell, wanted))
}

/// The system's clock and randomness. The latter cannot fail on a system that runs this program.
#[must_use]
pub fn machine() -> Machine {
    Machine::new(Timestamp::now, || Box::new(UnwrapErr(SysRng)))
}

/// Takes one granted edge, as caller or callee.
///
/// # Errors
/// When its descriptors are no edge's.
pub fn join(shell: &Rc<Shell>, edge: GrantedEdge) -> std::io::Result<()> {
    match (edge.name.as_str(), edge.caller) {
        ("onion-netd", true) => shell.netd.connected(edge.ends),
        ("onion-stored", true) => shell.disk.connected(edge.ends),
        ("stored-onion", false) => {
            let shell = shell.clone();
            CarrierServer::serve_closing(edge.ends, |closer| CarrierServer { shell, closer }).map(drop)
        }
        ("operator-onion", false) => {
            Rc::new(OperatorServer { shell: shell.clone() }).serve(edge.ends).map(drop)
        }
        // Nothing else is in the topology; an edge that is not known closes.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::fresh;
    use crate::state::{ASIDE, SLOT_BYTES};
    use proptest::prelude::*;
    use std::os::unix::fs::FileExt;

    const NETWORK: [u8; 32] = [5; 32];

    fn opened(file: &File, settings: &Settings) -> Result<Rc<Shell>, StateError> {
        open(settings.clone(), Some(file.try_clone().unwrap()), machine()).map(|(shell, _)| shell)
    }

    fn settings(relay: bool, begun: bool) -> Settings {
        Settings { relay, begun, network_id: NETWORK, ..Settings::default() }
    }

    fn lost(shell: &Shell) -> bool {
        shell.look(OnionCore::state).guards_lost
    }

    /// A file, and the relay's id that is in it.
    fn made(relay: bool) -> (File, Option<crate::id::RelayId>) {
        let file = fresh();
        let shell = opened(&file, &settings(relay, false)).unwrap();
        assert!(!lost(&shell), "nothing is lost at a first start");
        (file, shell.look(|core, _| core.own_relay()))
    }

    #[test]
    fn a_relay_whose_file_holds_nothing_is_a_new_one_only_at_its_first_start() {
        for length in [0, 100, 2 * SLOT_BYTES] {
            let file = fresh();
            file.set_len(length).unwrap();
            assert!(
                matches!(opened(&file, &settings(true, true)), Err(StateError::Damaged)),
                "{length} zeros"
            );
            let relay = opened(&file, &settings(true, false)).unwrap().look(|core, _| core.own_relay());
            assert!(relay.is_some());
            // Before anybody heard of it, its keys are on the disk.
            let again = opened(&file, &settings(true, true)).unwrap().look(|core, _| core.own_relay());
            assert_eq!(again, relay);
        }
    }

    #[test]
    fn a_person_whose_file_holds_nothing_any_more_goes_on_and_is_told_for_a_week() {
        for length in [0, 100, 2 * SLOT_BYTES] {
            let file = fresh();
            file.set_len(length).unwrap();
            assert!(lost(&opened(&file, &settings(false, true)).unwrap()), "{length} zeros");
            assert!(lost(&opened(&file, &settings(false, true)).unwrap()), "a restart is told as well");
            let days = |days: u64| {
                let clock = move || Timestamp(Timestamp::now().0 + days * 86_400_000);
                let machine = Machine::new(clock, || Box::new(UnwrapErr(SysRng)));
                lost(&open(settings(false, true), Some(file.try_clone().unwrap()), machine).unwrap().0)
            };
            assert!(days(6) && !days(8));
        }
        let (file, _) = made(false);
        assert!(!lost(&opened(&file, &settings(false, true)).unwrap()));
    }

    #[test]
    fn what_a_persons_file_held_is_kept_behind_what_is_written_anew() {
        let (file, _) = made(false);
        for slot in [0, SLOT_BYTES] {
            file.write_all_at(&[7; 40], slot + 20).unwrap();
        }
        let mut before = vec![0; 200];
        file.read_exact_at(&mut before[..100], 0).unwrap();
        file.read_exact_at(&mut before[100..], SLOT_BYTES).unwrap();
        assert!(lost(&opened(&file, &settings(false, true)).unwrap()));
        let mut aside = vec![0; 200];
        file.read_exact_at(&mut aside[..100], ASIDE).unwrap();
        file.read_exact_at(&mut aside[100..], ASIDE + SLOT_BYTES).unwrap();
        assert_eq!(aside, before);
    }

    #[test]
    fn a_file_of_another_network_is_refused_and_stays_as_it_is() {
        for relay in [true, false] {
            let (file, own) = made(relay);
            let elsewhere = Settings { network_id: [6; 32], ..settings(relay, true) };
            for _ in 0..2 {
                assert!(matches!(opened(&file, &elsewhere), Err(StateError::OtherNetwork)));
            }
            let back = opened(&file, &settings(relay, true)).unwrap();
            assert_eq!(back.look(|core, _| core.own_relay()), own);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        /// A bit, a cut, zeros, in both slots alike: the keys that were there, or a told state. Never other keys, never a panic.
        #[test]
        fn whatever_happens_to_the_file_nobody_becomes_another_silently(
            relay: bool, at in 0_usize..700, end in 0_usize..700, bit in 0_u32..8, kind in 0..4, both: bool
        ) {
            let (file, own) = made(relay);
            for slot in if both { &[0, SLOT_BYTES][..] } else { &[SLOT_BYTES] } {
                let mut bytes = vec![0; 700];
                let read = file.read_at(&mut bytes, *slot).unwrap();
                match kind {
                    0 => bytes[at] ^= 1 << bit,
                    1 => bytes[at.min(end)..at.max(end)].fill(0),
                    2 => bytes[at..].fill(0),
                    _ => bytes[at.min(end)..at.max(end)].fill(0xa5),
                }
                file.write_all_at(&bytes[..read], *slot).unwrap();
            }
            if kind == 2 && both {
                file.set_len(at as u64).unwrap();
            }
            match opened(&file, &settings(relay, true)) {
                Ok(shell) if relay => prop_assert_eq!(shell.look(|core, _| core.own_relay()), own),
                // A new file of a person holds no guards yet: that is told, or it is the old one.
                Ok(_) => {}
                Err(error) => prop_assert!(relay && matches!(error, StateError::Damaged), "{}", error),
            }
            if !both {
                prop_assert!(!lost(&opened(&file, &settings(relay, true)).unwrap()), "one of the two is whole");
            }
        }
    }
}
