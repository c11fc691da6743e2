//! A picture as each decoder hands it over.

use crate::raster::Raster;
use crate::turn::Turn;

/// A colour profile that is longer says nothing about red, green and blue that a short one cannot say, bytes.
pub(super) const PROFILE_MAX_BYTES: usize = 1 << 20;

/// A picture as it lies in its file.
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    /// How it is to be turned.
    pub(crate) turn: Turn,
    /// What its colours are (ICC).
    pub(crate) profile: Option<Vec<u8>>,
    /// It moves; the pixels are its first picture.
    pub(crate) animated: bool,
    /// It was written so that something was lost.
    pub(crate) lossy: bool,
}

/// One of a bearable length.
pub(super) fn profile(profile: Option<Vec<u8>>) -> Option<Vec<u8>> {
    profile.filter(|profile| profile.len() <= PROFILE_MAX_BYTES)
}
