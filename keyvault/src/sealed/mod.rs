//! The vault file.

/// placeholder
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// x
    #[error("x")]
    X,
}
