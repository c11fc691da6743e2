//! What is to be seen, as a list of plain shapes: made by `view`, drawn by `paint`, and testable without a display.

use std::rc::Rc;

use zeroize::Zeroizing;

use crate::icon::Icon;
use crate::layout::{Ask, Laid, lay};
use crate::model::{Act, Field, Focus, Part};
use crate::text::{Line, break_lines};
use crate::theme::Rgb;

pub use crate::style::Style;

/// A place in scaled pixels, from the window's upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// From the left edge.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

impl Point {
    /// So far to the right, so far down.
    #[must_use]
    pub fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }
}

/// A rectangle in scaled pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// The left edge, pixels from the window's.
    pub x: i32,
    /// The upper edge, pixels from the window's.
    pub y: i32,
    /// Width in pixels.
    pub w: i32,
    /// Height in pixels.
    pub h: i32,
}

impl Rect {
    /// By its left, top, width and height.
    #[must_use]
    pub fn new(x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x, y, w, h }
    }

    /// Smaller by `by` on every side (larger where negative).
    #[must_use]
    pub fn inset(self, by: i32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2 * by, h: self.h - 2 * by }
    }

    /// Past the right edge.
    #[must_use]
    pub fn right(self) -> i32 {
        self.x + self.w
    }

    /// Past the lower edge.
    #[must_use]
    pub fn bottom(self) -> i32 {
        self.y + self.h
    }

    /// What both have in common; nothing of it may be left.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        Self { x, y, w: self.right().min(other.right()) - x, h: self.bottom().min(other.bottom()) - y }
    }

    /// Nothing lies in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.w <= 0 || self.h <= 0
    }

    /// Whether a point lies inside.
    #[must_use]
    pub fn contains(self, x: i32, y: i32) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }
}

/// Room for lines in scaled pixels: where the first begins, and how wide each may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The left edge, from the window's.
    pub x: i32,
    /// Top of the first line.
    pub y: i32,
    /// The most that a line may be wide.
    pub w: i32,
}

impl Span {
    /// By its left, top and width.
    #[must_use]
    pub fn new(x: i32, y: i32, w: i32) -> Self {
        Self { x, y, w }
    }
}

/// The line around a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Border {
    /// What it is drawn in.
    pub colour: Rgb,
    /// Its width in pixels, inside the shape.
    pub px: i32,
}

impl Border {
    /// Of one colour and so many pixels.
    #[must_use]
    pub fn new(colour: Rgb, px: i32) -> Self {
        Self { colour, px }
    }
}

/// How wide text is; the one thing that a view must ask of the fonts.
pub trait Metrics {
    /// Width in whole pixels, rounded up.
    fn width(&self, style: Style, text: &str) -> i32;

    /// `text` in lines of at most `max` pixels. Whoever draws one picture after the other keeps those of a long text.
    fn lines(&self, style: Style, text: &str, max: i32) -> Rc<[Line]> {
        break_lines(text, max, &|text| self.width(style, text)).into()
    }

    /// The text of the message with that id in lines of styled runs; kept as above.
    fn laid(&self, _id: &str, ask: &Ask<'_>) -> Rc<Laid> {
        Rc::new(lay(ask, &|style, text| self.width(style, text)))
    }
}

/// One shape, or where shapes are cut off.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A flat rectangle.
    Fill(Rect, Rgb),
    /// A rounded one; radii from the upper left, clockwise.
    Round(Rect, [i32; 4], Rgb),
    /// A line of one pixel, or a few.
    Line {
        /// From.
        from: (i32, i32),
        /// To.
        to: (i32, i32),
        /// Its width.
        px: i32,
        /// Its colour.
        colour: Rgb,
    },
    /// One line of text; `y` is the top of its line box.
    Text {
        /// The left edge, pixels from the window's.
        x: i32,
        /// Top of the line box.
        y: i32,
        /// Face and size of its letters.
        style: Style,
        /// Colour of its letters.
        colour: Rgb,
        /// The text, cut already.
        text: String,
    },
    /// Text that is wiped after it was drawn.
    Secret {
        /// The left edge, pixels from the window's.
        x: i32,
        /// Top of the line box.
        y: i32,
        /// Colour of its letters.
        colour: Rgb,
        /// What was typed.
        text: Zeroizing<String>,
    },
    /// An icon or delivery mark.
    Icon {
        /// The picture that is drawn there.
        icon: Icon,
        /// The left edge, pixels from the window's.
        x: i32,
        /// The upper edge, pixels from the window's.
        y: i32,
        /// Pixels a side.
        size: i32,
        /// Its one colour.
        colour: Rgb,
        /// It is drawn the other way round.
        turned: bool,
    },
    /// Nothing is drawn outside until [`Item::Unclip`].
    Clip(Rect),
    /// Ends the last clip.
    Unclip,
    /// A picture code with its white margin.
    Code(Rect, Rc<Code>),
    /// What follows until [`Item::EndWhole`] has an order of its own, and moves with this as one where the window is turned round.
    Whole(Rect),
    /// Ends it.
    EndWhole,
}

/// A picture code's modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Modules a side.
    pub side: usize,
    /// Row by row, true: dark.
    pub dark: Vec<bool>,
}

/// What a thing on the screen is, for whoever cannot see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Does something once.
    Button,
    /// A row of a list.
    Row,
    /// Where a passphrase is typed.
    Passphrase,
    /// Where text is typed.
    Text,
}

/// What is told of a thing on the screen to whoever cannot see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// What it is called.
    pub label: &'a str,
    /// What kind of thing it is.
    pub role: Role,
}

impl<'a> Spoken<'a> {
    /// A thing of that name and kind.
    #[must_use]
    pub fn new(label: &'a str, role: Role) -> Self {
        Self { label, role }
    }
}

/// Something that can be pressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Where a press counts.
    pub rect: Rect,
    /// What it does.
    pub act: Act,
    /// Its name, spoken.
    pub label: String,
    /// What it is.
    pub role: Role,
    /// Corner radius of its focus ring; the ring is inside for rows.
    pub radius: i32,
    /// What it is a part of that moves as one.
    pub whole: Option<Rect>,
}

/// Where a text field stands.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldBox {
    /// What is typed there.
    pub field: Field,
    /// The text's own area, inside the drawn border.
    pub rect: Rect,
    /// Face and size of its letters.
    pub style: Style,
    /// Colour behind its letters.
    pub ground: Rgb,
    /// Colour of its letters and its cursor.
    pub ink: Rgb,
    /// Ground of what is selected in it.
    pub selection: Rgb,
}

/// One line of a message that is seen, for the pointer.
#[derive(Debug, Clone, PartialEq)]
pub struct TextLine {
    /// The message's id.
    pub message: String,
    /// From side to side of its bubble.
    pub rect: Rect,
    /// The left end of its letters, pixels from the window's left edge.
    pub x: i32,
    /// The room of all lines of the message.
    pub area: Rect,
    /// All lines of the message.
    pub laid: Rc<Laid>,
    /// Which of them it is.
    pub row: usize,
}

/// A part of the window whose content may be higher than its room.
#[derive(Debug, Clone, PartialEq)]
pub struct Scrolled {
    /// Which one.
    pub place: Part,
    /// Its room.
    pub area: Rect,
    /// The most that it can be scrolled, pixels; 0: all of it is seen.
    pub most: i32,
    /// Where the keyboard can go in it, also where that is out of sight just now.
    pub stops: Vec<(Focus, Rect)>,
}

/// Where one writes, as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The lines that are seen, without their border.
    pub rect: Rect,
    /// The first of them.
    pub top: usize,
    /// How many are seen.
    pub shown: usize,
    /// How many there are.
    pub lines: usize,
    /// The caret, also where it is not drawn: input methods open their window there.
    pub caret: Rect,
}

/// A part of the window with stops of the keyboard in it, in the keyboard's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// The places at the left edge.
    Rail,
    /// The list of people.
    List,
    /// A page beside the list.
    Page,
    /// Above a conversation.
    Header,
    /// What is looked for in a conversation.
    Find,
    /// The texts.
    Messages,
    /// Where one writes.
    Composer,
    /// What is known of a contact.
    Details,
}

/// One whole picture of the window.
#[derive(Debug, Default, PartialEq)]
pub struct Scene {
    /// Shapes, back to front.
    pub items: Vec<Item>,
    /// What can be pressed, in the order of the keyboard.
    pub hits: Vec<Hit>,
    /// Text fields that are shown; FLTK's widgets are laid over them.
    pub fields: Vec<FieldBox>,
    /// Where the keyboard can go, in order.
    pub stops: Vec<Focus>,
    /// The parts that F6 goes through, each with the first of its stops.
    pub regions: Vec<(Region, usize)>,
    /// Where the wheel scrolls the conversation, and how far it can.
    pub scroll: Option<(Rect, i32)>,
    /// Lines of messages that can be selected, from the lowest message up.
    pub lines: Vec<TextLine>,
    /// What else scrolls, from its top on.
    pub scrolled: Vec<Scrolled>,
    /// Where one writes.
    pub written: Option<Written>,
    /// The texts of the conversation of which something is to be seen, the newest first.
    pub rows: Vec<TextRow>,
    /// The bar beside them.
    pub thumb: Option<Thumb>,
    /// Where the wheel scrolls what was found.
    pub results: Option<Results>,
    /// While it is made: what is put into it is a part of this.
    pub whole: Option<Rect>,
}

/// A text of the conversation, where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextRow {
    /// Its id.
    pub id: String,
    /// With what belongs to it above and below; it may reach out of the conversation's part of the window.
    pub slot: Rect,
}

/// What was found, as a list that scrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Results {
    /// Its part of the window.
    pub rect: Rect,
    /// Pixels that it is scrolled down.
    pub scroll: i32,
    /// And that it can be.
    pub most: i32,
}

/// The bar that shows how much of a conversation is seen, and which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thumb {
    /// Where it moves.
    pub track: Rect,
    /// The bar.
    pub bar: Rect,
}

impl Scene {
    /// A flat rectangle.
    pub fn fill(&mut self, rect: Rect, colour: Rgb) {
        self.items.push(Item::Fill(rect, colour));
    }

    /// A rounded rectangle.
    pub fn round(&mut self, rect: Rect, radius: i32, colour: Rgb) {
        self.items.push(Item::Round(rect, [radius; 4], colour));
    }

    /// A rounded rectangle with a border, drawn as two shapes.
    pub fn bordered(&mut self, rect: Rect, radius: i32, border: Border, inner: Rgb) {
        self.round(rect, radius, border.colour);
        self.round(rect.inset(border.px), (radius - border.px).max(0), inner);
    }

    /// Stops from here on are in that part of the window.
    pub fn region(&mut self, region: Region) {
        self.regions.push((region, self.stops.len()));
    }

    /// One line of text whose line box has its upper left corner there.
    pub fn text(&mut self, Point { x, y }: Point, style: Style, colour: Rgb, text: impl Into<String>) {
        self.items.push(Item::Text { x, y, style, colour, text: text.into() });
    }

    /// An icon with its upper left corner there.
    pub fn icon(&mut self, icon: Icon, Point { x, y }: Point, size: i32, colour: Rgb) {
        self.items.push(Item::Icon { icon, x, y, size, colour, turned: false });
    }

    /// From here on all is a part of something that has an order of its own.
    pub fn begin_whole(&mut self, rect: Rect) {
        self.items.push(Item::Whole(rect));
        self.whole = Some(rect);
    }

    /// No longer.
    pub fn end_whole(&mut self) {
        self.items.push(Item::EndWhole);
        self.whole = None;
    }

    /// Something that can be pressed there.
    pub fn press(&mut self, rect: Rect, act: Act, spoken: Spoken<'_>, radius: i32) {
        let Spoken { label, role } = spoken;
        self.hits.push(Hit { rect, act, label: label.to_owned(), role, radius, whole: self.whole });
    }

    /// All text of the scene, in order, for tests and for whoever cannot see it.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            Item::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }

    /// What is pressed at a point: the topmost.
    #[must_use]
    pub fn hit(&self, x: i32, y: i32) -> Option<&Hit> {
        self.hits.iter().rev().find(|hit| hit.rect.contains(x, y))
    }
}
