//! Why a picture is not decoded.

use ipc_schema::edge::stored_mediad::{CleanError, ShowError};

/// What is wrong with it. Each decoder's own words are too many for anybody to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureError {
    /// Not a kind that is decoded here.
    NotAPicture,
    /// The file, a side, the number of pixels or what they would take is over its bound.
    TooLarge,
    /// It starts like a picture and goes on wrong.
    Damaged,
    /// It moves: what is written anew has one picture.
    Animated,
}

impl From<PictureError> for ShowError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::NotAPicture => Self::NotAPicture,
            PictureError::TooLarge => Self::TooLarge,
            // Nothing that gives pixels says that a picture moves: the first one of it is given.
            PictureError::Damaged | PictureError::Animated => Self::Damaged,
        }
    }
}

impl From<PictureError> for CleanError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::NotAPicture => Self::NotAPicture,
            PictureError::TooLarge => Self::TooLarge,
            PictureError::Damaged => Self::Damaged,
            PictureError::Animated => Self::Animated,
        }
    }
}

impl From<png::DecodingError> for PictureError {
    fn from(error: png::DecodingError) -> Self {
        match error {
            png::DecodingError::LimitsExceeded => Self::TooLarge,
            png::DecodingError::IoError(_)
            | png::DecodingError::Format(_)
            | png::DecodingError::Parameter(_) => Self::Damaged,
        }
    }
}

impl From<zune_jpeg::errors::DecodeErrors> for PictureError {
    fn from(error: zune_jpeg::errors::DecodeErrors) -> Self {
        match error {
            zune_jpeg::errors::DecodeErrors::LargeDimensions(_) => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}

impl From<image_webp::DecodingError> for PictureError {
    fn from(error: image_webp::DecodingError) -> Self {
        match error {
            image_webp::DecodingError::ImageTooLarge | image_webp::DecodingError::MemoryLimitExceeded => {
                Self::TooLarge
            }
            _ => Self::Damaged,
        }
    }
}

impl From<gif::DecodingError> for PictureError {
    fn from(error: gif::DecodingError) -> Self {
        match error {
            gif::DecodingError::MemoryLimit | gif::DecodingError::OutOfMemory => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}
