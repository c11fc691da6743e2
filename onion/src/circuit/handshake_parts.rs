//! A handshake half inside relay messages: three of them, all full but the last.

use crate::cell::relay_message::{DATA_BYTES, Illegal};

/// Collects the data of EXTEND or EXTENDED messages.
#[derive(Debug, Default)]
pub struct MessageParts(Vec<u8>);

impl MessageParts {
    /// Takes the next part; with the last it answers all `want` bytes.
    ///
    /// # Errors
    /// [`Illegal`]: a part that is not full and not the last, or too long.
    pub fn take(&mut self, data: &[u8], want: usize) -> Result<Option<Vec<u8>>, Illegal> {
        self.0.extend_from_slice(data);
        if self.0.len() == want {
            return Ok(Some(std::mem::take(&mut self.0)));
        }
        if data.len() != DATA_BYTES || self.0.len() > want {
            return Err(Illegal);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_come_together_and_short_or_long_ones_are_refused() {
        let mut parts = MessageParts::default();
        assert_eq!(parts.take(&[1; 488], 1_282), Ok(None));
        assert_eq!(parts.take(&[1; 488], 1_282), Ok(None));
        assert_eq!(parts.take(&[1; 306], 1_282), Ok(Some(vec![1; 1_282])));
        assert_eq!(parts.take(&[1; 400], 1_282), Err(Illegal));
        let mut parts = MessageParts(vec![1; 976]);
        assert_eq!(parts.take(&[1; 488], 1_282), Err(Illegal));
    }
}
