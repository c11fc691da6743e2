//! A sending chain: everything but number and nonce is the same in all its headers.

use rand_core::CryptoRng;

use super::RatchetError;
use super::chain_key::{ChainKey, ChainPair, Ec, MessageSecret};
use super::header_slot::HeaderSlot;
use super::message_header::{ChainHead, Header, HeaderKey};
use super::post_quantum::Begun;
use super::ratchet_key::RatchetKey;
use super::side::Ours;
use crate::codec::{Malformed, Reader, Writer};
use crate::fresh::Fresh;

/// CKs, HKs and Ns, the post-quantum chain beside them, and what the headers say.
#[derive(Clone)]
pub(super) struct SendingChain {
    header_key: HeaderKey<Ours>,
    head: ChainHead<Ours>,
    slot: HeaderSlot<Ours>,
    chains: ChainPair<Ours>,
    next: u32,
}

/// What a chain begins with on the elliptic-curve side; [`Begun`] is its post-quantum side.
pub(super) struct EcStart {
    pub(super) header_key: HeaderKey<Ours>,
    pub(super) dh: RatchetKey<Ours>,
    pub(super) chain: ChainKey<Ours, Ec>,
}

impl SendingChain {
    /// The chain after `before`. The post-quantum chain goes on where `begun` does not bring another.
    pub(super) fn begin(
        before: Option<Self>,
        start: EcStart,
        pq_epoch: u32,
        begun: Begun,
    ) -> Result<Self, RatchetError> {
        let EcStart { header_key, dh, chain: ec } = start;
        let previous = before.as_ref().map_or(0, |chain| chain.next);
        let length = match &before {
            Some(chain) => chain.head.pq_base.checked_add(previous).ok_or(RatchetError::CannotSend)?,
            None => 0,
        };
        let (pq, pq_base, pq_previous) = match (begun.chain, before) {
            (Some(pq), _) => (pq, 0, length),
            (None, Some(before)) => (before.chains.pq, length, before.head.pq_previous),
            (None, None) => return Err(RatchetError::CannotSend),
        };
        let head = ChainHead { dh, previous, pq_epoch, pq_base, pq_previous };
        Ok(Self { header_key, head, slot: begun.slot, chains: ChainPair { ec, pq }, next: 0 })
    }

    pub(super) fn slot(&self) -> &HeaderSlot<Ours> {
        &self.slot
    }

    /// The secret of the next message, whose encrypted header is added to `message`.
    pub(super) fn next(
        &mut self,
        transcript: &[u8; 32],
        message: &mut Vec<u8>,
        fresh: &mut Fresh<'_, impl CryptoRng>,
    ) -> Result<MessageSecret, RatchetError> {
        // Before anything is drawn or stepped: what is refused changes nothing.
        let after = self.next.checked_add(1).ok_or(RatchetError::CannotSend)?;
        let header = Header { head: self.head, number: self.next, slot: self.slot.clone() };
        self.header_key.seal(transcript, &header, message, fresh).map_err(|_| RatchetError::CannotSend)?;
        self.next = after;
        Ok(self.chains.step())
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.header_key.write(writer);
        self.head.write(writer);
        self.slot.write(writer);
        self.chains.write(writer);
        writer.u32(self.next);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            header_key: HeaderKey::read(reader)?,
            head: ChainHead::read(reader)?,
            slot: HeaderSlot::read(reader)?,
            chains: ChainPair::read(reader)?,
            next: reader.u32()?,
        })
    }
}
