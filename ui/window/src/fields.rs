//! FLTK's text fields, laid over the scene where it says so. The composer is none of them: the scene draws it.

use fltk::app;
use fltk::enums::{CallbackTrigger, Color, Event, FrameType, Key, Shortcut};
use fltk::input::{Input, MultilineInput};
use fltk::prelude::{InputExt, WidgetBase};

use crate::happening::{Happening, Queue, typed_key};
use crate::model::Field;
use crate::model::keys::shortcut;
use crate::model::pane::{self, Pasted};
use crate::paint::Fonts;
use crate::pressed::chord;
use crate::scene::{FieldBox, Rect};

/// A text field of FLTK.
pub(crate) enum Entry {
    One(Input),
    Many(MultilineInput),
}

/// Runs `$body` with the widget inside, whichever it is.
macro_rules! each {
    ($entry:expr, $widget:ident => $body:expr) => {
        match $entry {
            $crate::fields::Entry::One($widget) => $body,
            $crate::fields::Entry::Many($widget) => $body,
        }
    };
}

pub(crate) use each;

/// Moves a field to where the scene has it, or hides it.
pub(crate) fn place(widget: &mut impl InputExt, wanted: Option<&FieldBox>, text: &str, fonts: &Fonts) {
    let Some(wanted) = wanted else {
        if widget.visible() {
            widget.hide();
        }
        return;
    };
    let Rect { x, y, w, h } = wanted.rect;
    if (widget.x(), widget.y(), widget.w(), widget.h()) != (x, y, w, h) {
        widget.resize(x, y, w, h);
    }
    let (font, px) = fonts.of(wanted.style);
    widget.set_color(Color::from_hex(wanted.ground));
    widget.set_text_color(Color::from_hex(wanted.ink));
    widget.set_cursor_color(Color::from_hex(wanted.ink));
    widget.set_selection_color(Color::from_hex(wanted.selection));
    widget.set_text_font(font);
    widget.set_text_size(px);
    if widget.value() != text {
        widget.set_value(text);
    }
    if !widget.visible() {
        widget.show();
    }
}

/// A field that is hidden at first, and puts what is done in it into `queue`.
pub(crate) fn entry(field: Field, queue: &Queue) -> Entry {
    if field.has_lines() {
        let mut widget = MultilineInput::new(0, 0, 10, 10, None);
        widget.set_wrap(true);
        wire(&mut widget, field, queue);
        Entry::Many(widget)
    } else {
        let mut widget = Input::new(0, 0, 10, 10, None);
        wire(&mut widget, field, queue);
        Entry::One(widget)
    }
}

fn wire<W: InputExt + WidgetBase + 'static>(widget: &mut W, field: Field, queue: &Queue) {
    widget.set_frame(FrameType::FlatBox);
    widget.set_trigger(CallbackTrigger::Changed);
    widget.hide();
    // What is too much is told by the model, and never cut here.
    widget.set_maximum_size(i32::MAX);
    // Else FLTK's own handling comes first, and Enter would also break the line.
    widget.super_handle_first(false);
    let told = queue.clone();
    widget.set_callback(move |widget| told.borrow_mut().push_back(Happening::Typed(field, widget.value())));
    let told = queue.clone();
    widget.handle(move |widget, event| match event {
        Event::Focus => {
            told.borrow_mut().push_back(Happening::Focused(field));
            false
        }
        Event::MouseWheel => {
            told.borrow_mut().push_back(Happening::Wheel(app::event_dy_value()));
            true
        }
        Event::Paste => {
            if let Some(link) = pasted_over_link(widget, field) {
                told.borrow_mut().push_back(link);
                return true;
            }
            let too_much = pasted_too_much(widget, field);
            let taken = too_much.is_some();
            told.borrow_mut().extend(too_much);
            taken
        }
        Event::KeyDown => {
            let input = field_key(field, widget.value().is_empty());
            let taken = input.is_some();
            told.borrow_mut().extend(input);
            taken
        }
        _ => false,
    });
}

/// A link that is pasted takes the place of what is none, and is seen from its beginning.
fn pasted_over_link(widget: &mut impl InputExt, field: Field) -> Option<Happening> {
    let pasted = app::event_text();
    let stays = matches!(pane::pasted(&widget.value()), Pasted::Complete(_));
    if field != Field::Link || stays || pasted.len() > field.edited_max_bytes() {
        return None;
    }
    let line = pasted.replace(|c: char| c.is_control(), " ");
    widget.set_value(&line);
    // The caret has a place in any text at its beginning.
    let _ = widget.set_position(0);
    let _ = widget.set_mark(0);
    Some(Happening::Typed(field, line))
}

/// What the clipboard would make of a field, where that is more than it takes.
fn pasted_too_much(widget: &impl InputExt, field: Field) -> Option<Happening> {
    let pasted = app::event_text();
    let before = widget.value();
    let ends = [widget.position(), widget.mark()].map(|at| usize::try_from(at).unwrap_or(0));
    let (from, to) = (*ends.iter().min()?, *ends.iter().max()?);
    let (head, tail) = (before.get(..from)?, before.get(to..)?);
    let length = head.len() + pasted.len() + tail.len();
    (length > field.edited_max_bytes())
        .then(|| Happening::PastedTooMuch(field, format!("{head}{pasted}{tail}")))
}

/// Keys that mean something to the window also while text is typed; the others are the field's.
fn field_key(field: Field, empty: bool) -> Option<Happening> {
    let (key, state) = (app::event_key(), app::event_state());
    let plain = !state.intersects(Shortcut::Ctrl | Shortcut::Alt | Shortcut::Shift);
    let finds_back = field == Field::Find && state.contains(Shortcut::Shift);
    if (key == Key::Enter || key == Key::KPEnter) && (plain || !field.has_lines()) && !finds_back {
        return Some(Happening::Enter(field));
    }
    if let Some(does) = chord(key, state).and_then(shortcut) {
        return does.counts_in_fields().then(typed_key);
    }
    let ours = match key {
        Key::Tab | Key::PageUp | Key::PageDown => true,
        Key::Enter | Key::KPEnter => finds_back,
        // Among what was found or into the list, and among those who can be chosen.
        Key::Up | Key::Down => matches!(field, Field::Search | Field::Find | Field::Whom),
        // There is nothing in which the caret could move.
        Key::Home | Key::End => empty,
        _ => false,
    };
    ours.then(typed_key)
}
