//! What a ratchet message carries: a section of the vault's own, which stored neither sees nor forges, and stored's
//! opaque content (protocol.md 1, 2, 8).

use crate::agreement_key::AgreementKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::envelope::{FIRST_FRAME_MAX_BYTES, FRAME_MAX_BYTES};
use crate::identity::DEVICE_LIST_BYTES;
use crate::ids::{QueueId, RelayId};
use crate::memory::{Secret32, SecretBytes};

/// relay id 32 ‖ sender queue id 24 ‖ relay's queue key 32 ‖ receiver's replica key 32 ‖ replica secret 32.
pub const OFFER_BYTES: usize = 152;
/// Replicas offered in one message: R = 2 (protocol.md 8).
pub const OFFERS_MAX: usize = 2;
/// version 1 ‖ number of offers 1 ‖ length of the device list 2 ‖ of the repair bundle 2 ‖ of the content 2.
const FIXED_BYTES: usize = 8;

/// Content that always fits a first message beside two offers and the device list, bytes.
pub const FIRST_CONTENT_MAX: usize =
    FIRST_FRAME_MAX_BYTES - FIXED_BYTES - OFFERS_MAX * OFFER_BYTES - DEVICE_LIST_BYTES;
/// Content that always fits a session's message beside two offers, bytes; a round number under what is left.
pub const CONTENT_MAX: usize = 2_320;

const VERSION: u8 = 1;
const _: () = assert!(CONTENT_MAX <= FRAME_MAX_BYTES - FIXED_BYTES - OFFERS_MAX * OFFER_BYTES);

/// A receive queue, as its owner offers it to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) relay: RelayId,
    /// The id under which the peer deposits.
    pub(crate) queue: QueueId,
    /// The key that the relay made for the queue.
    pub(crate) relay_key: AgreementKey,
    /// The receiver's replica key.
    pub(crate) receiver_key: AgreementKey,
    pub(crate) replica_secret: Secret32,
}

/// The plaintext of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) offers: Vec<Offer>,
    /// Encoded; empty if it did not change. Verified by who knows the identity.
    pub(crate) devices: Vec<u8>,
    pub(crate) content: Option<SecretBytes>,
}

impl Offer {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.put(&self.relay.0).put(&self.queue.0).put(self.relay_key.bytes());
        writer.put(self.receiver_key.bytes()).put(self.replica_secret.expose());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            relay: RelayId(reader.array()?),
            queue: QueueId(reader.array()?),
            relay_key: AgreementKey::read(reader)?,
            receiver_key: AgreementKey::read(reader)?,
            replica_secret: reader.secret()?,
        })
    }
}

impl Frame {
    pub(crate) fn encode(&self) -> Result<SecretBytes, Malformed> {
        let mut writer = Writer::with_capacity(FRAME_MAX_BYTES);
        let count = u8::try_from(self.offers.len()).map_err(|_| Malformed)?;
        writer.u8(VERSION).u8(count);
        for offer in &self.offers {
            offer.write(&mut writer);
        }
        writer.short_bytes(&self.devices)?;
        // The repair bundle (protocol.md 3) has its place; until repair is built it is empty.
        writer.u16(0);
        writer.short_bytes(self.content.as_deref().unwrap_or_default())?;
        Ok(writer.finish())
    }

    pub(crate) fn decode(untrusted_frame: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(untrusted_frame);
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        let count = usize::from(reader.u8()?);
        if count > OFFERS_MAX {
            return Err(Malformed);
        }
        let offers = (0..count).map(|_| Offer::read(&mut reader)).collect::<Result<_, _>>()?;
        let devices = reader.short_bytes()?.to_vec();
        reader.short_bytes()?;
        let content = Some(SecretBytes::new(reader.short_bytes()?.to_vec()));
        reader.end()?;
        Ok(Self { offers, devices, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(byte: u8) -> Offer {
        Offer {
            relay: RelayId([byte; 32]),
            queue: QueueId([byte; 24]),
            relay_key: AgreementKey::parse([byte; 32]).unwrap(),
            receiver_key: AgreementKey::parse([byte; 32]).unwrap(),
            replica_secret: Secret32::take(&mut [byte; 32]),
        }
    }

    #[test]
    fn the_largest_frames_fit_exactly_and_come_back() {
        assert_eq!(FIRST_CONTENT_MAX, ipc_schema::limits::FIRST_CONTENT_MAX_BYTES);
        assert_eq!(CONTENT_MAX, ipc_schema::limits::CONTENT_MAX_BYTES);
        // 256 B of text, a 48 B name and about 100 B of struct around them.
        const { assert!(FIRST_CONTENT_MAX >= 256 + 48 + 100) };
        let first = Frame {
            offers: vec![offer(1), offer(2)],
            devices: vec![3; DEVICE_LIST_BYTES],
            content: Some(SecretBytes::new(vec![4; FIRST_CONTENT_MAX])),
        };
        let encoded = first.encode().unwrap();
        assert_eq!(encoded.len(), FIRST_FRAME_MAX_BYTES);
        assert_eq!(Frame::decode(&encoded), Ok(first));
    }

    #[test]
    fn trailing_bytes_and_too_many_offers_are_refused() {
        let frame = Frame { offers: vec![offer(1)], ..Frame::default() };
        let encoded = frame.encode().unwrap();
        assert!(Frame::decode(&[&encoded, [0].as_slice()].concat()).is_err());
        assert!(Frame::decode(&encoded[..encoded.len() - 1]).is_err());
        let many = Frame { offers: vec![offer(1), offer(2), offer(3)], ..Frame::default() };
        assert!(Frame::decode(&many.encode().unwrap()).is_err());
    }
}
