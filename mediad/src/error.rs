//! Why there are no pixels.

pub use ipc_schema::edge::stored_mediad::PictureError;

/// What the decoder says of a picture.
pub(crate) fn broken(error: png::DecodingError) -> PictureError {
    match error {
        png::DecodingError::LimitsExceeded => PictureError::TooLarge,
        png::DecodingError::IoError(_) | png::DecodingError::Format(_) | png::DecodingError::Parameter(_) => {
            PictureError::Damaged
        }
    }
}
