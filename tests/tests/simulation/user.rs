//! Whoever sits before the window: asks again what was not answered, and looks whether all is as it should be.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;

use ipc_schema::edge::ui_stored::{AcceptInvite, Closed, Contacts, InviteError, MakeInvite, SendText};
use stored::engine::{Action, Asks, FirstPage, Input, InviteOf, NextPage, Reply, RequestId};
use stored::ids::ContactId;
use stored::mailboxes::ENVELOPES_MAX;
use stored::store::{Contact, ContactState, Delivery, InviteState, Message};

use crate::world::{Part, Who, World};

/// What a person wants done. Everything is asked again after a restart, and done once.
#[derive(Clone, Debug)]
pub enum Want {
    Invite(Who),
    Accept(Who, String),
    Send(Who, u32),
}

#[derive(Default)]
pub struct User {
    wants: VecDeque<Want>,
    asked: Option<RequestId>,
    last: u64,
    answers: BTreeMap<RequestId, Result<Reply, Closed>>,
}

fn refused<C: Asks<Error: Debug>>(reply: Reply) -> Option<String> {
    C::told(reply).unwrap().err().map(|why| format!("{why:?}"))
}

pub fn name(who: Who) -> String {
    format!("p{who}")
}

fn text(from: Who, number: u32) -> String {
    format!("text {number} from p{from}")
}

impl World {
    pub fn wants(&mut self, who: Who, want: Want) {
        self.person(who).user.wants.push_back(want);
        self.user_asks(who);
    }

    /// One more text from one to another.
    pub fn send(&mut self, from: Who, to: Who) {
        let number = self.sent.entry((from, to)).or_default();
        *number += 1;
        let number = *number - 1;
        self.wants(from, Want::Send(to, number));
    }

    fn user_asks(&mut self, who: Who) {
        let person = self.person(who);
        if person.engine.is_none() || person.user.asked.is_some() {
            return;
        }
        let Some(want) = person.user.wants.front().cloned() else { return };
        person.user.last += 1;
        let id = RequestId(person.user.last);
        person.user.asked = Some(id);
        let input = match want {
            Want::Invite(whom) => Input::asked(id, MakeInvite { name: name(whom) }),
            Want::Accept(whom, link) => Input::asked(id, AcceptInvite { link, name: name(whom) }),
            Want::Send(whom, number) => Input::asked(
                id,
                SendText {
                    who: name(whom),
                    id: format!("m-{who}-{whom}-{number}"),
                    text: text(who, number),
                    reply_to: String::new(),
                },
            ),
        };
        self.input(who, input);
    }

    /// The engine is there again: what it did not answer is asked anew.
    pub fn user_starts(&mut self, who: Who) {
        self.person(who).user.asked = None;
        self.user_asks(who);
    }

    pub fn user_hears(&mut self, who: Who, request: RequestId, answer: Result<Reply, Closed>) {
        let seed = self.seed;
        let user = &mut self.person(who).user;
        if user.asked != Some(request) {
            user.answers.insert(request, answer);
            return;
        }
        user.asked = None;
        let want = user.wants.pop_front().unwrap();
        let refused = match (&want, answer) {
            (_, Err(closed)) => Some(format!("{closed:?}")),
            (Want::Invite(_), Ok(reply)) => {
                refused::<MakeInvite>(reply).filter(|why| *why != format!("{:?}", InviteError::NameTaken))
            }
            (Want::Accept(..), Ok(reply)) => refused::<AcceptInvite>(reply),
            (Want::Send(..), Ok(reply)) => refused::<SendText>(reply),
        };
        assert_eq!(refused, None, "p{who} wants {want:?} and is refused (seed {seed})");
        self.user_asks(who);
    }

    /// A question is answered at once from what is durable.
    pub fn query<C: Asks<Error: Debug>>(&mut self, who: Who, query: C) -> C::Answer {
        let now = self.now_of(who);
        let person = self.person(who);
        person.user.last += 1;
        let id = RequestId(person.user.last);
        let engine = person.engine.as_mut().unwrap();
        for action in engine.handle(now, vec![Input::asked(id, query)]) {
            if let Action::Answer(_, answer) = action {
                return C::told(answer.unwrap()).unwrap().unwrap();
            }
        }
        panic!("no answer");
    }

    pub fn contacts(&mut self, who: Who) -> Vec<Contact> {
        self.query(who, Contacts {})
    }

    fn contact(&mut self, who: Who, whom: Who) -> Option<Contact> {
        self.contacts(who).into_iter().find(|contact| contact.name == name(whom))
    }

    pub fn messages(&mut self, who: Who, whom: Who) -> Vec<Message> {
        let mut all = Vec::new();
        let first = FirstPage { who: name(whom), limit: u32::MAX, before: String::new() };
        let mut page = self.query(who, first);
        loop {
            all.extend(page.messages);
            let Some(from) = page.next else { return all };
            page = self.query(who, NextPage { contact: page.contact, from, end: page.end });
        }
    }

    /// Each of these pairs is introduced by an invite of the first.
    pub fn introduce(&mut self, pairs: &[(Who, Who)]) {
        for (inviter, invited) in pairs {
            self.wants(*inviter, Want::Invite(*invited));
        }
        let mut open: Vec<_> = pairs.to_vec();
        self.until("every invite waits at a relay", 600, |world| {
            open.retain(|(inviter, invited)| match world.link(*inviter, *invited) {
                Some(link) => {
                    world.wants(*invited, Want::Accept(*inviter, link));
                    false
                }
                None => true,
            });
            open.is_empty()
        });
        self.until("everybody is connected", 1_800, |world| {
            pairs.iter().all(|(one, other)| world.connected(*one, *other) && world.connected(*other, *one))
        });
    }

    fn link(&mut self, who: Who, whom: Who) -> Option<String> {
        if !self.is_up(who, Part::Stored) {
            return None;
        }
        let contact: ContactId = self.contact(who, whom)?.id;
        let invite = self.query(who, InviteOf { contact }).expect("an invite");
        (invite.state == InviteState::Waiting).then_some(invite.link)
    }

    pub fn connected(&mut self, who: Who, whom: Who) -> bool {
        self.is_up(who, Part::Stored)
            && self.contact(who, whom).is_some_and(|contact| contact.state == ContactState::Connected)
    }

    /// The numbers of the texts that one has of another, as they are shown.
    pub fn shown(&mut self, who: Who, of: Who) -> Vec<u32> {
        let messages = self.messages(who, of).into_iter().filter(|message| !message.mine);
        let number = |message: Message| {
            let words: Vec<_> = message.body.split(' ').collect();
            assert_eq!((words[0], words[3]), ("text", name(of).as_str()), "{}", message.body);
            words[1].parse().unwrap()
        };
        messages.map(number).collect()
    }

    fn states(&mut self, who: Who, whom: Who) -> Vec<Delivery> {
        let mine = self.messages(who, whom).into_iter().filter(|message| message.mine);
        mine.map(|message| message.state).collect()
    }

    /// What holds at any moment: nothing is shown twice or out of order, and what is told as delivered is there; it is shown, unless
    /// one before it is still missing, for which it waits.
    pub fn check(&mut self) {
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        for ((from, to), count) in pairs {
            if !self.is_up(to, Part::Stored) || self.contact(to, from).is_none() {
                continue;
            }
            let shown = self.shown(to, from);
            assert!(shown.windows(2).all(|pair| pair[0] < pair[1]), "p{to} sees of p{from}: {shown:?}");
            assert!(shown.last().is_none_or(|last| *last < count));
            if self.is_up(from, Part::Stored) {
                let states = self.states(from, to);
                let mut waits = false;
                for (number, state) in (0..).zip(&states) {
                    let there = *state < Delivery::Delivered || shown.binary_search(&number).is_ok() || waits;
                    waits |= *state < Delivery::Delivered;
                    assert!(there, "text {number} of p{from} to p{to} is told as delivered and is not there");
                }
            }
        }
        self.check_bounds();
    }

    /// Memory and disks are bounded.
    fn check_bounds(&mut self) {
        for who in 0..self.nodes.len() {
            if who < self.relays {
                if self.is_up(who, Part::Stored) {
                    let (messages, queues) = self.relay(who).waiting();
                    assert!(messages <= queues * u64::from(ENVELOPES_MAX));
                }
            } else if let Some(vault) = &self.person(who).vault {
                assert!(vault.kept() <= keyvault::vault::KEPT_MAX);
            }
            if let Some(core) = &self.nodes[who].onion {
                let counts = core.counts();
                assert!(counts.own <= 512 && counts.links <= 4_096, "{counts:?}");
            }
        }
    }

    /// Whether every text is delivered, as both sides see it.
    pub fn all_delivered(&mut self) -> bool {
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        pairs.into_iter().all(|((from, to), count)| {
            self.is_up(from, Part::Stored)
                && self.is_up(to, Part::Stored)
                && self.person(from).user.wants.is_empty()
                && self.states(from, to) == vec![Delivery::Delivered; count as usize]
        })
    }

    /// Ends a run: every text is delivered within so many seconds, once and in order; then all falls silent and nothing is left behind.
    pub fn ends_well(&mut self, seconds: u64) {
        self.chaos.left = 0;
        self.until("every text is delivered", seconds, Self::all_delivered);
        self.check();
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        for ((from, to), count) in pairs {
            let all: Vec<u32> = (0..count).collect();
            assert_eq!(self.shown(to, from), all, "p{to} of p{from}, seed {}", self.seed);
        }
        self.until("nothing is left behind", 1_800, Self::nothing_is_left);
        self.check();
    }

    /// Mailboxes are empty and the vaults keep no answer.
    fn nothing_is_left(&mut self) -> bool {
        let relays = (0..self.relays).filter(|who| self.nodes[*who].netd).collect::<Vec<_>>();
        // A relay's stored may be starting anew just now.
        relays.into_iter().all(|who| self.relay(who).disk.is_some() && self.relay(who).waiting().0 == 0)
            && self.people().all(|who| self.person(who).vault.as_ref().is_some_and(|vault| vault.kept() == 0))
    }

    /// What a failure shows.
    pub fn report(&mut self) -> String {
        let mut lines =
            vec![format!("seed {}, {} ms of the world's clock", self.seed, self.now - 1_800_000_000_000)];
        for who in 0..self.nodes.len() {
            let now = self.clock(who);
            let node = &self.nodes[who];
            let onion = node.onion.as_ref().map(|core| format!("{:?} {:?}", core.state(now), core.counts()));
            let what = match (&node.person, &node.relay) {
                (Some(person), _) => format!("{:?}, deposits {}", person.vault, person.deposits),
                (_, Some(relay)) => format!("{:?}", relay.disk.as_ref().map(|disk| disk.totals())),
                _ => String::new(),
            };
            lines.push(format!("p{who}: online {}, netd {}, {what}, {onion:?}", node.online, node.netd));
        }
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        for ((from, to), count) in pairs {
            if self.is_up(from, Part::Stored) && self.is_up(to, Part::Stored) {
                let states = self.states(from, to);
                let in_state = |state| states.iter().filter(|is| **is == state).count();
                lines.push(format!(
                    "p{from} -> p{to}: {count} sent, {} queued, {} relayed, {} delivered, {} shown",
                    in_state(Delivery::Queued),
                    in_state(Delivery::Relayed),
                    in_state(Delivery::Delivered),
                    self.shown(to, from).len()
                ));
            }
        }
        lines.join("\n")
    }
}
