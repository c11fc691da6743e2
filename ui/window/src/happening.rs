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
    /// The button is up again.
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
    Key(Key, Shortcut, Zeroizing<String>, Option<Composed>),
    /// A press where one writes.
    PressWritten(i32, i32, Click),
    /// A press of the middle button where one writes.
    PasteAt(i32, i32),
    /// Moved with the button down that was pressed where one writes.
    DragWritten(i32, i32),
    /// The wheel, where one writes.
    WheelWritten(i32),
    /// What the canvas asked the clipboard for.
    Pasted(String),
    Resized,
    Close,
}

/// What an input method says of the text of a key.
#[derive(Clone, Copy)]
pub(crate) struct Composed {
    /// So many bytes before the caret, which it gave before, are another text now.
    pub(crate) replaced: usize,
    /// So many of the new text may change again.
    pub(crate) marked: usize,
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
                | Self::PressWritten(..)
                | Self::PasteAt(..)
                | Self::DragWritten(..)
                | Self::WheelWritten(_)
                | Self::Pasted(_)
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
    // To be asked once for each key; `None`: it gives no text.
    let composed = app::compose().map(|replaced| Composed {
        replaced: usize::try_from(replaced).unwrap_or(0),
        marked: usize::try_from(app::compose_state()).unwrap_or(0),
    });
    Happening::Key(app::event_key(), app::event_state(), kept, composed)
}
