//! A baseline JPEG, from pixels of ours (ITU-T T.81, with the colours of JFIF: ITU-T T.871). No encoder that is kept and may be linked
//! leaves it to us how fine the colours are and takes the picture row by row, so that no second one is in memory.

mod huffman;
mod transform;

use std::io::{self, Write};

use self::huffman::{Code, Scan};
use self::transform::Transform;

/// How finely a JPEG is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fineness {
    /// 1 to 100, in libjpeg's scale.
    pub quality: u8,
    /// Colours have half the brightness's rows and columns.
    pub halved: bool,
}

/// What a row of pixels holds, a byte each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// One for each pixel.
    Grey,
    /// Three for each pixel.
    Rgb,
}

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Picture {
    /// Pixels; neither side is 0.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// What its rows hold.
    pub colours: Colours,
    /// What it costs.
    pub fineness: Fineness,
}

/// Writes a picture. `row` is asked for each row, from the first one on top, and appends its pixels.
///
/// # Errors
/// What `out` says.
pub fn write(picture: &Picture, row: impl FnMut(u16, &mut Vec<u8>), out: &mut impl Write) -> io::Result<()> {
    let transform = Transform::new(picture.fineness.quality);
    out.write_all(&head(picture, &transform))?;
    let mut scan = Scan::new();
    let mut bands = Bands { picture, row, line: Vec::new() };
    for band in 0..picture.height.div_ceil(picture.unit()) {
        let planes = bands.read(band);
        for unit in 0..picture.units_across() {
            encode(&planes, unit, &transform, &mut scan);
        }
        out.write_all(&scan.take())?;
    }
    out.write_all(&scan.end())?;
    out.write_all(&[0xff, 0xd9])
}

impl Picture {
    /// Sides of what is coded together (T.81, A.2.4), pixels.
    fn unit(&self) -> u16 {
        if self.is_halved() { 16 } else { 8 }
    }

    fn units_across(&self) -> usize {
        self.width.div_ceil(self.unit()).into()
    }

    fn is_halved(&self) -> bool {
        self.fineness.halved && self.colours == Colours::Rgb
    }
}

/// All that stands before the pixels: marker, length, body, for each segment (T.81, B.2).
fn head(picture: &Picture, transform: &Transform) -> Vec<u8> {
    let [[high_y, low_y], [high_x, low_x]] = [picture.height, picture.width].map(u16::to_be_bytes);
    let sampling = if picture.is_halved() { 0x22 } else { 0x11 };
    let (frame, scan): (&[u8], &[u8]) = match picture.colours {
        Colours::Grey => (&[1, 1, 0x11, 0], &[1, 1, 0x00]),
        Colours::Rgb => (&[3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1], &[3, 1, 0x00, 2, 0x11, 3, 0x11]),
    };
    let mut head = vec![0xff, 0xd8];
    segment(&mut head, 0xe0, &[b"JFIF\0\x01\x02", &[0, 0, 1, 0, 1, 0, 0][..]]);
    for (id, table) in (0_u8..).zip(transform.tables()) {
        segment(&mut head, 0xdb, &[&[id], &table[..]]);
    }
    segment(&mut head, 0xc0, &[&[8, high_y, low_y, high_x, low_x], frame]);
    for code in Code::ALL {
        segment(&mut head, 0xc4, &[&[code.id()], &code.lengths()[..], code.values()]);
    }
    segment(&mut head, 0xda, &[scan, &[0, 63, 0]]);
    head
}

fn segment(head: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    head.extend([0xff, marker]);
    // None is longer than the longest table of codes.
    head.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    parts.iter().for_each(|part| head.extend_from_slice(part));
}

/// Samples of one component, row by row, as wide and high as whole blocks are.
struct Plane {
    width: usize,
    samples: Vec<u8>,
}

impl Plane {
    /// One block, counted from the left and from above, around 0.
    fn block(&self, across: usize, down: usize) -> [[f32; 8]; 8] {
        let mut rows = self.samples.chunks_exact(self.width).skip(down * 8);
        std::array::from_fn(|_| {
            let row = rows.next().and_then(|row| row.get(across * 8..)?.first_chunk()).unwrap_or(&[0; 8]);
            row.map(|sample| f32::from(sample) - 128.0)
        })
    }

    /// Of four samples that lie together one.
    fn halved(&self) -> Self {
        let rows = self.samples.as_chunks::<2>().0.chunks_exact(self.width / 2).collect::<Vec<_>>();
        let mean = |above: &[u8; 2], below: &[u8; 2]| {
            let sum: u16 = above.iter().chain(below).copied().map(u16::from).sum();
            u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
        };
        let samples = rows.as_chunks().0.iter().flat_map(|[above, below]| {
            above.iter().zip(*below).map(move |(above, below)| mean(above, below))
        });
        Self { width: self.width / 2, samples: samples.collect() }
    }
}

/// The picture, as many rows at a time as are coded together.
struct Bands<'a, F> {
    picture: &'a Picture,
    row: F,
    line: Vec<u8>,
}

impl<F: FnMut(u16, &mut Vec<u8>)> Bands<'_, F> {
    /// Brightness, and where there are colours both of them. The last column and row are repeated where a block reaches beyond them.
    fn read(&mut self, band: u16) -> Vec<Plane> {
        let width = self.picture.units_across() * usize::from(self.picture.unit());
        let components = if self.picture.colours == Colours::Grey { 1 } else { 3 };
        let mut planes: Vec<Plane> = (0..components).map(|_| Plane { width, samples: Vec::new() }).collect();
        let above = band * self.picture.unit();
        for y in 0..self.picture.unit() {
            self.line.clear();
            (self.row)(above.saturating_add(y).min(self.picture.height - 1), &mut self.line);
            match planes.as_mut_slice() {
                [brightness, blueness, redness] => {
                    for rgb in self.line.as_chunks().0 {
                        let [y, cb, cr] = ycbcr(*rgb);
                        brightness.samples.push(y);
                        blueness.samples.push(cb);
                        redness.samples.push(cr);
                    }
                }
                planes => planes.iter_mut().for_each(|plane| plane.samples.extend_from_slice(&self.line)),
            }
            for plane in &mut planes {
                let last = plane.samples.last().copied().unwrap_or_default();
                plane.samples.resize((usize::from(y) + 1) * width, last);
            }
        }
        if self.picture.is_halved() {
            planes.iter_mut().skip(1).for_each(|plane| *plane = plane.halved());
        }
        planes
    }
}

/// T.871, 7, in 16 bits behind the point.
fn ycbcr([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let [red, green, blue] = [red, green, blue].map(i32::from);
    let weigh = |by_red, by_green, by_blue, from| {
        let sum = by_red * red + by_green * green + by_blue * blue + (from << 16) + (1 << 15);
        u8::try_from(sum >> 16).unwrap_or(u8::MAX)
    };
    [
        weigh(19_595, 38_470, 7_471, 0),
        weigh(-11_058, -21_710, 32_768, 128),
        weigh(32_768, -27_439, -5_329, 128),
    ]
}

/// The blocks of a unit, in the order of T.81, A.2.3.
fn encode(planes: &[Plane], unit: usize, transform: &Transform, scan: &mut Scan) {
    let widest = planes.first().map_or(8, |plane| plane.width);
    let narrowest = planes.last().map_or(8, |plane| plane.width);
    for (component, plane) in planes.iter().enumerate() {
        let blocks = if plane.width == widest { widest / narrowest } else { 1 };
        for down in 0..blocks {
            for across in 0..blocks {
                let block = plane.block(unit * blocks + across, down);
                scan.block(component, &transform.coefficients(&block, component > 0));
            }
        }
    }
}

#[cfg(test)]
mod tests;
