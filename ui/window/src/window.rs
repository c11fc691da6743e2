//! FLTK's side: one canvas that draws the scene, text fields on top of it, and the loop that joins them to the model.

mod canvas;
mod keys;
mod pointer;
mod reading;
mod resting;
mod scrolling;
mod standing;
mod typing;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;

use fltk::app;
use fltk::enums::{Cursor, Event};
use fltk::frame::Frame;
use fltk::image::SvgImage;
use fltk::prelude::{GroupExt, WidgetBase, WidgetExt, WindowExt};
use fltk::window::DoubleWindow;
use ipc_schema::Timestamp;
use privatus::clock::Zone;
use sandbox::Display;

use self::canvas::{Clipboard, canvas};
use self::pointer::Drag;
use self::resting::Resting;
use self::standing::Standing;
use crate::attention::{Attention, Bell};
use crate::fields::{Entry, each, entry, place};
use crate::happening::{Click, Happening, Queue};
use crate::mirror::reads_from_the_right;
use crate::model::{Act, Command, Field, Focus, MessageAct, Model, News, ReadAct, Screen, TextAct};
use crate::paint::Fonts;
use crate::scene::{Point, Scene};
use crate::serve::Wires;
use crate::view::{self, Surroundings};

/// What the window is made with; where it stands is known before it is seen.
const SIZE: (i32, i32) = (1200, 800);

/// Ages on the screen grow old after this, seconds.
const TICK: f64 = 5.0;

/// The same while seconds are counted down on it: no number is left out.
const TICK_COUNTING: f64 = 0.5;

/// The same while what is selected grows beyond an edge.
const TICK_PULLING: f64 = 0.04;

/// Pixels that one step of the wheel scrolls.
const WHEEL: i32 = 60;

/// The window and everything that it joins.
pub struct Window {
    model: Model,
    queue: Queue,
    scene: Rc<RefCell<Scene>>,
    fonts: Rc<Fonts>,
    window: DoubleWindow,
    canvas: Frame,
    clipboard: Rc<Clipboard>,
    entries: BTreeMap<Field, Entry>,
    wires: Wires,
    open: bool,
    /// FLTK's focus went to the canvas or to any widget; the model says where it belongs.
    pressed: bool,
    standing: Standing,
    /// The button is down, and selects.
    drag: Option<Drag>,
    /// What the pointer looks like.
    cursor: Cursor,
    /// When the user last touched it.
    touched: Touched,
    /// The pointer rests on a message.
    resting: Resting,
    /// The bar beside the conversation is drawn, held so far below its upper edge.
    drawn: Option<i32>,
    /// The user's language is written from the right: all is turned round.
    mirrored: bool,
    attention: Attention,
    /// What calls, where there is somebody to call.
    bell: Option<Bell>,
}

impl Window {
    /// Opens the display. On X11 the window is shown only by [`Window::run`], which knows where it stood; Wayland shows none before its
    /// first picture.
    ///
    /// # Errors
    /// There is no display, or nobody serves it: a line that says what to do. Where it does not let this process in, FLTK ends the
    /// process, and whoever calls this has to see to that.
    pub fn open(wires: Wires) -> Result<Self, String> {
        let environment = sandbox::Environment::own();
        let Some(display) = environment.display() else {
            return Err("no display: start it inside a desktop session, or with --headless".into());
        };
        answers(display.socket()).map_err(|error| {
            let next = "start it inside a desktop session that runs, or with --headless";
            format!("the display {display} does not answer ({error}): {next}")
        })?;
        let _app = app::App::default();
        // Ctrl with +, - and 0 is the window's own (`shortcut`), within bounds.
        app::keyboard_screen_scaling(false);
        // The scene has the ring around what the keyboard is at.
        app::set_visible_focus(false);
        let mut window = Self::new(wires, matches!(display, Display::Wayland { .. }));
        window.bell = Bell::open(&display);
        window.mirrored = environment.language().is_some_and(reads_from_the_right);
        if window.standing.is_wayland() {
            window.refresh();
            window.window.show();
            window.place_focus();
        }
        Ok(window)
    }

    /// Stands where it stood, and follows news and the person until the window is closed or the worker asks.
    pub fn run(mut self) {
        self.appear();
        while self.open && self.window.shown() {
            // A signal may end a wait early; a display that is gone ends the process.
            let now = Timestamp::now();
            let tick = match self.pulls() {
                Some(_) => TICK_PULLING,
                None if self.model.counts_down(now) => TICK_COUNTING,
                None => TICK,
            };
            let standing = self.keep_standing();
            let sooner =
                [self.resting.left(), self.model.keep_in(now), self.model.looks_again(now), standing];
            let sooner = sooner.into_iter().flatten().map(|left| left.as_secs_f64());
            let _ = app::wait_for(sooner.fold(tick, f64::min));
            self.turn();
        }
        let last = self.model.last_drafts();
        self.ask(last);
        self.end_standing();
        // The worker ends the process; it may have ended already.
        let _ = self.wires.commands.send(Command::Quit);
    }

    fn new(wires: Wires, wayland: bool) -> Self {
        let queue = Queue::default();
        let scene = Rc::new(RefCell::new(Scene::default()));
        let mut window = DoubleWindow::new(0, 0, SIZE.0, SIZE.1, "Privatus").center_screen();
        window.set_xclass("privatus");
        let fonts = Rc::new(Fonts::load());
        let clipboard = Rc::new(Clipboard::default());
        let canvas = canvas(SIZE, &queue, &scene, &fonts, &clipboard);
        let laid_over = Field::ALL.iter().filter(|field| **field != Field::Composer);
        let entries = laid_over.map(|field| (*field, entry(*field, &queue))).collect();
        window.end();
        window.resizable(&canvas);
        window.set_icon(SvgImage::from_data(APP_ICON).ok());
        let told = queue.clone();
        window.set_callback(move |_| {
            // FLTK calls this for Escape as well: that closes a pane, not the window.
            if app::event() == Event::Close {
                told.borrow_mut().push_back(Happening::Close);
            }
        });
        let told = queue.clone();
        window.resize_callback(move |_, _, _, _, _| told.borrow_mut().push_back(Happening::Resized));
        let mut model = Model::default();
        model.zone = Zone::local();
        Self {
            model,
            queue,
            scene,
            fonts,
            window,
            canvas,
            clipboard,
            entries,
            wires,
            open: true,
            pressed: false,
            standing: Standing::new(wayland),
            drag: None,
            cursor: Cursor::Arrow,
            touched: Touched::now(),
            resting: Resting::default(),
            drawn: None,
            mirrored: false,
            attention: Attention::default(),
            bell: None,
        }
    }

    /// One round: what came from the other processes, then what the user did, then one picture of both.
    fn turn(&mut self) {
        let focus = self.model.focus().clone();
        while let Ok(news) = self.wires.news.try_recv() {
            if matches!(news, News::Stop) {
                self.open = false;
            }
            let (kept, jumps) = (self.read_now(), self.model.reading.jumps);
            let asked = self.model.learn(Timestamp::now(), news);
            self.ask(asked);
            if self.model.reading.jumps == jumps {
                self.keep_place(kept);
            }
        }
        loop {
            let Some(input) = self.queue.borrow_mut().pop_front() else { break };
            if input.is_touch() {
                // What was typed or pressed after too long is for the lock screen.
                self.lock_if_idle();
                self.touched = Touched::now();
            }
            self.take(input);
        }
        self.pull();
        if let Some(id) = self.resting.rested() {
            self.act(Act::Message(MessageAct::Glance(id)));
        }
        self.lock_if_idle();
        let now = Timestamp::now();
        let mut asked = self.model.keep_drafts(now);
        asked.extend(self.model.tell_writing(now));
        asked.extend(self.model.time_passed(now));
        self.ask(asked);
        self.refresh();
        if *self.model.focus() != focus {
            let stop = self.model.focus().clone();
            self.reveal(&stop);
            self.refresh();
            self.pressed = true;
        }
        self.read_on();
        if std::mem::take(&mut self.pressed) {
            // FLTK would take the keyboard from another window for it.
            if reading::is_attended() { self.place_focus() } else { self.pressed = true }
        }
    }

    fn lock_if_idle(&mut self) {
        let asked = self.model.idle_for(self.touched.ago());
        self.ask(asked);
    }

    fn ask(&mut self, commands: Vec<Command>) {
        for command in commands {
            if matches!(command, Command::Lock) {
                // It ends this process, too.
                self.end_standing();
            }
            match command {
                Command::Copy(text) => app::copy(&text),
                Command::Uncopy(text) => self.uncopy(&text),
                // A worker that is gone takes the process with it.
                other => drop(self.wires.commands.send(other)),
            }
        }
    }

    /// Only where it is still ours: what somebody else copied meanwhile is not touched.
    fn uncopy(&self, text: &str) {
        self.clipboard.asked.set(true);
        self.clipboard.pasting.set(false);
        // What is ours comes at once, as an event of the canvas; what is another program's comes later, and is not heard.
        app::paste_text(&self.canvas);
        self.clipboard.asked.set(false);
        if self.clipboard.held.take().is_some_and(|held| held == text) {
            app::copy("");
        }
    }

    fn act(&mut self, act: Act) {
        let Ok(id) = fresh_id() else { return };
        let unfolds = self.unfolds(&act);
        let asked = self.model.act(Timestamp::now(), act, &id);
        self.ask(asked);
        self.keep_beginning(unfolds);
    }

    fn take(&mut self, input: Happening) {
        match input {
            Happening::Press(x, y, click) => self.press(x, y, click),
            Happening::MenuAt(x, y) => self.open_menu(x, y),
            Happening::Move(x, y) => self.point(x, y),
            Happening::Drag(_, y) if self.drawn.is_some() => self.draw_thumb(y),
            Happening::Drag(x, y) => self.drag(x, y),
            Happening::Release => {
                self.drawn = None;
                self.release();
            }
            Happening::Leave => {
                self.resting.over(None);
                self.model.end_glance();
                self.model.hover = None;
            }
            Happening::Away => self.model.cover_secret(),
            Happening::Wheel(steps) => {
                self.model.end_details();
                self.wheel(steps);
            }
            Happening::Typed(field, text) => {
                self.model.texts.set(field, text);
                self.model.typed(Timestamp::now(), field);
            }
            Happening::PastedTooMuch(field, whole) => {
                self.model.pasted_too_much(Timestamp::now(), field, whole);
            }
            // A field that goes may hand FLTK's focus to one that is about to go, too.
            Happening::Focused(field) if !self.shows(field) => {}
            Happening::Focused(field) => self.model.set_focus(Focus::Field(field)),
            Happening::Enter(field) => self.entered(field),
            Happening::Key(key, state, text, composed) => {
                if !self.write_key(key, state, &text, composed) {
                    self.key(key, state, &text);
                }
            }
            Happening::PressWritten(x, y, click) => self.press_written(Point::new(x, y), click),
            Happening::PasteAt(x, y) => self.paste_at(Point::new(x, y)),
            Happening::DragWritten(x, y) => self.drag_written(Point::new(x, y)),
            Happening::WheelWritten(steps) => self.scroll_written(steps),
            Happening::Pasted(text) => self.paste(&text),
            Happening::Resized => {}
            Happening::Close => self.open = false,
        }
    }

    /// The button went down.
    fn press(&mut self, x: i32, y: i32, click: Click) {
        self.pressed = true;
        self.model.end_details();
        let act = self.scene.borrow().hit(x, y).map(|hit| hit.act.clone());
        match act {
            // Maybe it is not pressed but selected: that is known once the button is let go.
            Some(act @ (Act::Text(TextAct::Link(_)) | Act::Message(MessageAct::Focus(_)))) => {
                self.model.set_focus(Focus::None);
                self.grip(x, y, click, Some(act));
            }
            Some(Act::Read(ReadAct::Thumb)) => self.thumb_pressed(y),
            Some(act) => self.act(act),
            // Where a passphrase is asked for, what is typed next is one.
            None if self.model.entry().is_some() => {}
            None => {
                self.model.set_focus(Focus::None);
                self.grip(x, y, click, None);
            }
        }
    }

    fn shows(&self, field: Field) -> bool {
        self.scene.borrow().fields.iter().any(|wanted| wanted.field == field)
    }

    fn picture(&self) -> Scene {
        view::scene(&self.model, &self.surroundings())
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            size: (self.window.w(), self.window.h()),
            now: Timestamp::now(),
            zone: &self.model.zone,
            metrics: &*self.fonts,
            mirrored: self.mirrored,
        }
    }

    /// Draws anew what the model says, if that is another picture, and moves the text fields to where it has them.
    fn refresh(&mut self) {
        self.entitle(self.model.title(Timestamp::now()));
        self.call_for_attention();
        let mut scene = self.picture();
        let wanted =
            scene.scroll.and_then(|(body, _)| view::scroll_wanted(&self.model, &self.surroundings(), body));
        if let Some(scroll) = wanted {
            self.model.reading.wanted = None;
            self.model.scroll = scroll;
            scene = self.picture();
        }
        self.model.search.scroll = scene.results.map_or(0, |results| results.scroll);
        let most = scene.scroll.map_or(self.model.scroll, |(_, most)| most);
        if self.model.scroll > most {
            self.model.scroll = most;
            scene = self.picture();
        }
        let fields = |scene: &Scene| scene.fields.iter().map(|wanted| wanted.field).collect::<Vec<_>>();
        // A widget that goes leaves FLTK's focus to any other, and one that comes does not take it.
        self.pressed |= fields(&scene) != fields(&self.scene.borrow());
        if !matches!(self.model.screen, Screen::Inside) {
            self.fonts.forget();
        }
        for (field, entry) in &mut self.entries {
            let wanted = scene.fields.iter().find(|wanted| wanted.field == *field);
            let text = self.model.texts.of(*field);
            each!(entry, widget => place(widget, wanted, text, &self.fonts));
        }
        self.saw_written(scene.written.as_ref());
        // X11 answers each drawing with an event: drawing at every event would never end.
        if *self.scene.borrow() != scene {
            *self.scene.borrow_mut() = scene;
            self.window.redraw();
            self.show_caret();
        }
    }

    /// The window manager is told that something came which nobody has seen, and that somebody looks again.
    fn call_for_attention(&mut self) {
        let told = self.attention.look(reading::is_attended(), self.model.unread(Timestamp::now()));
        if let (Some(on), Some(bell)) = (told, &self.bell)
            && self.window.shown()
            && let Ok(window) = u32::try_from(self.window.raw_handle().addr())
        {
            bell.ring(window, on);
        }
    }

    /// Gives FLTK's focus to what the model says has it.
    fn place_focus(&mut self) {
        // A widget that cannot take it (hidden, or the window is not there yet) gets it at the next change.
        let _ = match self.model.focus() {
            Focus::Field(field) if self.shows(*field) => match self.entries.get_mut(field) {
                Some(entry) => each!(entry, widget => widget.take_focus()),
                None => Ok(()),
            },
            _ => self.canvas.take_focus(),
        };
    }
}

/// Whether somebody listens at a display's socket. FLTK would look for the display on the network then, and die of that.
fn answers(socket: &Path) -> std::io::Result<()> {
    UnixStream::connect(socket).map(drop)
}

/// A moment by both clocks: one stands still while the machine sleeps, the other can be set back.
struct Touched(tokio::time::Instant, Timestamp);

impl Touched {
    fn now() -> Self {
        Self(tokio::time::Instant::now(), Timestamp::now())
    }

    /// The longer of the two: a lock that comes early is the safe mistake.
    fn ago(&self) -> std::time::Duration {
        self.0.elapsed().max(Timestamp::now().since(self.1))
    }
}

/// A new id for a text, chosen here so that a repeat after a restart sends nothing twice.
fn fresh_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Accent square with a keyhole.
const APP_ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64' viewBox='0 0 40 40'>\
    <rect width='40' height='40' rx='10' fill='#17588a'/><circle cx='20' cy='16' r='6' fill='#ffffff'/>\
    <path d='M17.5 19h5l2.5 12H15z' fill='#ffffff'/></svg>";
