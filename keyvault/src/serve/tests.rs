//! Both edges over real sockets, in one process without its walls.

use std::future::Future;
use std::os::unix::net::UnixStream;

use ipc_schema::edge::ui_keyvault::{AskTurn, PassphraseError, TryUnlock};
use ipc_schema::edges::stored_keyvault_capnp::{begin_result, gate, open_result, vault};
use ipc_schema::edges::ui_keyvault_capnp::{UnlockResult, VaultState, unlock};
use ipc_schema::ends::EdgeEnds;
use tokio::task::LocalSet;

use super::*;
use crate::reopened::reopened;

fn edge(name: &str, outside: bool, shell: &Rc<Shell>) -> (Option<JoinHandle<()>>, EdgeEnds) {
    let (ends, theirs) = if outside {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (ours.into(), theirs.into())
    } else {
        EdgeEnds::pipes().unwrap()
    };
    let granted = GrantedEdge { name: name.to_owned(), caller: false, ends };
    (serve_edge(granted, shell).unwrap(), theirs)
}

fn ui(shell: &Rc<Shell>) -> unlock::Client {
    ipc_schema::rpc::connect(edge("ui-keyvault", true, shell).1).unwrap().0
}

fn stored(shell: &Rc<Shell>) -> gate::Client {
    ipc_schema::rpc::connect(edge("stored-keyvault", false, shell).1).unwrap().0
}

async fn vault_of(gate: &gate::Client) -> vault::Client {
    let answer = gate.open_request().send().promise.await.unwrap();
    let unlocked = answer.get().unwrap().get_unlocked().unwrap();
    assert_eq!(unlocked.get_store_key().unwrap().len(), 32);
    unlocked.get_vault().unwrap()
}

async fn state(ui: &unlock::Client) -> (bool, VaultState) {
    let answer = ui.state_request().send().promise.await.unwrap();
    let answer = answer.get().unwrap();
    (answer.get_locked(), answer.get_vault().unwrap())
}

async fn unlock(ui: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = ui.unlock_request();
    request.get().set_passphrase(passphrase);
    request.send().promise.await.unwrap().get().unwrap().get_verdict().unwrap().get_word().unwrap()
}

async fn create(ui: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = ui.create_request();
    request.get().set_passphrase(passphrase);
    request.send().promise.await.unwrap().get().unwrap().get_result().unwrap()
}

async fn set_scripts(ui: &unlock::Client, passphrase: &[u8]) -> UnlockResult {
    let mut request = ui.set_scripts_request();
    request.get().set_passphrase(passphrase);
    request.get().set_on(true);
    request.send().promise.await.unwrap().get().unwrap().get_verdict().unwrap().get_word().unwrap()
}

async fn tried(ui: &unlock::Client, passphrase: &[u8]) -> Result<(), PassphraseError> {
    ipc_schema::edge::send(ui, &TryUnlock { passphrase: passphrase.to_vec().into() }).await.unwrap()
}

async fn turn(ui: &unlock::Client) -> u16 {
    ipc_schema::edge::ask(ui, &AskTurn {}).await.unwrap()
}

fn on_this_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_vault_is_created_used_locked_and_unlocked_over_its_edges() {
    on_this_thread(async {
        let file = tempfile::NamedTempFile::new().unwrap();
        let shell = Rc::new(Shell::new(reopened(&file)));
        let (ui, gate) = (ui(&shell), stored(&shell));
        assert_eq!(state(&ui).await, (true, VaultState::Missing));
        assert_eq!(unlock(&ui, b"x").await, UnlockResult::Missing);
        assert_eq!(create(&ui, b"").await, UnlockResult::TooShort);

        // stored asks before there is a passphrase, and is answered when there is one.
        let (vault, created) = tokio::join!(vault_of(&gate), create(&ui, b"pass"));
        assert_eq!(created, UnlockResult::Ok);
        assert_eq!(state(&ui).await, (false, VaultState::Ok));
        assert_eq!(create(&ui, b"pass").await, UnlockResult::Exists);

        let mut request = vault.begin_invite_request();
        request.get().set_invite(1);
        request.get().set_relay(&[7; 32]);
        let begun = request.send().promise.await.unwrap();
        let begun = begun.get().unwrap().get_result().unwrap();
        assert!(matches!(begun.which(), Ok(begin_result::AuthKey(Ok(key))) if key.len() == 32));

        shell.lock();
        let mut request = vault.begin_receive_queue_request();
        request.get().set_relay(&[7; 32]);
        assert!(request.send().promise.await.is_err(), "after a lock the capability is dead");
        drop(shell);

        let shell = Rc::new(Shell::new(reopened(&file)));
        let ui = super::tests::ui(&shell);
        assert_eq!(state(&ui).await, (true, VaultState::Locked));
        assert_eq!(unlock(&ui, b"wrong").await, UnlockResult::WrongPassphrase);
        assert_eq!(set_scripts(&ui, b"pass").await, UnlockResult::Ok);
        assert_eq!(state(&ui).await, (true, VaultState::Locked), "setting a flag does not unlock");
        assert_eq!(unlock(&ui, b"pass").await, UnlockResult::Ok);
        assert!(shell.with(|vault, _, _| vault.scripts()).unwrap());
        assert_eq!(unlock(&ui, b"wrong").await, UnlockResult::WrongPassphrase);
        assert_eq!(state(&ui).await, (false, VaultState::Ok));
    });
}

#[test]
fn a_local_program_that_leaves_gives_its_place_up_and_the_window_waits_for_none() {
    on_this_thread(async {
        let shell = unlocked();
        let connect = |outside| {
            ipc_schema::rpc::connect::<unlock::Client>(edge("ui-keyvault", outside, &shell).1).unwrap()
        };
        let (first, connection) = connect(true);
        let (second, _) = connect(true);
        let (window, _) = connect(false);
        for _ in 0..9 {
            shell.count_wrong_for_tests();
        }
        let waits = |wait: Result<(), PassphraseError>| match wait {
            Err(PassphraseError::Wait { seconds }) => seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(waits(tried(&first, b"pass").await), 16);
        assert_eq!(waits(tried(&second, b"pass").await), 16 + 32);
        assert_eq!(tried(&window, b"wrong").await, Err(PassphraseError::WrongPassphrase));
        assert_eq!(turn(&window).await, 0);
        connection.abort();
        while turn(&second).await > 16 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tried(&window, b"pass").await, Ok(()));
        assert_eq!(
            (turn(&second).await, tried(&second, b"pass").await),
            (0, Ok(())),
            "the right one ends it"
        );
    });
}

/// An unlocked vault without waiting for Argon2.
fn unlocked() -> Rc<Shell> {
    let file = tempfile::tempfile().unwrap();
    Rc::new(Shell::unlocked_for_tests(file))
}

#[test]
fn a_broken_limit_closes_the_edge_and_no_other() {
    on_this_thread(async {
        let shell = unlocked();
        let (hostile, honest) = (stored(&shell), stored(&shell));
        let (vault, other) = (vault_of(&hostile).await, vault_of(&honest).await);
        let mut request = vault.begin_receive_queue_request();
        request.get().set_relay(&[7; 31]);
        assert!(request.send().promise.await.is_err());
        let again = hostile.open_request().send().promise.await;
        assert!(again.is_err(), "the edge is closed");
        let mut request = other.begin_receive_queue_request();
        request.get().set_relay(&[7; 32]);
        assert!(request.send().promise.await.is_ok());
    });
}

#[test]
fn every_over_long_argument_closes_the_edge() {
    on_this_thread(async {
        let shell = unlocked();
        for which in 0..5 {
            let gate = stored(&shell);
            let vault = vault_of(&gate).await;
            let failed = match which {
                0 => {
                    let mut request = vault.open_invite_request();
                    request.get().set_link("x".repeat(341).as_str());
                    request.send().promise.await.is_err()
                }
                1 => {
                    let mut request = vault.seal_envelope_request();
                    request.get().set_content(&[0; 2_321]);
                    request.send().promise.await.is_err()
                }
                2 => {
                    let mut request = vault.open_envelope_request();
                    request.get().set_envelope(&[0; 4_097]);
                    request.send().promise.await.is_err()
                }
                3 => {
                    let mut request = vault.forget_request();
                    request.get().init_outbox(513);
                    request.send().promise.await.is_err()
                }
                _ => {
                    let mut request = vault.seal_envelope_request();
                    request.get().init_offer(3);
                    request.send().promise.await.is_err()
                }
            };
            assert!(failed, "case {which}");
            assert!(gate.open_request().send().promise.await.is_err(), "case {which}");
        }
    });
}

#[test]
fn unknown_ids_are_told_and_the_edge_lives_on() {
    on_this_thread(async {
        let shell = unlocked();
        let gate = stored(&shell);
        let vault = vault_of(&gate).await;
        let mut request = vault.open_envelope_request();
        request.get().set_envelope(&[0; 4_096]);
        request.get().set_sender_key(&[0; 32]);
        let answer = request.send().promise.await.unwrap();
        let result = answer.get().unwrap().get_result().unwrap();
        assert!(matches!(
            result.which(),
            Ok(open_result::Error(Ok(ipc_schema::edges::stored_keyvault_capnp::VaultError::NoSuchId)))
        ));
        let request = vault.remove_session_request();
        assert!(request.send().promise.await.is_ok());
    });
}

#[test]
fn calls_in_one_turn_share_a_flush_and_each_is_durable_when_answered() {
    on_this_thread(async {
        let file = tempfile::NamedTempFile::new().unwrap();
        let shell = Rc::new(Shell::unlocked_for_tests(reopened(&file)));
        let vault = vault_of(&stored(&shell)).await;
        let before = shell.flushes();
        let calls = (0..100).map(|receive_queue| {
            let mut request = vault.begin_receive_queue_request();
            request.get().set_receive_queue(receive_queue);
            request.get().set_relay(&[7; 32]);
            request.send().promise
        });
        for answer in futures::future::join_all(calls).await {
            assert!(answer.unwrap().get().unwrap().get_result().unwrap().has_auth_key());
        }
        let flushes = shell.flushes() - before;
        assert!(flushes < 50, "{flushes} flushes for 100 calls");
        // What a kill would leave behind.
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::copy(file.path(), copy.path()).unwrap();
        let after = Shell::reopened_for_tests(reopened(&copy));
        assert_eq!(after.with(|vault, _, _| vault.receive_queue_count()).unwrap(), 100);
    });
}

#[test]
fn local_programs_have_no_edge_to_what_stored_may_ask() {
    on_this_thread(async {
        let shell = unlocked();
        assert!(edge("stored-keyvault", true, &shell).0.is_none());
        assert!(edge("stored-onion", false, &shell).0.is_none());
        assert!(edge("ui-keyvault", true, &shell).0.is_some());
    });
}

#[test]
fn a_passphrase_is_one_line_of_bounded_length() {
    use std::io::Write;
    let read = |bytes: &[u8]| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(bytes).unwrap();
        drop(writer);
        read_passphrase(reader.into()).map(|line| line.to_vec())
    };
    assert_eq!(read(b"correct horse\n").unwrap(), b"correct horse");
    assert_eq!(read(b"no newline").unwrap(), b"no newline");
    assert_eq!(read(b"first\nsecond\n").unwrap(), b"first");
    assert_eq!(read(b"").unwrap(), b"");
    assert_eq!(read(&[b'x'; 1_024]).unwrap().len(), 1_024);
    assert!(read(&[b'x'; 1_025]).is_err());
}

mod taken_over;
