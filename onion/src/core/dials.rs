//! Links as they come and go: whom netd is to reach, and which links nobody needs any more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{DialId, DirectoryEvent, Event, LinkKey, LinksEvent, Output, Target};
use super::turn::Turn;
use crate::directory::schedule::JobId;
use crate::id::{LinkId, RelayId};
use crate::network::{LinkInfo, Reached};

/// A link that we opened and that nobody used for so long is closed; a guard's stays.
const IDLE: Duration = Duration::from_secs(300);

/// For whom a link is dialled.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// Circuits that wait for it in the network.
    Relay(RelayId),
    /// The directory, at a contact point of which it is not known yet which relay it is.
    Contact(JobId),
}

/// The wishes for links that netd has not answered.
#[derive(Debug, Default)]
pub(super) struct Dials {
    dials: BTreeMap<DialId, Wanted>,
    last: u64,
}

impl Dials {
    pub(super) fn handle(&mut self, turn: &mut Turn, event: LinksEvent) {
        match event {
            LinksEvent::Connect(relay) => self.connect(turn, relay),
            LinksEvent::Reach(job, target) => self.dial(turn, Wanted::Contact(job), target),
            LinksEvent::Dialled(dial, link) => self.dialled(turn, dial, link),
            LinksEvent::In(link, peer) => {
                let info = LinkInfo { peer, relay: turn.view.by_link_key(&peer), initiator: false };
                turn.network.link_up(turn.now, link, info);
            }
            LinksEvent::Down(link) => down(turn, link),
            LinksEvent::AllDown => {
                let all: Vec<_> = turn.network.links().iter().map(|(link, _)| link).collect();
                all.into_iter().for_each(|link| down(turn, link));
                for wanted in std::mem::take(&mut self.dials).into_values() {
                    failed(turn, wanted);
                }
            }
            LinksEvent::Tick => close_idle(turn),
        }
    }

    fn connect(&mut self, turn: &mut Turn, relay: RelayId) {
        match (turn.netd, turn.view.packed(relay).map(<[u8]>::to_vec)) {
            (true, Some(descriptor)) => {
                self.dial(turn, Wanted::Relay(relay), Target::Relay(relay, descriptor))
            }
            // A relay that is asked to extend to one that it does not know says so.
            _ => turn.network.connect_failed(relay),
        }
    }

    fn dial(&mut self, turn: &mut Turn, wanted: Wanted, target: Target) {
        self.last += 1;
        self.dials.insert(DialId(self.last), wanted);
        turn.tell(Output::Dial(DialId(self.last), target));
    }

    fn dialled(&mut self, turn: &mut Turn, dial: DialId, link: Option<(LinkId, LinkKey)>) {
        match (self.dials.remove(&dial), link) {
            (Some(Wanted::Relay(relay)), Some((link, peer))) => {
                turn.network.connected(turn.now, &mut turn.rng, relay, Reached { link, peer });
            }
            (Some(Wanted::Contact(job)), Some((link, peer))) => {
                let info = LinkInfo { peer, relay: turn.view.by_link_key(&peer), initiator: true };
                turn.network.link_up_once(turn.now, link, info);
                turn.network.describe(link);
                turn.wish(Event::Directory(DirectoryEvent::Reached(job, link)));
            }
            (Some(wanted), None) => failed(turn, wanted),
            // netd was lost meanwhile, and with it the wish.
            (None, Some((link, _))) => turn.tell(Output::CloseLink(link)),
            (None, None) => {}
        }
    }
}

fn failed(turn: &mut Turn, wanted: Wanted) {
    match wanted {
        Wanted::Relay(relay) => turn.network.connect_failed(relay),
        Wanted::Contact(job) => turn.wish(Event::Directory(DirectoryEvent::Unreached(job))),
    }
}

fn down(turn: &mut Turn, link: LinkId) {
    turn.network.link_down(link);
    turn.wish(Event::Directory(DirectoryEvent::LinkGone(link)));
}

fn close_idle(turn: &mut Turn) {
    for link in turn.network.links().idle(turn.now, IDLE) {
        let Some(info) = turn.network.links().get(link).map(|link| link.info) else { continue };
        let guards = info.relay.is_some_and(|relay| turn.paths.guards().both().any(|guard| guard == relay));
        if info.initiator && !guards {
            turn.network.link_down(link);
            turn.tell(Output::CloseLink(link));
        }
    }
}
