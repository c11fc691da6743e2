//! The picture turned round, for whoever reads from the right: what stood at the left edge stands at the right one. Letters are never
//! turned, and what has an order of its own (lines of a text, digits, an address) moves as one.

use crate::icon::Icon;
use crate::scene::{
    FieldBox, Hit, Item, Metrics, Rect, Results, Scene, Scrolled, TextLine, TextRow, Thumb, Written,
};

/// Languages that are written from the right, as locales name them.
const FROM_THE_RIGHT: [&str; 11] = ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ps", "sd", "ur", "yi"];

/// Whether a locale such as `ar_EG.UTF-8` is one of a language that is written from the right.
#[must_use]
pub fn reads_from_the_right(locale: &str) -> bool {
    let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
    FROM_THE_RIGHT.contains(&language.to_ascii_lowercase().as_str())
}

/// A picture as wide as `width`, turned round.
#[must_use]
pub fn mirrored(scene: Scene, width: i32, metrics: &dyn Metrics) -> Scene {
    let mut turn = Turn { width, metrics, whole: None };
    let items = scene.items.into_iter().map(|item| turn.item(item)).collect();
    turn.whole = None;
    Scene {
        items,
        hits: scene.hits.into_iter().map(|hit| turn.hit(hit)).collect(),
        fields: scene
            .fields
            .into_iter()
            .map(|field| FieldBox { rect: turn.rect(field.rect), ..field })
            .collect(),
        lines: scene.lines.into_iter().map(|line| turn.line(line)).collect(),
        scroll: scene.scroll.map(|(body, most)| (turn.rect(body), most)),
        scrolled: scene.scrolled.into_iter().map(|part| turn.scrolled(part)).collect(),
        written: scene.written.map(|written| turn.written(written)),
        rows: scene.rows.into_iter().map(|row| TextRow { slot: turn.rect(row.slot), ..row }).collect(),
        thumb: scene.thumb.map(|thumb| Thumb { track: turn.rect(thumb.track), bar: turn.rect(thumb.bar) }),
        results: scene.results.map(|results| Results { rect: turn.rect(results.rect), ..results }),
        stops: scene.stops,
        regions: scene.regions,
        whole: None,
    }
}

struct Turn<'a> {
    width: i32,
    metrics: &'a dyn Metrics,
    /// What moves as one just now.
    whole: Option<Rect>,
}

impl Turn<'_> {
    /// Where something so wide begins.
    fn x(&self, x: i32, w: i32) -> i32 {
        match self.whole {
            Some(whole) => x + self.width - 2 * whole.x - whole.w,
            None => self.width - x - w,
        }
    }

    fn rect(&self, rect: Rect) -> Rect {
        Rect { x: self.x(rect.x, rect.w), ..rect }
    }

    /// The same of what moves with `whole`.
    fn within(&self, whole: Option<Rect>, rect: Rect) -> Rect {
        Turn { whole, ..*self }.rect(rect)
    }

    fn item(&mut self, item: Item) -> Item {
        match item {
            Item::Whole(rect) => {
                let turned = self.rect(rect);
                self.whole = Some(rect);
                Item::Whole(turned)
            }
            Item::EndWhole => {
                self.whole = None;
                Item::EndWhole
            }
            Item::Fill(rect, colour) => Item::Fill(self.rect(rect), colour),
            Item::Round(rect, [tl, tr, br, bl], colour) => {
                let radii = if self.whole.is_some() { [tl, tr, br, bl] } else { [tr, tl, bl, br] };
                Item::Round(self.rect(rect), radii, colour)
            }
            Item::Line { from, to, px, colour } => {
                let [from, to] = [from, to].map(|(x, y)| (self.x(x, 0), y));
                Item::Line { from, to, px, colour }
            }
            Item::Text { x, y, style, colour, text } => {
                let x = self.x(x, self.metrics.width(style, &text));
                Item::Text { x, y, style, colour, text }
            }
            Item::Secret { x, y, colour, text } => Item::Secret {
                x: self.x(x, self.metrics.width(crate::scene::Style::Mono, &text)),
                y,
                colour,
                text,
            },
            Item::Icon { icon, x, y, size, colour, turned } => {
                let turned = turned != (points(icon) && self.whole.is_none());
                Item::Icon { icon, x: self.x(x, size), y, size, colour, turned }
            }
            Item::Clip(rect) => Item::Clip(self.rect(rect)),
            Item::Unclip => Item::Unclip,
            // It is read by a machine, and never turned.
            Item::Code(rect, code) => Item::Code(self.rect(rect), code),
        }
    }

    fn hit(&self, hit: Hit) -> Hit {
        let whole = hit.whole.map(|whole| self.rect(whole));
        Hit { rect: self.within(hit.whole, hit.rect), whole, ..hit }
    }

    fn line(&self, line: TextLine) -> TextLine {
        let left = Rect { x: line.x, w: 0, ..line.area };
        TextLine {
            rect: self.rect(line.rect),
            x: self.within(Some(line.area), left).x,
            area: self.rect(line.area),
            ..line
        }
    }

    fn written(&self, written: Written) -> Written {
        let caret = self.within(Some(written.rect), written.caret);
        Written { rect: self.rect(written.rect), caret, ..written }
    }

    fn scrolled(&self, part: Scrolled) -> Scrolled {
        let stops = part.stops.into_iter().map(|(stop, rect)| (stop, self.rect(rect))).collect();
        Scrolled { area: self.rect(part.area), stops, ..part }
    }
}

/// Whether an icon says left or right: an arrow does, a clock and a check do not.
fn points(icon: Icon) -> bool {
    matches!(icon, Icon::Back | Icon::Right | Icon::Reply | Icon::Forward)
}

#[cfg(test)]
mod tests;
