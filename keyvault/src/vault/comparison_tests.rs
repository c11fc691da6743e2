//! Comparing by short string.

use super::*;
use crate::vault::{COMPARISONS_MAX, MISTAKEN_MAX};
use ipc_schema::edge::stored_keyvault::Shown;

/// Both have the string, of a run that Alice began.
fn shown(w: &mut World) -> (Shown, Shown) {
    let (a, b) = (w.alice_session, w.bob_session);
    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let nonce = w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap().told;
    let at_alice = w.alice.reveal_comparison(a, nonce).unwrap();
    let at_bob = w.bob.check_comparison(b, at_alice.nonce).unwrap();
    (at_alice, at_bob)
}

/// What is read out.
fn string(shown: &Shown) -> (&str, &[String]) {
    (&shown.digits, &shown.words)
}

fn is_cheat(outcome: Result<Shown, VaultError>) -> bool {
    matches!(outcome, Err(VaultError::NotCommittedTo))
}

fn is_none(error: VaultError) -> bool {
    matches!(error, VaultError::WrongPurpose(Thing::Comparison))
}

#[test]
fn a_short_string_is_compared_in_three_steps_of_which_all_but_the_first_may_be_repeated() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let nonce = w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap();
    assert_eq!(w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap(), nonce);
    let at_alice = w.alice.reveal_comparison(a, nonce.told).unwrap();
    assert!(w.alice.reveal_comparison(a, nonce.told).unwrap() == at_alice);
    let at_bob = w.bob.check_comparison(b, at_alice.nonce).unwrap();
    assert!(w.bob.check_comparison(b, at_alice.nonce).unwrap() == at_bob);
    assert_eq!(w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap(), nonce);
    assert_eq!(string(&at_alice), string(&at_bob));
    assert_eq!((at_alice.runs, at_bob.runs), (1, 1));
}

#[test]
fn a_second_try_is_counted_and_no_second_nonce_is_taken() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    assert!(w.alice.reveal_comparison(a, [1; 32]).is_err_and(is_none));
    assert!(w.alice.check_comparison(a, [1; 32]).is_err_and(is_none));

    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let revealed = w.alice.reveal_comparison(a, [1; 32]).unwrap().nonce;
    let other = w.alice.reveal_comparison(a, [2; 32]);
    assert!(other.is_err_and(is_none), "another nonce for the same commitment");

    // Whoever sits between abandons a run at Bob's and begins another one: Bob sees that it is the second.
    w.bob.answer_comparison(b, [7; 32], &mut w.rng).unwrap();
    w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap();
    assert_eq!(w.bob.check_comparison(b, revealed).unwrap().runs, 2);

    // And what was not committed to ends a run for good.
    w.bob.answer_comparison(b, [8; 32], &mut w.rng).unwrap();
    assert!(is_cheat(w.bob.check_comparison(b, [9; 32])));
    assert!(is_cheat(w.bob.check_comparison(b, revealed)));
    assert!(is_none(w.bob.verify_string(b, "0000 0000").unwrap_err()));
    let digits = w.bob.safety_number(b).unwrap().digits;
    w.bob.set_verified(b, Some(&digits)).unwrap();
    w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap();
    assert_eq!(w.bob.check_comparison(b, revealed).unwrap().runs, 1, "verified meanwhile");
}

#[test]
fn a_peer_that_commits_and_never_reveals_holds_up_no_comparison() {
    let mut w = in_step();
    let a = w.alice_session;
    w.alice.answer_comparison(a, [7; 32], &mut w.rng).unwrap();
    let (at_alice, at_bob) = shown(&mut w);
    assert_eq!(string(&at_alice), string(&at_bob));
    assert_eq!((at_alice.runs, at_bob.runs), (2, 1), "what was given up is counted");
    // What the peer reveals after all ends nothing.
    assert!(w.alice.check_comparison(a, [8; 32]).is_err_and(is_none));
    w.alice.verify_string(a, &at_bob.digits).unwrap();
}

#[test]
fn when_both_begin_a_comparison_either_may_give_its_own_up_and_it_is_one_run() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    let alices = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let bobs = w.bob.begin_comparison(b, &mut w.rng).unwrap().told;
    let nonce = w.bob.answer_comparison(b, alices, &mut w.rng).unwrap().told;
    let began = w.alice.reveal_comparison(a, nonce).unwrap();
    let answered = w.bob.check_comparison(b, began.nonce).unwrap();
    assert_eq!(string(&began), string(&answered));
    assert_eq!((began.runs, answered.runs), (1, 1));
    let late = w.alice.answer_comparison(a, bobs, &mut w.rng).unwrap();
    assert_eq!(late.runs, 2, "a string was shown before");
}

#[test]
fn nobody_can_reveal_the_own_commitment_that_came_back() {
    let mut w = in_step();
    let a = w.alice_session;
    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let answered = w.alice.answer_comparison(a, commitment, &mut w.rng).unwrap();
    assert!(w.alice.reveal_comparison(a, answered.told).is_err_and(is_none));
    assert!(is_cheat(w.alice.check_comparison(a, answered.told)));
}

#[test]
fn no_nonce_outlives_the_open_vault_and_the_count_of_runs_does() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let nonce = w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap().told;
    w.alice = restarted(&w.alice);
    w.bob = restarted(&w.bob);
    // An older copy would know the same nonce again, and so would who saw it revealed.
    assert!(w.alice.reveal_comparison(a, nonce).is_err_and(is_none));
    assert_ne!(w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap().told, nonce);
    let again = w.alice.begin_comparison(a, &mut w.rng).unwrap();
    assert!(again.told != commitment && again.runs == 2);
    let record = w.alice.store.read(Table::Comparison, &a.key()).unwrap().unwrap();
    assert_eq!(record.len(), 5, "a version and a number");
}

#[test]
fn only_the_string_that_is_shown_verifies_however_it_is_written() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    assert!(is_none(w.alice.verify_string(a, "").unwrap_err()), "none is shown");
    let (_, at_bob) = shown(&mut w);
    let told = at_bob.digits.replace(' ', "-");
    for other in ["", "1", &told[1..], &format!("{told}0")] {
        let _ = shown(&mut w);
        let refused = w.alice.verify_string(a, other);
        assert!(matches!(refused, Err(VaultError::Mistaken)), "{other}");
    }
    assert!(!w.alice.session(a).unwrap().1);
    let (_, at_bob) = shown(&mut w);
    w.alice.verify_string(a, &at_bob.digits.replace(' ', "-")).unwrap();
    w.bob.verify_string(b, &at_bob.words.join("  ").to_uppercase()).unwrap();
    assert!(w.alice.session(a).unwrap().1 && w.bob.session(b).unwrap().1);
    assert!(is_none(w.alice.verify_string(a, &told).unwrap_err()), "the run is over");
    assert_eq!(shown(&mut w).0.runs, 1, "those before led to this");
}

#[test]
fn with_a_third_wrong_string_the_run_is_over() {
    let mut w = in_step();
    let a = w.alice_session;
    let (_, at_bob) = shown(&mut w);
    for _ in 0..MISTAKEN_MAX {
        assert!(matches!(w.alice.verify_string(a, "1234 567"), Err(VaultError::Mistaken)));
    }
    assert!(is_none(w.alice.verify_string(a, &at_bob.digits).unwrap_err()));
    assert!(!w.alice.session(a).unwrap().1);
}

#[test]
fn repeating_a_step_gives_no_wrong_string_another_chance() {
    let mut w = in_step();
    let (a, b) = (w.alice_session, w.bob_session);
    let commitment = w.alice.begin_comparison(a, &mut w.rng).unwrap().told;
    let nonce = w.bob.answer_comparison(b, commitment, &mut w.rng).unwrap().told;
    for _ in 0..MISTAKEN_MAX {
        w.alice.reveal_comparison(a, nonce).unwrap();
        assert!(matches!(w.alice.verify_string(a, "1234 567"), Err(VaultError::Mistaken)));
    }
    assert!(w.alice.reveal_comparison(a, nonce).is_err_and(is_none));
}

#[test]
fn of_many_comparisons_the_oldest_is_given_up() {
    let mut runs = super::super::comparison_runs::ComparisonRuns::default();
    let stage = || super::super::comparison_runs::Stage::Cheated;
    for session in 0..=COMPARISONS_MAX {
        runs.put(SessionId(u64::try_from(session).unwrap()), stage());
    }
    assert!(runs.of(SessionId(0)).is_none() && runs.of(SessionId(1)).is_some());
    runs.put(SessionId(1), stage());
    runs.put(SessionId(99), stage());
    assert!(runs.of(SessionId(1)).is_some() && runs.of(SessionId(2)).is_none(), "it moved last");
}

#[test]
fn a_contact_that_is_removed_or_unknown_has_no_comparison() {
    let mut w = in_step();
    let a = w.alice_session;
    let _ = shown(&mut w);
    w.alice.remove_session(a).unwrap();
    assert!(w.alice.comparisons.of(a).is_none());
    let nobody = |error: VaultError| matches!(error, VaultError::NoSuch(Thing::Session));
    assert!(nobody(w.alice.begin_comparison(a, &mut w.rng).unwrap_err()));
    assert!(nobody(w.alice.answer_comparison(a, [1; 32], &mut w.rng).unwrap_err()));
    assert!(w.alice.reveal_comparison(a, [1; 32]).is_err_and(nobody));
    assert!(w.alice.check_comparison(a, [1; 32]).is_err_and(nobody));
    assert!(nobody(w.alice.verify_string(a, "1").unwrap_err()));
}
