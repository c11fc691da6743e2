//! The widget that draws the scene and hears everything that no text field does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use fltk::app;
use fltk::enums::Event;
use fltk::frame::Frame;
use fltk::prelude::{WidgetBase, WidgetExt};

use crate::happening::{Click, Happening, Queue, typed_key};
use crate::model::{Act, Field};
use crate::paint::{Fonts, Painter};
use crate::scene::Scene;

/// Buttons of a mouse, as FLTK counts them: one pastes, one asks for a menu, any other presses.
const MIDDLE: i32 = 2;
const RIGHT: i32 = 3;

/// What the canvas hears of the clipboard, while it is asked.
#[derive(Default)]
pub(super) struct Clipboard {
    /// What is there is only looked at, at once.
    pub asked: Cell<bool>,
    pub held: RefCell<Option<String>>,
    /// What comes next is to be written, whenever it comes.
    pub pasting: Cell<bool>,
}

pub(super) fn canvas(
    size: (i32, i32),
    queue: &Queue,
    scene: &Rc<RefCell<Scene>>,
    fonts: &Rc<Fonts>,
    clipboard: &Rc<Clipboard>,
) -> Frame {
    let mut canvas = Frame::new(0, 0, size.0, size.1, None);
    let (drawn, fonts) = (scene.clone(), fonts.clone());
    let mut painter = Painter::default();
    canvas.draw(move |_| painter.paint(&drawn.borrow(), &fonts));
    let (queue, scene, clipboard) = (queue.clone(), scene.clone(), clipboard.clone());
    // What was pressed where one writes is dragged there, wherever the pointer goes.
    let mut writes = false;
    canvas.handle(move |canvas, event| {
        let input = match event {
            Event::Push => {
                let _ = canvas.take_focus();
                writes = is_written(&scene.borrow());
                press(writes)
            }
            Event::Drag if writes => Happening::DragWritten(app::event_x(), app::event_y()),
            Event::Drag => Happening::Drag(app::event_x(), app::event_y()),
            Event::Enter | Event::Move => Happening::Move(app::event_x(), app::event_y()),
            Event::Leave => Happening::Leave,
            Event::MouseWheel if scrolls_written(&scene.borrow()) => {
                Happening::WheelWritten(app::event_dy_value())
            }
            Event::MouseWheel => Happening::Wheel(app::event_dy_value()),
            Event::KeyDown => typed_key(),
            Event::Unfocus => Happening::Away,
            Event::Paste if clipboard.asked.get() => {
                clipboard.held.replace(Some(app::event_text()));
                return true;
            }
            Event::Paste if clipboard.pasting.take() => Happening::Pasted(app::event_text()),
            Event::Released => Happening::Release,
            Event::Paste | Event::Focus => return true,
            _ => return false,
        };
        queue.borrow_mut().push_back(input);
        true
    });
    canvas
}

/// The pointer is where one writes, and nothing lies over it.
fn is_written(scene: &Scene) -> bool {
    let over = scene.hit(app::event_x(), app::event_y());
    over.is_some_and(|hit| hit.act == Act::Type(Field::Composer)) && scene.written.is_some()
}

fn scrolls_written(scene: &Scene) -> bool {
    is_written(scene) && scene.written.is_some_and(|written| written.lines > written.shown)
}

fn press(written: bool) -> Happening {
    let (x, y) = (app::event_x(), app::event_y());
    match (app::event_button(), written) {
        (RIGHT, _) => Happening::MenuAt(x, y),
        (MIDDLE, true) => Happening::PasteAt(x, y),
        (_, true) => Happening::PressWritten(x, y, Click::now()),
        (_, false) => Happening::Press(x, y, Click::now()),
    }
}
