//! What lies over the window for a moment: a menu, signs to choose from, somebody to choose, how far a text is. One at a time.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::Info;
use privatus::peers::PeerError;

use super::menu::{Menu, MenuOf};
use super::message::MessageCommand;
use super::picker::{PickFor, Picker};
use super::whom::{Purpose, Whom};
use super::{Act, Command, Field, Focus, Model};

/// What lies over the window.
#[derive(Debug)]
pub enum Over {
    /// A menu.
    Menu(Menu),
    /// Signs.
    Picker(Picker),
    /// Who is chosen, to get a text or to meet somebody.
    Whom(Whom),
    /// How far a text is. What lies below can be used as before.
    Details(Details),
}

impl Over {
    /// Whether it is about that message.
    #[must_use]
    pub fn is_about(&self, id: &str) -> bool {
        match self {
            Self::Menu(Menu { of: MenuOf::Message(of), .. })
            | Self::Picker(Picker { wanted: PickFor::Reaction(of), .. })
            | Self::Whom(Whom { purpose: Purpose::Forward(of), .. })
            | Self::Details(Details { id: of, .. }) => of == id,
            Self::Menu(_) | Self::Picker(_) | Self::Whom(_) => false,
        }
    }

    /// Whether it has the keyboard, and nothing else can be pressed.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        !matches!(self, Self::Details(_))
    }
}

/// How far a text is, as far as stored has told.
#[derive(Debug)]
pub struct Details {
    /// Which.
    pub id: String,
    /// It was asked for, and does not go when the pointer does.
    pub held: bool,
    /// What stored told.
    pub told: Option<Result<Info, PeerError>>,
}

/// What is done in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverAct {
    /// Open the menu of something.
    Menu(MenuOf),
    /// Signs for the composer.
    Emoji,
    /// Take that sign.
    Pick(&'static str),
    /// Take that one of the menu, or choose that one of those who can be chosen.
    Choose(usize),
    /// Hand the text on to whom is chosen, or introduce them.
    Confirm,
    /// Away with it.
    Close,
    /// No answer and no edit.
    EndComposing,
}

impl Model {
    /// What lies over the window.
    #[must_use]
    pub fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    pub(super) fn put_over(&mut self, over: Over) {
        if !self.over.as_ref().is_some_and(Over::is_alone) {
            self.back = self.focus.clone();
        }
        let alone = over.is_alone();
        self.over = Some(over);
        if alone {
            self.set_focus(Focus::Over);
        }
    }

    /// Away with it; the keyboard is where it was before.
    pub(super) fn close_over(&mut self) {
        if self.over.take().is_some_and(|over| over.is_alone()) {
            let back = std::mem::take(&mut self.back);
            self.set_focus(back);
        }
    }

    /// The keyboard goes there: what had it for itself is gone, if that is elsewhere.
    pub(super) fn leave_over(&mut self, focus: &Focus) {
        let inside = matches!(focus, Focus::Over | Focus::Field(Field::Whom) | Focus::Act(Act::Over(_)));
        if !inside && self.over.as_ref().is_some_and(Over::is_alone) {
            self.over = None;
        }
    }

    /// Something was pressed or scrolled: how far a text is has been seen.
    pub fn end_details(&mut self) {
        if matches!(self.over, Some(Over::Details(_))) {
            self.over = None;
        }
    }

    /// The pointer is not on the message any more.
    pub fn end_glance(&mut self) {
        if matches!(&self.over, Some(Over::Details(details)) if !details.held) {
            self.over = None;
        }
    }

    pub(super) fn show_message_details(&mut self, id: String, held: bool) -> Vec<Command> {
        // What the pointer rests on takes nobody's place, and does not lie over what is selected.
        if !held && (self.over.is_some() || self.is_covered() || self.chosen().is_some()) {
            return Vec::new();
        }
        self.put_over(Over::Details(Details { id: id.clone(), held, told: None }));
        vec![Command::Message(MessageCommand::Info { id })]
    }

    pub(super) fn with_over(&mut self, now: Timestamp, act: OverAct, fresh_id: &str) -> Vec<Command> {
        match act {
            OverAct::Menu(of) => self.open_menu(of, None),
            OverAct::Emoji => self.pick_for_composer(),
            OverAct::Pick(sign) => {
                if let Some(act) = self.picked(now, sign) {
                    return self.act(now, act, fresh_id);
                }
            }
            OverAct::Choose(at) => match &mut self.over {
                Some(Over::Menu(menu)) => {
                    let menu = menu.clone();
                    let act = self.menu_act(&menu, at);
                    self.close_over();
                    return act.map(|act| self.act(now, act, fresh_id)).unwrap_or_default();
                }
                Some(Over::Whom(whom)) => whom.chosen = at,
                Some(Over::Picker(_) | Over::Details(_)) | None => {}
            },
            OverAct::Confirm => return self.confirm_whom(fresh_id),
            OverAct::Close => self.close_over(),
            OverAct::EndComposing => self.end_composing(),
        }
        Vec::new()
    }

    /// The pointer chooses as the arrows do.
    pub fn pointed(&mut self) {
        match (&mut self.over, &self.hover) {
            (Some(Over::Menu(menu)), Some(Act::Over(OverAct::Choose(at)))) => menu.chosen = *at,
            (Some(Over::Picker(picker)), Some(Act::Over(OverAct::Pick(sign)))) => {
                picker.chosen =
                    super::picker::signs().position(|known| known == *sign).unwrap_or(picker.chosen);
            }
            _ => {}
        }
    }
}
