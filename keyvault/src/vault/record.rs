//! How a record is laid out in the store: version 1 ‖ fields.

use crate::codec::{Malformed, Reader, Writer};
use crate::error::VaultError;
use crate::memory::SecretBytes;
use crate::store::{Changes, Table};

const VERSION: u8 = 1;

/// A kind of record.
pub(super) trait Record: Sized {
    const TABLE: Table;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed>;
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    fn encode(&self) -> Result<SecretBytes, Malformed> {
        let mut writer = Writer::with_capacity(1_024);
        writer.u8(VERSION);
        self.write(&mut writer)?;
        Ok(writer.finish())
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        let record = Self::read(&mut reader)?;
        reader.end()?;
        Ok(record)
    }
}

/// Records that are Changes' business: encoding and putting in one step.
pub(super) trait PutRecord {
    fn put_record<R: Record>(&mut self, id: &[u8], record: &R) -> Result<(), VaultError>;
}

impl PutRecord for Changes {
    fn put_record<R: Record>(&mut self, id: &[u8], record: &R) -> Result<(), VaultError> {
        self.put(R::TABLE, id, record.encode()?);
        Ok(())
    }
}
