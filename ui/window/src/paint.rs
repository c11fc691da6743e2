//! A picture of shapes, drawn by FLTK.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use fltk::draw;
use fltk::enums::{Color, Font};
use fltk::image::SvgImage;
use fltk::prelude::ImageExt;

use crate::icon::Icon;
use crate::layout::{Ask, Laid, lay};
use crate::scene::{Code, Item, Metrics, Point, Rect, Scene, Style};
use crate::text::{Line, break_lines};
use crate::theme::Rgb;

/// Icons that are kept drawn; every icon in every size and colour of one theme is less.
const ICONS_MAX: usize = 256;

/// The fonts in use, and what they measured.
pub struct Fonts {
    /// Inter is missing, so its stand-in is taken one size smaller.
    smaller: i32,
    widths: RefCell<HashMap<(Style, String), i32>>,
    lines: RefCell<Broken>,
    laid: RefCell<Kept>,
}

/// Long texts in lines, as they were drawn last.
#[derive(Default)]
struct Broken {
    texts: HashMap<(Style, i32, String), Rc<[Line]>>,
    bytes: usize,
}

/// Messages in lines, as they were drawn last: one width each.
#[derive(Default)]
struct Kept {
    messages: HashMap<String, KeptMessage>,
    bytes: usize,
}

struct KeptMessage {
    body: String,
    max: i32,
    whole: bool,
    plain: bool,
    laid: Rc<Laid>,
}

impl KeptMessage {
    fn answers(&self, ask: &Ask<'_>) -> bool {
        (self.max, self.whole, self.plain) == (ask.max, ask.whole, ask.plain) && self.body == ask.body
    }

    fn bytes(&self) -> usize {
        let rows: usize = self.laid.rows.iter().map(|row| 160 + 96 * row.runs.len()).sum();
        self.body.len() + 2 * self.laid.text.len() + rows
    }
}

/// Messages whose lines are kept before all are forgotten, about so many bytes.
const LAID_KEPT_MAX_BYTES: usize = 8 << 20;

/// Widths that are kept before all are forgotten.
const WIDTHS_MAX: usize = 20_000;

/// Longer texts are measured anew each time, bytes: each is another one.
const WIDTH_KEPT_MAX_BYTES: usize = 256;

/// Shorter texts are broken into lines anew each time, bytes.
const LINES_KEPT_MIN_BYTES: usize = 512;

/// Texts whose lines are kept before all are forgotten, bytes: a few of the longest that there are.
const LINES_KEPT_MAX_BYTES: usize = 2 << 20;

impl Fonts {
    /// Chooses the faces. The display must be open.
    #[must_use]
    pub fn load() -> Self {
        Font::set_font(Font::Times, "DejaVu Sans");
        Font::set_font(Font::Helvetica, "Inter");
        Font::set_font(Font::HelveticaBold, "Inter Semi-Bold");
        Font::set_font(Font::Courier, "DejaVu Sans Mono");
        let sample = |font| {
            draw::set_font(font, 40);
            draw::width("Ggwm10")
        };
        // A face that is not there is drawn with the system's sans, which here is DejaVu.
        let missing = (sample(Font::Helvetica) - sample(Font::Times)).abs() < 0.5;
        if missing {
            Font::set_font(Font::Helvetica, "DejaVu Sans");
            Font::set_font(Font::HelveticaBold, "DejaVu Sans Bold");
        }
        let [italic, both] = if missing {
            ["DejaVu Sans Oblique", "DejaVu Sans Bold Oblique"]
        } else {
            ["Inter Italic", "Inter Semi-Bold Italic"]
        };
        Font::set_font(Font::HelveticaItalic, italic);
        Font::set_font(Font::HelveticaBoldItalic, both);
        Self {
            smaller: i32::from(missing),
            widths: RefCell::default(),
            lines: RefCell::default(),
            laid: RefCell::default(),
        }
    }

    /// Forgets every text that was measured.
    pub fn forget(&self) {
        self.widths.take();
        self.lines.take();
        self.laid.take();
    }

    fn measure(&self, style: Style, text: &str) -> i32 {
        let (font, px) = self.of(style);
        draw::set_font(font, px);
        #[allow(clippy::cast_possible_truncation, reason = "a text's width in pixels is far below 2^31")]
        let width = draw::width(text).ceil() as i32;
        width
    }

    /// The face and size of a style.
    pub fn of(&self, style: Style) -> (Font, i32) {
        match style {
            Style::Mono | Style::Digits => (Font::Courier, style.px()),
            Style::Italic => (Font::HelveticaItalic, style.px() - self.smaller),
            Style::StrongItalic => (Font::HelveticaBoldItalic, style.px() - self.smaller),
            _ if style.bold() => (Font::HelveticaBold, style.px() - self.smaller),
            _ => (Font::Helvetica, style.px() - self.smaller),
        }
    }
}

impl Metrics for Fonts {
    fn width(&self, style: Style, text: &str) -> i32 {
        if text.is_empty() {
            return 0;
        }
        if text.len() > WIDTH_KEPT_MAX_BYTES {
            return self.measure(style, text);
        }
        let key = (style, text.to_owned());
        if let Some(width) = self.widths.borrow().get(&key) {
            return *width;
        }
        let width = self.measure(style, text);
        let mut widths = self.widths.borrow_mut();
        if widths.len() >= WIDTHS_MAX {
            widths.clear();
        }
        widths.insert(key, width);
        width
    }

    fn lines(&self, style: Style, text: &str, max: i32) -> Rc<[Line]> {
        let broken = || break_lines(text, max, &|text| self.width(style, text)).into();
        if text.len() < LINES_KEPT_MIN_BYTES {
            return broken();
        }
        let key = (style, max, text.to_owned());
        if let Some(lines) = self.lines.borrow().texts.get(&key) {
            return lines.clone();
        }
        let lines: Rc<[Line]> = broken();
        let mut kept = self.lines.borrow_mut();
        if kept.bytes + text.len() > LINES_KEPT_MAX_BYTES {
            *kept = Broken::default();
        }
        kept.bytes += text.len();
        kept.texts.insert(key, lines.clone());
        lines
    }

    fn laid(&self, id: &str, ask: &Ask<'_>) -> Rc<Laid> {
        if let Some(message) = self.laid.borrow().messages.get(id).filter(|message| message.answers(ask)) {
            return message.laid.clone();
        }
        let laid = Rc::new(lay(ask, &|style, text| self.width(style, text)));
        let Ask { body, max, whole, plain } = *ask;
        let message = KeptMessage { body: body.to_owned(), max, whole, plain, laid: laid.clone() };
        let mut kept = self.laid.borrow_mut();
        if kept.bytes + message.bytes() > LAID_KEPT_MAX_BYTES {
            *kept = Kept::default();
        }
        kept.bytes += message.bytes();
        if let Some(before) = kept.messages.insert(id.to_owned(), message) {
            kept.bytes -= before.bytes().min(kept.bytes);
        }
        laid
    }
}

/// An icon as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Drawn {
    icon: Icon,
    size: i32,
    colour: Rgb,
    turned: bool,
}

/// Draws scenes; keeps icons that were drawn.
#[derive(Default)]
pub struct Painter {
    icons: HashMap<Drawn, SvgImage>,
}

impl Painter {
    /// Draws everything, back to front.
    pub fn paint(&mut self, scene: &Scene, fonts: &Fonts) {
        for item in &scene.items {
            self.item(item, fonts);
        }
    }

    fn item(&mut self, item: &Item, fonts: &Fonts) {
        match item {
            Item::Fill(rect, colour) => {
                draw::set_draw_color(Color::from_hex(*colour));
                draw::draw_rectf(rect.x, rect.y, rect.w, rect.h);
            }
            Item::Round(rect, radii, colour) => round(*rect, *radii, *colour),
            Item::Line { from, to, px, colour } => {
                draw::set_draw_color(Color::from_hex(*colour));
                draw::set_line_style(draw::LineStyle::Solid, *px);
                draw::draw_line(from.0, from.1, to.0, to.1);
                draw::set_line_style(draw::LineStyle::Solid, 0);
            }
            Item::Text { x, y, style, colour, text } => {
                write(text, Point::new(*x, *y), *style, *colour, fonts)
            }
            Item::Secret { x, y, colour, text } => {
                write(text, Point::new(*x, *y), Style::Mono, *colour, fonts)
            }
            Item::Icon { icon, x, y, size, colour, turned } => {
                let drawn = Drawn { icon: *icon, size: *size, colour: *colour, turned: *turned };
                self.icon(drawn, Point::new(*x, *y));
            }
            Item::Clip(rect) => draw::push_clip(rect.x, rect.y, rect.w, rect.h),
            Item::Unclip => draw::pop_clip(),
            Item::Code(rect, code) => modules(*rect, code),
            Item::Whole(_) | Item::EndWhole => {}
        }
    }

    fn icon(&mut self, drawn: Drawn, Point { x, y }: Point) {
        let Drawn { icon, size, colour, turned } = drawn;
        if self.icons.len() >= ICONS_MAX {
            self.icons.clear();
        }
        let image = match self.icons.entry(drawn) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(place) => {
                let Ok(mut image) = SvgImage::from_data(&icon.svg(colour, turned)) else { return };
                image.scale(size, size, true, true);
                place.insert(image)
            }
        };
        image.draw(x, y, size, size);
    }
}

/// The top of the line box is given; FLTK wants the baseline.
fn write(text: &str, Point { x, y }: Point, style: Style, colour: Rgb, fonts: &Fonts) {
    let (font, px) = fonts.of(style);
    draw::set_font(font, px);
    draw::set_draw_color(Color::from_hex(colour));
    let baseline = y + (style.line() - draw::height()) / 2 + draw::height() - draw::descent();
    draw::draw_text_n(text, x, baseline);
}

/// Four arcs, centres moved by half a pixel: FLTK's own rounded box has five points a corner and is soft by half a pixel.
fn round(rect: Rect, radii: [i32; 4], colour: Rgb) {
    let Rect { x, y, w, h } = rect;
    if w <= 0 || h <= 0 {
        return;
    }
    draw::set_draw_color(Color::from_hex(colour));
    let most = w.min(h) / 2;
    let [tl, tr, br, bl] = radii.map(|radius| f64::from(radius.clamp(0, most)));
    let (left, top) = (f64::from(x) - 0.5, f64::from(y) - 0.5);
    let (right, bottom) = (left + f64::from(w), top + f64::from(h));
    draw::begin_polygon();
    Corner { x: left, y: top, inward: [1.0, 1.0], end: 180.0 }.draw(tl);
    Corner { x: left, y: bottom, inward: [1.0, -1.0], end: 270.0 }.draw(bl);
    Corner { x: right, y: bottom, inward: [-1.0, -1.0], end: 360.0 }.draw(br);
    Corner { x: right, y: top, inward: [-1.0, 1.0], end: 450.0 }.draw(tr);
    draw::end_polygon();
}

/// One corner, drawn counter-clockwise around the shape.
struct Corner {
    x: f64,
    y: f64,
    /// From the corner towards its arc's centre, each way 1 or -1.
    inward: [f64; 2],
    /// Where its quarter of a circle ends, degrees.
    end: f64,
}

impl Corner {
    fn draw(&self, radius: f64) {
        if radius < 0.5 {
            draw::vertex(self.x, self.y);
            return;
        }
        let [right, down] = self.inward;
        // FLTK counts angles from three o'clock against the clock.
        draw::draw_arc2(self.x + right * radius, self.y + down * radius, radius, self.end - 90.0, self.end);
    }
}

/// Whole pixels, a margin of four modules, black on white in every theme.
fn modules(rect: Rect, code: &Code) {
    let side = i32::try_from(code.side).unwrap_or(i32::MAX - 8);
    let px = (rect.w.min(rect.h) / (side + 8)).max(1);
    let (left, top) = (rect.x + (rect.w - side * px) / 2, rect.y + (rect.h - side * px) / 2);
    draw::set_draw_color(Color::from_hex(0x00_0000));
    for (row, line) in (0..).zip(code.dark.chunks(code.side)) {
        for (column, dark) in (0..).zip(line) {
            if *dark {
                draw::draw_rectf(left + column * px, top + row * px, px, px);
            }
        }
    }
}
