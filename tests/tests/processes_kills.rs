//! Two people, five relays, real processes: texts, edits and deletions go both ways while each process of both is killed in the middle,
//! and in the end both sides have the same, each text once and in the order of who wrote it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use privatus_tests::{Person, kill_9, private_network, until};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use serde_json::Value;

const NETWORK: &str = "kills";
const PARTS: [&str; 4] = ["stored", "onion", "netd", "keyvault"];

/// A conversation of which each side's texts are known.
struct Storm {
    people: [Person; 2],
    rng: ChaCha20Rng,
    /// What each wrote, as it reads now; `None`: deleted for both.
    wrote: [Vec<(String, Option<String>)>; 2],
}

/// Whom each calls how.
const WHOM: [&str; 2] = ["Bob", "Alice"];

impl Storm {
    fn new(seed: u64, addresses: &[String]) -> Self {
        let people = [0, 1].map(|_| Person::start(NETWORK, addresses, None));
        let link = people[0].suite.ask(&["invite", "--name", WHOM[0]]).ok().out.trim().to_string();
        let _ = people[1].suite.ask(&["accept", &link, "--name", WHOM[1]]).ok();
        Self { people, rng: ChaCha20Rng::seed_from_u64(seed), wrote: Default::default() }
    }

    fn below(&mut self, bound: u32) -> usize {
        usize::try_from(self.rng.next_u32() % bound).unwrap()
    }

    /// Gives a command until it is obeyed: a part that is being restarted, or is locked, does not obey.
    fn insist(&self, who: usize, arguments: &[&str]) {
        until(&format!("{arguments:?}"), || {
            let answer = self.people[who].suite.ask(arguments);
            match answer.code {
                0 => return Some(()),
                3 => self.unlock(who),
                4 | 6 => {}
                // The answer to the first was lost: it is done already.
                1 if arguments[0] == "edit" && answer.err.contains("no such") => {}
                _ => panic!("{arguments:?}: {answer:?}"),
            }
            None
        });
    }

    /// Two may type it at once: who comes second waits a moment, and finds it open.
    fn unlock(&self, who: usize) {
        let _ =
            self.people[who].suite.ask_with(&["unlock", "--passphrase-fd", "0"], privatus_tests::PASSPHRASE);
    }

    /// Writes so many texts, changes some, and kills a process of somebody now and then: so many times in all.
    fn burst(&mut self, texts: u32, kills: u32) {
        let apart = texts / kills.max(1);
        for number in 0..texts {
            let who = self.below(2);
            let written = self.wrote[who].len();
            let (id, text) = (format!("{who}-{written}"), format!("text {written} of {who}"));
            if number % apart == apart / 2 {
                self.kill();
            }
            self.insist(who, &["send", WHOM[who], &text, "--id", &id]);
            self.wrote[who].push((id, Some(text)));
            if self.below(8) == 0 {
                self.change(who);
            }
        }
    }

    fn kill(&mut self) {
        let (whose, part) = (self.below(2), PARTS[self.below(4)]);
        // The part may be down already: then it is on its way back.
        if let Some(pid) = self.people[whose].suite.pids().get(part) {
            kill_9(*pid);
        }
    }

    /// Edits or deletes the newest but a few of theirs.
    fn change(&mut self, who: usize) {
        let back = 1 + self.below(4);
        let Some(at) = self.wrote[who].len().checked_sub(back) else { return };
        let (id, text) = self.wrote[who][at].clone();
        let Some(text) = text else { return };
        if self.below(3) == 0 {
            self.insist(who, &["delete", &id, "--both"]);
            self.wrote[who][at].1 = None;
        } else {
            let edited = format!("{text}, edited");
            self.insist(who, &["edit", &id, &edited]);
            self.wrote[who][at].1 = Some(edited);
        }
    }

    /// Ends both suites and starts them again: of a part that falls more than ten times in an hour the supervisor waits ever longer.
    fn again(&mut self, addresses: &[String]) {
        for person in &mut self.people {
            assert_eq!(person.suite.stop(), 0);
            *person = Person::again(person.dir.clone(), NETWORK, addresses, None);
        }
    }

    /// Both sides show what was written, all of it delivered.
    fn settles(&self) {
        for who in 0..2 {
            // One that was deleted before it left is gone without a trace.
            let expected: Vec<String> = self.wrote[who].iter().filter_map(|(_, text)| text.clone()).collect();
            let (mut seen, mut known) = (Vec::new(), Vec::new());
            // Much may lie at the relays by then, and of who has more there than 256 they take two a second.
            for _ in 0..300 {
                known = self.texts(who, "me");
                seen = self.texts(1 - who, "them");
                if bodies(&seen) == expected && known.iter().all(|row| row["state"] == "delivered") {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
            assert_eq!(bodies(&seen), expected, "what {who} wrote, at the other side");
            assert_eq!(bodies(&known), expected, "what {who} wrote");
            let open: Vec<&Value> = known.iter().filter(|row| row["state"] != "delivered").collect();
            assert!(open.is_empty(), "{} are not delivered: {:?}", open.len(), open.first());
        }
    }

    /// The rows of one of the two, once `who` can be asked.
    fn texts(&self, who: usize, from: &str) -> Vec<Value> {
        let rows = until("the history is open", || {
            let answer = self.people[who].suite.ask(&["messages", WHOM[who], "--limit", "100000", "--json"]);
            if answer.code == 3 {
                self.unlock(who);
            }
            (answer.code == 0).then(|| answer.rows())
        });
        // A kill is no older copy, and breaks no session.
        let told: Vec<&Value> = rows.iter().filter(|row| !row["note"].is_null()).collect();
        assert!(told.is_empty(), "{told:?}");
        rows.into_iter().filter(|row| row["from"] == from).collect()
    }
}

/// What can be read of them.
fn bodies(rows: &[Value]) -> Vec<String> {
    let kept = rows.iter().filter(|row| row["deleted"] == false);
    kept.map(|row| row["body"].as_str().unwrap().to_string()).collect()
}

#[test]
fn what_is_said_while_processes_are_killed_is_there_once_in_order_and_as_it_was_changed() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let mut storm = Storm::new(1, &addresses);
    storm.burst(30, 6);
    storm.settles();
}

#[test]
#[ignore = "long: 500 kills in 100 bursts of 100 texts"]
fn of_ten_thousand_texts_amid_five_hundred_kills_each_is_there_once_and_in_order() {
    let (_relays, addresses) = private_network(NETWORK, 5);
    let mut storm = Storm::new(2, &addresses);
    for _ in 0..50 {
        storm.burst(100, 5);
        storm.burst(100, 5);
        storm.again(&addresses);
    }
    storm.settles();
}
