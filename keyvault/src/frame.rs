//! What a ratchet message carries: a section of the vault's own, which stored neither sees nor forges, and stored's
//! opaque content (docs/protocol/envelope.md, "Frame").

use ipc_schema::limits::OFFERS_MAX;

use crate::agreement_key::AgreementKey;
use crate::codec::{Malformed, Reader, Writer};
use crate::envelope::{FIRST_FRAME_MAX_BYTES, FRAME_MAX_BYTES};
use crate::identity::DEVICE_LIST_BYTES;
use crate::ids::{QueueId, RelayId};
use crate::memory::{Secret32, SecretBytes};
use crate::pqxdh::REPAIR_BUNDLE_BYTES;

/// relay id 32 ‖ sender queue id 24 ‖ relay's queue key 32 ‖ receiver's replica key 32 ‖ replica secret 32.
pub const OFFER_BYTES: usize = 152;
/// version 1 ‖ number of offers 1 ‖ length of the device list 2 ‖ of the repair section 2 ‖ of the content 2.
const FIXED_BYTES: usize = 8;
/// Acknowledged bundle's id 4 ‖ flags 1; the repair bundle, or nothing, follows.
const REPAIR_FIXED_BYTES: usize = 5;
const FLAG_UNOPENED: u8 = 1;

/// Content that always fits a first message beside two offers and the device list, bytes.
pub const FIRST_CONTENT_MAX: usize =
    FIRST_FRAME_MAX_BYTES - FIXED_BYTES - OFFERS_MAX * OFFER_BYTES - DEVICE_LIST_BYTES;
/// Content that always fits a session's message beside two offers, bytes; a round number under what is left.
pub const CONTENT_MAX: usize = 2_320;

/// Content of a first message that opens a session anew, bytes: it has something to say about repair besides.
pub const REPAIR_CONTENT_MAX: usize = FIRST_CONTENT_MAX - REPAIR_FIXED_BYTES;

const VERSION: u8 = 1;
const _: () =
    assert!(CONTENT_MAX + REPAIR_FIXED_BYTES <= FRAME_MAX_BYTES - FIXED_BYTES - OFFERS_MAX * OFFER_BYTES);

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

/// What is said about opening the session anew, should it break (docs/protocol/envelope.md, "Frame").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepairSection {
    /// Newest repair bundle of the reader's that the sender keeps; 0: none.
    pub(crate) acknowledged: u32,
    /// A first message of the reader's could not be opened: the sender no longer has the keys that it was for.
    pub(crate) unopened: bool,
    /// The sender's newest repair bundle, until the reader acknowledges it; untrusted, or empty.
    pub(crate) untrusted_bundle: Vec<u8>,
}

/// The plaintext of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) offers: Vec<Offer>,
    /// Encoded; empty if it did not change. Verified by who knows the identity.
    pub(crate) devices: Vec<u8>,
    pub(crate) repair: RepairSection,
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

impl RepairSection {
    fn is_silent(&self) -> bool {
        self.acknowledged == 0 && !self.unopened && self.untrusted_bundle.is_empty()
    }

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        if self.is_silent() {
            writer.u16(0);
            return Ok(());
        }
        let length = REPAIR_FIXED_BYTES + self.untrusted_bundle.len();
        writer.u16(u16::try_from(length).map_err(|_| Malformed)?);
        writer.u32(self.acknowledged).u8(if self.unopened { FLAG_UNOPENED } else { 0 });
        writer.put(&self.untrusted_bundle);
        Ok(())
    }

    fn parse(untrusted_bytes: &[u8]) -> Result<Self, Malformed> {
        if untrusted_bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(untrusted_bytes);
        let (acknowledged, flags) = (reader.u32()?, reader.u8()?);
        let untrusted_bundle = reader.take(reader.rest())?.to_vec();
        let section = Self { acknowledged, unopened: flags == FLAG_UNOPENED, untrusted_bundle };
        // One encoding only: what says nothing is empty.
        let known_flags = flags <= FLAG_UNOPENED;
        let whole_bundle = [0, REPAIR_BUNDLE_BYTES].contains(&section.untrusted_bundle.len());
        (known_flags && whole_bundle && !section.is_silent()).then_some(section).ok_or(Malformed)
    }
}

impl Frame {
    /// Whether a repair bundle fits beside all else.
    pub(crate) fn has_room_for_bundle(&self) -> bool {
        let content = self.content.as_deref().map_or(0, <[u8]>::len);
        let taken = FIXED_BYTES + self.offers.len() * OFFER_BYTES + self.devices.len() + content;
        taken + REPAIR_FIXED_BYTES + REPAIR_BUNDLE_BYTES <= FRAME_MAX_BYTES
    }

    pub(crate) fn encode(&self) -> Result<SecretBytes, Malformed> {
        let mut writer = Writer::with_capacity(FRAME_MAX_BYTES);
        let count = u8::try_from(self.offers.len()).map_err(|_| Malformed)?;
        writer.u8(VERSION).u8(count);
        for offer in &self.offers {
            offer.write(&mut writer);
        }
        writer.short_bytes(&self.devices)?;
        self.repair.write(&mut writer)?;
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
        let repair = RepairSection::parse(reader.short_bytes()?)?;
        let content = Some(SecretBytes::new(reader.short_bytes()?.to_vec()));
        reader.end()?;
        Ok(Self { offers, devices, repair, content })
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
            repair: RepairSection::default(),
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

    #[test]
    fn a_repair_bundle_rides_in_any_message_that_leaves_it_room() {
        let frame = |content: usize, offers: u8| Frame {
            offers: (0..offers).map(offer).collect(),
            devices: Vec::new(),
            repair: RepairSection {
                acknowledged: 7,
                unopened: true,
                untrusted_bundle: vec![5; REPAIR_BUNDLE_BYTES],
            },
            content: Some(SecretBytes::new(vec![4; content])),
        };
        let room = FRAME_MAX_BYTES - FIXED_BYTES - REPAIR_FIXED_BYTES - REPAIR_BUNDLE_BYTES;
        assert!(room > 800, "{room} B");
        for (content, offers) in [(room, 0), (room - 2 * OFFER_BYTES, 2), (0, 0)] {
            let frame = frame(content, offers);
            assert!(frame.has_room_for_bundle());
            let encoded = frame.encode().unwrap();
            assert!(encoded.len() <= FRAME_MAX_BYTES);
            assert_eq!(Frame::decode(&encoded), Ok(frame));
        }
        assert!(!frame(room + 1, 0).has_room_for_bundle());
        assert!(!frame(room - 2 * OFFER_BYTES + 1, 2).has_room_for_bundle());
    }

    #[test]
    fn a_repair_section_has_one_encoding() {
        let refused: [&[u8]; 6] = [
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 0],
            &[0, 0, 0, 1, 2],
            &[0, 0, 0, 1, 0xff],
            &[0, 0, 0, 1, 0, 9],
            &[0; 5 + REPAIR_BUNDLE_BYTES + 1],
        ];
        for section in refused {
            assert_eq!(RepairSection::parse(section), Err(Malformed), "{} B", section.len());
        }
        for section in [&[0, 0, 0, 1, 0], &[0, 0, 0, 0, 1], &[0, 0, 0, 1, 1]] {
            let parsed = RepairSection::parse(section).unwrap();
            let mut writer = Writer::default();
            parsed.write(&mut writer).unwrap();
            assert_eq!(writer.as_slice().split_at(2).1, section);
        }
    }
}
