//! What a colour profile says of red, green and blue (ICC.1:2022), where it says it in a matrix and three curves. That is what cameras,
//! screens and programs write for pictures in red, green and blue; profiles of printers and of greys are tables, and are left out.

/// From the profiles' common ground (XYZ, D50) to linear sRGB: the inverse of sRGB's matrix (IEC 61966-2-1), adapted by Bradford.
const TO_SRGB: [[f32; 3]; 3] = [
    [3.133_856, -1.616_867, -0.490_614_6],
    [-0.978_768_4, 1.916_141_5, 0.033_454],
    [0.071_945_3, -0.228_991_4, 1.405_242_7],
];

/// Points of a curve: more than any profile needs.
const POINTS_MAX: usize = 4_096;

/// How one value becomes light, both between 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Curve {
    /// Points at equal distances, straight lines between.
    Points(Vec<f32>),
    /// `(a·x + b)^g + e` from `d` on, `c·x + f` below (10.18).
    Formula { g: f32, a: f32, b: f32, c: f32, d: f32, e: f32, f: f32 },
}

/// Light of the three colours into linear sRGB.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Profile {
    pub(crate) curves: [Curve; 3],
    pub(crate) matrix: [[f32; 3]; 3],
}

impl Profile {
    /// Reads one. `None`: it is of another kind, or broken.
    pub(crate) fn read(untrusted: &[u8]) -> Option<Self> {
        let is = |at: usize, word: &[u8; 4]| untrusted.get(at..at + 4) == Some(word);
        // Colour space, what it leads to, and the signature (7.2).
        if !(is(16, b"RGB ") && is(20, b"XYZ ") && is(36, b"acsp")) {
            return None;
        }
        let colour = |name: &[u8; 4]| xyz(tag(untrusted, name)?);
        let [red, green, blue] = [colour(b"rXYZ")?, colour(b"gXYZ")?, colour(b"bXYZ")?];
        let matrix = TO_SRGB.map(|row| [red, green, blue].map(|colour| dot(row, colour)));
        let curve = |name: &[u8; 4]| Curve::read(tag(untrusted, name)?);
        Some(Self { curves: [curve(b"rTRC")?, curve(b"gTRC")?, curve(b"bTRC")?], matrix })
    }
}

fn dot(one: [f32; 3], other: [f32; 3]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// What stands under a name (7.3).
fn tag<'a>(profile: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let count = usize::try_from(long(profile, 128)?).ok()?;
    let entry = profile.get(132..)?.chunks_exact(12).take(count).find(|entry| entry.starts_with(name))?;
    let part = |at| usize::try_from(long(entry, at)?).ok();
    profile.get(part(4)?..)?.get(..part(8)?)
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number with 16 bits behind the point (4.6).
fn fixed(bytes: &[u8], at: usize) -> Option<f32> {
    #[allow(clippy::cast_precision_loss, reason = "seven digits are enough for a colour")]
    Some(i32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as f32 / 65_536.0)
}

/// One colour (10.31).
fn xyz(tag: &[u8]) -> Option<[f32; 3]> {
    tag.strip_prefix(b"XYZ ")?;
    Some([fixed(tag, 8)?, fixed(tag, 12)?, fixed(tag, 16)?])
}

impl Curve {
    fn read(tag: &[u8]) -> Option<Self> {
        match tag.first_chunk()? {
            b"curv" => Self::points(tag),
            b"para" => Self::formula(tag),
            _ => None,
        }
    }

    /// `curv` (10.6): nothing is a straight line, one number is an exponent with 8 bits behind the point.
    fn points(tag: &[u8]) -> Option<Self> {
        let count = usize::try_from(long(tag, 8)?).ok()?;
        match count {
            0 => Some(Self::power(1.0)),
            1 => Some(Self::power(f32::from(short(tag, 12)?) / 256.0)),
            2..=POINTS_MAX => {
                let points = tag.get(12..)?.get(..count * 2)?.as_chunks().0;
                Some(Self::Points(
                    points.iter().map(|point| f32::from(u16::from_be_bytes(*point)) / 65_535.0).collect(),
                ))
            }
            _ => None,
        }
    }

    fn power(g: f32) -> Self {
        Self::Formula { g, a: 1.0, b: 0.0, c: 0.0, d: 0.0, e: 0.0, f: 0.0 }
    }

    /// `para` (10.18).
    fn formula(tag: &[u8]) -> Option<Self> {
        let number = |index: usize| fixed(tag, 12 + 4 * index);
        let g = number(0)?;
        let Self::Formula { mut a, mut b, mut c, mut d, mut e, mut f, .. } = Self::power(g) else {
            return None;
        };
        let kind = short(tag, 8)?;
        if kind > 4 {
            return None;
        }
        if kind > 0 {
            (a, b) = (number(1)?, number(2)?);
            d = -b / a;
        }
        match kind {
            2 => (e, f) = (number(3)?, number(3)?),
            3 => (c, d) = (number(3)?, number(4)?),
            4 => (c, d, e, f) = (number(3)?, number(4)?, number(5)?, number(6)?),
            _ => {}
        }
        Some(Self::Formula { g, a, b, c, d, e, f })
    }

    /// The light of a value. What a formula makes of nonsense is nothing.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to 1"
    )]
    pub(crate) fn light(&self, value: f32) -> f32 {
        let light = match self {
            Self::Points(points) => {
                let place = value.clamp(0.0, 1.0) * (points.len().saturating_sub(1)) as f32;
                let below = place as usize;
                let at = |index: usize| points.get(index).or(points.last()).copied().unwrap_or(value);
                at(below) + (at(below + 1) - at(below)) * (place - below as f32)
            }
            Self::Formula { g, a, b, c, d, e, f } => {
                if value >= *d {
                    (a * value + b).powf(*g) + e
                } else {
                    c * value + f
                }
            }
        };
        if light.is_finite() { light.clamp(0.0, 1.0) } else { 0.0 }
    }
}
