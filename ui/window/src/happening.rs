//! What FLTK's callbacks tell the loop of the window.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use fltk::app;
use fltk::enums::{Key, Shortcut};
use zeroize::{Zeroize, Zeroizing};

use crate::model::Field;

/// Something that happened; the callbacks decide nothing themselves.
pub(crate) enum Happening {
    Press(i32, i32, Click),
    /// A menu is asked for there.
    MenuAt(i32, i32),
    Move(i32, i32),
    /// Moved with the button down.
    Drag(i32, i32),
    Release,
    Leave,
    /// The keyboard went elsewhere, maybe out of the window.
    Away,
    Wheel(i32),
    Typed(Field, String),
    /// With what was pasted the field would hold this, which is too much for it.
    PastedTooMuch(Field, String),
    Focused(Field),
    Enter(Field),
    Key(Key, Shortcut, Zeroizing<String>),
    Resized,
    Close,
}

/// In the order in which it happened.
pub(crate) type Queue = Rc<RefCell<VecDeque<Happening>>>;

impl Happening {
    /// Whether a person did it: FLTK moves focus and sizes by itself too.
    pub(crate) fn is_touch(&self) -> bool {
        matches!(
            self,
            Self::Press(..)
                | Self::MenuAt(..)
                | Self::Move(..)
                | Self::Drag(..)
                | Self::Wheel(_)
                | Self::Typed(..)
                | Self::PastedTooMuch(..)
                | Self::Enter(_)
                | Self::Key(..)
        )
    }
}

/// How the button was pressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click {
    /// 1, or more where it was pressed again at once.
    pub times: i32,
    /// With Shift.
    pub extends: bool,
}

impl Click {
    /// As FLTK tells of it just now.
    pub(crate) fn now() -> Self {
        Self { times: app::event_clicks_num() + 1, extends: app::event_state().contains(Shortcut::Shift) }
    }
}

/// The key that FLTK tells of just now, with the text that it stands for.
pub(crate) fn typed_key() -> Happening {
    let mut text = app::event_text();
    let kept = Zeroizing::new(text.clone());
    text.zeroize();
    Happening::Key(app::event_key(), app::event_state(), kept)
}
