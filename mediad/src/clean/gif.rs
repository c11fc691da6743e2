//! GIF anew: one picture, its palette, and no comments or extensions of programs.

use gif::{Encoder, Frame};

use super::cleaned::{Cleaned, File, too_large};
use crate::decode::{Still, still};
use crate::error::PictureError;
use crate::kind::Kind;

pub(super) fn clean(untrusted: &[u8]) -> Result<Cleaned, PictureError> {
    let Still { width, height, frame, palette, animated } = still(untrusted)?;
    if animated {
        return Err(PictureError::Animated);
    }
    let Frame { transparent, top, left, buffer, .. } = frame;
    let (columns, rows) = (frame.width, frame.height);
    let picture = Frame { transparent, top, left, width: columns, height: rows, buffer, ..Frame::default() };
    let mut encoder = Encoder::new(File::default(), width, height, &palette).map_err(too_large)?;
    encoder.write_frame(&picture).map_err(too_large)?;
    Ok(Cleaned { kind: Kind::Gif, bytes: encoder.into_inner().map_err(too_large)?.0 })
}
