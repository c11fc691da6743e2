//! Why there are no pixels. The fault lies with whoever made the picture, but for `JobUsed`.

/// The same list as `PictureError` of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Not a format that is decoded here.
    #[error("not a picture")]
    NotAPicture,
    /// The file, a side or the number of pixels is over its bound.
    #[error("the picture is too large")]
    TooLarge,
    /// It starts like a picture and goes on wrong.
    #[error("the picture is damaged")]
    Damaged,
    /// This process has had its one job.
    #[error("this decoder was used already")]
    JobUsed,
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
