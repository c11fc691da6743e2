//! Comparing who somebody is by a short string that both windows show at once: who joins, and what the two read to each other.

use ipc_schema::edge::ui_stored::{ShortAction, ShortComparison};
use privatus::peers::PeerError;

use super::learn::refusal_of;
use super::{Act, Command, Focus, Model, Pane, Part};

/// What the user does about a short string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortAct {
    /// Begin, or go on with what they began.
    Join,
    /// They read out what is shown here.
    Same,
    /// They read out another one.
    Differ,
    /// Give it up.
    Stop,
}

impl Model {
    pub(super) fn short(&mut self, act: ShortAct) -> Vec<Command> {
        let Pane::Compare(comparing) = &mut self.pane else { return Vec::new() };
        // Nothing is said of a string that is not seen.
        let shown = comparing.short.as_ref().filter(|_| comparing.shows_short());
        let action = match (act, shown) {
            (ShortAct::Join, _) => ShortAction::Join,
            (ShortAct::Stop, _) => ShortAction::Stop,
            (ShortAct::Same, Some(told)) => ShortAction::Same(told.digits.clone()),
            (ShortAct::Differ, Some(_)) => ShortAction::Differ,
            (ShortAct::Same | ShortAct::Differ, None) => return Vec::new(),
        };
        comparing.short_refused = None;
        let command = Command::Short { who: comparing.who.clone(), action };
        match act {
            // What can be pressed is another thing in each state; in each of them this one stays.
            ShortAct::Join => self.set_focus(Focus::Act(Act::Short(ShortAct::Stop))),
            ShortAct::Differ => return self.differ().into_iter().chain([command]).collect(),
            ShortAct::Same | ShortAct::Stop => self.set_focus(Focus::Act(Act::NotNow)),
        }
        self.scrolls.begin(Part::Page);
        vec![command]
    }

    pub(super) fn short_is(&mut self, who: &str, result: Result<ShortComparison, PeerError>) {
        let Pane::Compare(comparing) = &mut self.pane else { return };
        if comparing.who != who {
            return;
        }
        match result {
            Ok(told) if comparing.short.as_ref() == Some(&told) => {}
            Ok(told) => (comparing.short, comparing.short_refused) = (Some(told), None),
            Err(error) => comparing.short_refused = Some(refusal_of(&error)),
        }
    }
}
