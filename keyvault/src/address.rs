//! What a contact address publishes: keys that serve anybody, and the queue that first messages go to
//! (docs/protocol/identity.md, "Contact address record: 2,287 B, public").

use ipc_schema::Timestamp;

use crate::codec::{Malformed, Reader, Writer};
use crate::frame::{OFFER_BYTES, Offer};
use crate::identity::{BadSignature, DEVICE_LIST_BYTES, DeviceList, Identity, PersonId};
use crate::pqxdh::{BUNDLE_BYTES, Bundle, KeyUse, PqxdhError};

/// version 1 ‖ issued 8 ‖ bundle 1,955 ‖ device list 107 ‖ queue offer 152 ‖ signature 64.
pub const ADDRESS_RECORD_BYTES: usize = 1 + 8 + BUNDLE_BYTES + DEVICE_LIST_BYTES + OFFER_BYTES + 64;

const VERSION: u8 = 1;
const LABEL: &[u8] = b"privatus/address-record/v1";

/// A published record, its signatures verified. Whether its keys are valid *now* is asked when they are used.
#[derive(Clone, Debug)]
pub(crate) struct AddressRecord {
    pub(crate) bundle: Bundle,
    /// Where first messages go. Its replica secret is public here, unlike in an invite or a session.
    pub(crate) queue: Offer,
}

impl AddressRecord {
    /// The bytes to publish.
    pub(crate) fn sign(identity: &Identity, bundle: &Bundle, queue: &Offer, issued: Timestamp) -> Vec<u8> {
        let mut writer = Writer::with_capacity(ADDRESS_RECORD_BYTES);
        writer.u8(VERSION).u64(issued.0).put(bundle.bytes()).put(identity.devices().bytes());
        queue.write(&mut writer);
        let signature = identity.sign(LABEL, writer.as_slice());
        writer.put(&signature);
        writer.as_slice().to_vec()
    }

    /// Parses exactly `ADDRESS_RECORD_BYTES` untrusted bytes of the address `id`.
    ///
    /// # Errors
    /// Everything of [`PqxdhError`] but `UnknownKey`; `BadSignature` also for somebody else's record.
    pub(crate) fn parse(id: &PersonId, untrusted_bytes: &[u8]) -> Result<Self, PqxdhError> {
        let (signed, signature) = untrusted_bytes.split_last_chunk::<64>().ok_or(Malformed)?;
        let mut reader = Reader::new(signed);
        match reader.u8()? {
            VERSION => {}
            0 => return Err(Malformed.into()),
            _ => return Err(PqxdhError::NoCommonVersion),
        }
        // When it was made: for whoever keeps records, of two the later one counts.
        reader.u64()?;
        let bundle = Bundle::parse(reader.take(BUNDLE_BYTES)?)?.serving(KeyUse::Address)?;
        DeviceList::parse(reader.take(DEVICE_LIST_BYTES)?, bundle.identity())?;
        let queue = Offer::read(&mut reader)?;
        reader.end()?;
        bundle.identity().verify(LABEL, signed, signature)?;
        if bundle.identity().id() != *id {
            return Err(BadSignature.into());
        }
        Ok(Self { bundle, queue })
    }
}
