//! FLTK's keys without FLTK.

use fltk::enums::{Key as Code, Shortcut as Held};

use crate::model::keys::{Chord, Key};

/// The key with those that are held with it; `None` for one that no shortcut has.
pub(crate) fn chord(code: Code, held: Held) -> Option<Chord> {
    let key = match code {
        Code::Up => Key::Up,
        Code::Down => Key::Down,
        Code::Escape => Key::Escape,
        Code::F1 => Key::F(1),
        Code::F3 => Key::F(3),
        Code::F6 => Key::F(6),
        other => Key::Char(other.to_char()?),
    };
    Some(Chord {
        ctrl: held.contains(Held::Ctrl),
        alt: held.contains(Held::Alt),
        shift: Some(held.contains(Held::Shift)),
        key,
    })
}
