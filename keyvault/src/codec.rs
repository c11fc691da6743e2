//! Fixed binary layouts: everything big-endian, every read bounds-checked, trailing bytes refused.

use crate::memory::{Secret, SecretBytes};

/// Bytes that do not have the layout they claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes do not have the expected layout")]
pub struct Malformed;

/// Reads a layout from the front of untrusted bytes. It is not shown: the bytes may be an unsealed record.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(untrusted_bytes: &'a [u8]) -> Self {
        Self { rest: untrusted_bytes }
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn secret<const N: usize>(&mut self) -> Result<Secret<N>, Malformed> {
        Secret::copy_of(self.take(N)?).ok_or(Malformed)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A flag byte that is exactly 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    /// Bytes behind a 16-bit length.
    pub(crate) fn short_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    /// `length` bytes that must all be zero: padding and reserve carry nothing.
    pub(crate) fn zeros(&mut self, length: usize) -> Result<(), Malformed> {
        self.take(length)?.iter().all(|byte| *byte == 0).then_some(()).ok_or(Malformed)
    }

    pub(crate) fn rest(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        self.rest.is_empty().then_some(()).ok_or(Malformed)
    }
}

/// Writes a layout; the buffer is wiped when dropped, for it may hold keys.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: SecretBytes,
}

impl Writer {
    /// Room for `capacity` bytes, so that a growing buffer leaves no unwiped copy behind.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: SecretBytes::with_capacity(capacity) }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.put(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn flag(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// Bytes behind a 16-bit length; callers bound them far below 64 KiB.
    pub(crate) fn short_bytes(&mut self, bytes: &[u8]) -> Result<&mut Self, Malformed> {
        let length = u16::try_from(bytes.len()).map_err(|_| Malformed)?;
        Ok(self.u16(length).put(bytes))
    }

    /// Zeroes up to a total of `length` bytes.
    pub(crate) fn pad_to(&mut self, length: usize) -> &mut Self {
        self.bytes.extend_zeroes(length.saturating_sub(self.bytes.len()));
        self
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn finish(self) -> SecretBytes {
        self.bytes
    }

    /// The bytes as an array of exactly `N`; `Malformed` if the writer held another number.
    pub(crate) fn array<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        (*self.bytes).try_into().map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::default();
        writer.u8(7).u16(300).u32(70_000).u64(1 << 40).flag(true).put(&[1, 2, 3]);
        writer.short_bytes(b"abc").unwrap();
        writer.pad_to(40);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8(), Ok(7));
        assert_eq!(reader.u16(), Ok(300));
        assert_eq!(reader.u32(), Ok(70_000));
        assert_eq!(reader.u64(), Ok(1 << 40));
        assert_eq!(reader.flag(), Ok(true));
        assert_eq!(reader.array(), Ok([1, 2, 3]));
        assert_eq!(reader.short_bytes(), Ok(b"abc".as_slice()));
        assert_eq!(reader.zeros(reader.rest()), Ok(()));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn short_trailing_and_padded_bytes_are_refused() {
        assert_eq!(Reader::new(&[0]).u16(), Err(Malformed));
        assert_eq!(Reader::new(&[0, 5, 1]).short_bytes(), Err(Malformed));
        assert_eq!(Reader::new(&[2]).flag(), Err(Malformed));
        assert_eq!(Reader::new(&[0, 1]).zeros(2), Err(Malformed));
        assert_eq!(Reader::new(&[0]).end(), Err(Malformed));
    }
}
