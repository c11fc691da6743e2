//! Whoever sits before the window: asks again what was not answered, and looks whether all is as it should be.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::rc::Rc;

use ipc_schema::edge::ui_stored::{
    AcceptError, AcceptInvite, AskSafetyNumber, ChangeContact, ChangeError, Closed, ContactAction, Contacts,
    Count, InviteError, MakeInvite, NumberError, Place, SendError, SendText,
};
use stored::engine::{Asks, Counts, FirstPage, InviteOf, NextPage};
use stored::ids::ContactId;
use stored::mailboxes::ENVELOPES_MAX;
use stored::serve::Shell;
use stored::store::{Contact, ContactState, Delivery, InviteState, Message, Note};
use tokio::sync::Notify;

use crate::world::{Part, Who, World};

/// What a person wants done. Everything is asked again after a restart, and done once.
#[derive(Clone, Debug)]
pub enum Want {
    Invite(Who),
    Accept(Who, String),
    Send(Who, u32),
    /// They have seen the same number.
    Compare(Who),
    /// What waits for them goes on.
    Resume(Who),
}

#[derive(Default)]
pub struct User {
    wants: RefCell<VecDeque<Want>>,
    more: Notify,
}

impl User {
    /// Whether all was answered.
    fn is_content(&self) -> bool {
        self.wants.borrow().is_empty()
    }
}

pub fn name(who: Who) -> String {
    format!("p{who}")
}

fn text(from: Who, number: u32) -> String {
    format!("text {number} from p{from}")
}

/// Asks a stored for one thing after the other, as `privatus` does, until that stored dies: the next one is asked anew.
pub async fn asks(who: Who, shell: Rc<Shell>, user: Rc<User>) {
    let mut changes = shell.changes();
    loop {
        let want = user.wants.borrow().front().cloned();
        let Some(want) = want else {
            user.more.notified().await;
            continue;
        };
        changes.mark_unchanged();
        if ask(who, &shell, want).await == Asked::TooEarly {
            let _ = changes.changed().await;
        } else {
            user.wants.borrow_mut().pop_front();
        }
    }
}

#[derive(PartialEq, Eq)]
enum Asked {
    Done,
    /// Its vault is not open yet.
    TooEarly,
}

async fn ask(who: Who, shell: &Shell, want: Want) -> Asked {
    match want {
        Want::Invite(whom) => match shell.ask(MakeInvite { name: name(whom) }).await {
            Err(InviteError::Closed(Closed::Locked)) => Asked::TooEarly,
            // It was made before stored died.
            Ok(_) | Err(InviteError::NameTaken) => Asked::Done,
            Err(why) => panic!("p{who} wants to invite p{whom} and is refused: {why:?}"),
        },
        Want::Accept(whom, link) => match shell.ask(AcceptInvite { link, name: name(whom) }).await {
            Err(AcceptError::Closed(Closed::Locked)) => Asked::TooEarly,
            Ok(_) => Asked::Done,
            Err(why) => panic!("p{who} wants to accept p{whom} and is refused: {why:?}"),
        },
        Want::Send(whom, number) => {
            let (id, text) = (format!("m-{who}-{whom}-{number}"), text(who, number));
            match shell.ask(SendText { who: name(whom), id, text, reply_to: String::new() }).await {
                Err(SendError::Closed(Closed::Locked)) => Asked::TooEarly,
                Ok(_) => Asked::Done,
                Err(why) => panic!("p{who} wants to send p{whom} text {number} and is refused: {why:?}"),
            }
        }
        Want::Compare(whom) => match shell.ask(AskSafetyNumber { who: name(whom) }).await {
            Ok(number) => change(shell, whom, ContactAction::Verify(Some(number.digits))).await,
            Err(NumberError::Closed(Closed::Locked)) => Asked::TooEarly,
            Err(why) => panic!("p{who} wants to compare with p{whom} and is refused: {why:?}"),
        },
        Want::Resume(whom) => change(shell, whom, ContactAction::Resume).await,
    }
}

async fn change(shell: &Shell, whom: Who, action: ContactAction) -> Asked {
    match shell.ask(ChangeContact { who: name(whom), action }).await {
        Err(ChangeError::Closed(Closed::Locked)) => Asked::TooEarly,
        // It was done before stored died.
        Ok(_) | Err(ChangeError::NothingWaits) => Asked::Done,
        Err(why) => panic!("p{whom} is not changed: {why:?}"),
    }
}

impl World {
    pub fn wants(&mut self, who: Who, want: Want) {
        let user = &self.person(who).user;
        user.wants.borrow_mut().push_back(want);
        user.more.notify_one();
    }

    /// One more text from one to another.
    pub fn send(&mut self, from: Who, to: Who) {
        let number = self.sent.entry((from, to)).or_default();
        *number += 1;
        let number = *number - 1;
        self.wants(from, Want::Send(to, number));
    }

    /// A question is answered at once from what is durable.
    pub fn query<C: Asks<Error: Debug> + 'static>(&mut self, who: Who, query: C) -> C::Answer {
        let shell = self.shell(who).unwrap().clone();
        self.done(async move { shell.ask(query).await }).unwrap_or_else(|why| panic!("{why:?}"))
    }

    pub fn contacts(&mut self, who: Who) -> Vec<Contact> {
        self.query(who, Contacts {})
    }

    fn contact(&mut self, who: Who, whom: Who) -> Option<Contact> {
        self.contacts(who).into_iter().find(|contact| contact.name == name(whom))
    }

    pub fn messages(&mut self, who: Who, whom: Who) -> Vec<Message> {
        let mut all = Vec::new();
        let first = FirstPage { who: name(whom), limit: u32::MAX, place: Place::Newest };
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

    /// Both have seen the same number, and say so.
    pub fn compare(&mut self, one: Who, other: Who) {
        self.wants(one, Want::Compare(other));
        self.wants(other, Want::Compare(one));
        self.until("both are verified", 60, |world| {
            [(one, other), (other, one)]
                .iter()
                .all(|(who, whom)| world.contact(*who, *whom).is_some_and(|contact| contact.verified))
        });
    }

    /// Whether what one writes to another waits for a word.
    pub fn holds(&mut self, who: Who, whom: Who) -> bool {
        self.is_up(who, Part::Stored) && self.contact(who, whom).is_some_and(|contact| contact.held)
    }

    /// The numbers of the texts that one has of another, as they are shown.
    pub fn shown(&mut self, who: Who, of: Who) -> Vec<u32> {
        let messages = self.messages(who, of).into_iter();
        let messages = messages.filter(|message| !message.mine && message.note == Note::None);
        let number = |message: Message| {
            let words: Vec<_> = message.body.split(' ').collect();
            assert_eq!((words[0], words[3]), ("text", name(of).as_str()), "{}", message.body);
            words[1].parse().unwrap()
        };
        messages.map(number).collect()
    }

    fn states(&mut self, who: Who, whom: Who) -> Vec<Delivery> {
        let messages = self.messages(who, whom).into_iter();
        let mine = messages.filter(|message| message.mine && message.note == Note::None);
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
                    let there = !state.is_there() || shown.binary_search(&number).is_ok() || waits;
                    waits |= !state.is_there();
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
                if let Some((messages, queues)) = self.waiting(who) {
                    assert!(messages <= queues * u64::from(ENVELOPES_MAX));
                }
            } else if let Some(kept) = self.person(who).kept() {
                assert!(kept <= keyvault::vault::KEPT_MAX);
            }
            if let Some(counts) = self.look(who, |core, _| core.counts()) {
                assert!(counts.own <= 512 && counts.links <= 4_096, "{counts:?}");
            }
        }
    }

    /// Whether every text is delivered, as both sides see it.
    pub fn all_delivered(&mut self) -> bool {
        // That is told without reading them all.
        if self.people().any(|who| !self.is_up(who, Part::Stored) || !self.has_nothing_to_send(who)) {
            return false;
        }
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        pairs.into_iter().all(|((from, to), count)| {
            self.is_up(from, Part::Stored)
                && self.is_up(to, Part::Stored)
                && self.person(from).user.is_content()
                && self.states(from, to) == vec![Delivery::Delivered; count as usize]
        })
    }

    /// Whether every text is shown to whom it was written.
    pub fn all_shown(&mut self) -> bool {
        let pairs: Vec<_> = self.sent.iter().map(|(pair, count)| (*pair, *count)).collect();
        pairs.into_iter().all(|((from, to), count)| {
            self.is_up(to, Part::Stored) && self.shown(to, from).len() == count as usize
        })
    }

    /// The texts of one that are shown to another and not yet told as delivered.
    pub fn shown_and_untold(&mut self, from: Who, to: Who) -> Vec<u32> {
        if !self.is_up(from, Part::Stored) || !self.is_up(to, Part::Stored) {
            return Vec::new();
        }
        let states = self.states(from, to);
        let is_untold = |number: &u32| !states[*number as usize].is_there();
        self.shown(to, from).into_iter().filter(is_untold).collect()
    }

    fn has_nothing_to_send(&mut self, who: Who) -> bool {
        let Counts { outbox, at_relay, .. } = self.query(who, Count {});
        self.person(who).user.is_content() && outbox + at_relay == 0
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
        relays.into_iter().all(|who| self.waiting(who).is_some_and(|(messages, _)| messages == 0))
            && self.people().all(|who| self.person(who).kept() == Some(0))
    }

    /// What a failure shows.
    pub fn report(&mut self) -> String {
        let mut lines =
            vec![format!("seed {}, {} ms of the world's clock", self.seed, self.now - 1_800_000_000_000)];
        for who in 0..self.nodes.len() {
            let onion = self.look(who, |core, now| format!("{:?} {:?}", core.state(now), core.counts()));
            let what = match &self.nodes[who].person {
                Some(person) => format!("{:?}", person.vault.borrow()),
                None => format!("{:?}", self.waiting(who)),
            };
            let node = &self.nodes[who];
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
