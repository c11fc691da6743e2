//! How a picture is to be turned before it is looked at: a camera notes how it was held, and leaves the pixels as they are.

use ipc_schema::edge::stored_mediad::Pixels;

/// A turn by quarters, and whether it is in a mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Rows become columns.
    transposed: bool,
    /// What lies on the right comes first.
    from_right: bool,
    /// What lies below comes first.
    from_below: bool,
}

/// Pixels as they lie in memory.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Of each pixel.
    pub(crate) bytes_each: usize,
    pub(crate) bytes: &'a [u8],
}

impl Turn {
    /// What a picture's `Orientation` says (Exif 2.3, 4.6.4, tag 0112): where its first row and its first column are.
    pub(crate) fn of_orientation(orientation: u16) -> Self {
        let turn = |transposed, from_right, from_below| Self { transposed, from_right, from_below };
        match orientation {
            2 => turn(false, true, false),
            3 => turn(false, true, true),
            4 => turn(false, false, true),
            5 => turn(true, false, false),
            6 => turn(true, false, true),
            7 => turn(true, true, true),
            8 => turn(true, true, false),
            _ => Self::default(),
        }
    }

    /// Of what a camera wrote about a picture; what cannot be read turns nothing.
    pub(crate) fn of_exif(exif: &[u8]) -> Self {
        Self::of_orientation(orientation(exif).unwrap_or(1))
    }

    /// Whether it leaves everything where it is.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Width and height after it.
    pub(crate) fn size<T>(self, width: T, height: T) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Appends row `y` of the turned picture.
    pub(crate) fn row(self, grid: Grid<'_>, y: usize, into: &mut Vec<u8>) {
        if self.is_none() {
            let length = grid.width * grid.bytes_each;
            into.extend_from_slice(
                grid.bytes.get(y * length..).and_then(|rest| rest.get(..length)).unwrap_or_default(),
            );
            return;
        }
        for x in 0..self.size(grid.width, grid.height).0 {
            let (column, row) = if self.transposed { (y, x) } else { (x, y) };
            let column = if self.from_right { grid.width.saturating_sub(column + 1) } else { column };
            let row = if self.from_below { grid.height.saturating_sub(row + 1) } else { row };
            let at = (row * grid.width + column) * grid.bytes_each;
            into.extend_from_slice(
                grid.bytes.get(at..).and_then(|rest| rest.get(..grid.bytes_each)).unwrap_or_default(),
            );
        }
    }

    /// All of a picture, turned.
    pub(crate) fn all(self, grid: Grid<'_>) -> Vec<u8> {
        let mut turned = Vec::with_capacity(grid.bytes.len());
        (0..self.size(grid.width, grid.height).1).for_each(|y| self.row(grid, y, &mut turned));
        turned
    }

    /// The pixels, turned.
    pub(crate) fn pixels(self, pixels: Pixels) -> Pixels {
        if self.is_none() {
            return pixels;
        }
        let (width, height) = self.size(pixels.width, pixels.height);
        let (from_width, from_height) = (usize::from(pixels.width), usize::from(pixels.height));
        let grid = Grid { width: from_width, height: from_height, bytes_each: 3, bytes: &pixels.rgb };
        Pixels { width, height, rgb: self.all(grid) }
    }
}

/// The tag's number (Exif 2.3, 4.6.4).
const ORIENTATION: u16 = 0x0112;
/// A number of 16 bits (TIFF 6.0, section 2).
const SHORT: u16 = 3;

/// What stands under `Orientation` in the first directory (TIFF 6.0, section 2). All else there is not looked at.
fn orientation(exif: &[u8]) -> Option<u16> {
    // In JPEG this stands before it; some put it before it in WebP and PNG too.
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let little = match tiff.first_chunk()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |bytes: &[u8], at: usize| {
        let two = *bytes.get(at..)?.first_chunk()?;
        Some(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let four = *tiff.get(4..)?.first_chunk()?;
    let offset = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
    let directory = tiff.get(usize::try_from(offset).ok()?..)?;
    let entries = directory.get(2..)?.chunks_exact(12).take(usize::from(short(directory, 0)?));
    let mut found =
        entries.filter(|entry| short(entry, 0) == Some(ORIENTATION) && short(entry, 2) == Some(SHORT));
    short(found.next()?, 8)
}
