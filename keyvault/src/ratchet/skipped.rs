//! Receiving chains and the keys of messages that have not come yet.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;

use super::RatchetError;
use super::chain_key::ChainKey;
use super::header::HeaderKey;
use super::message_key::EcKey;
use crate::agreement_key::AgreementKey;
use crate::codec::{Malformed, Reader, Writer};

/// Message keys that one message may skip, and that one session keeps. A mailbox holds 512 envelopes a queue, so 2,000
/// leaves room for four lost quotas and bounds what a hostile peer can make us derive (protocol.md 3).
pub const SKIPPED_MAX: u32 = 2_000;
/// Ended receiving chains whose header keys are still tried (protocol.md 3).
pub const OLD_CHAINS_MAX: usize = 5;
/// How long a skipped key waits: longer than a mailbox keeps an envelope (21 days).
pub const SKIPPED_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// One of the peer's chains as we follow it.
#[derive(Clone, Debug)]
pub(super) struct ReceivingChain {
    pub(super) header_key: HeaderKey,
    pub(super) dh: AgreementKey,
    /// `None` once the peer has ended the chain.
    chain: Option<ChainKey>,
    /// Number of the next message.
    next: u32,
    skipped: BTreeMap<u32, (EcKey, Timestamp)>,
}

impl ReceivingChain {
    pub(super) fn new(header_key: HeaderKey, dh: AgreementKey, chain: ChainKey) -> Self {
        Self { header_key, dh, chain: Some(chain), next: 0, skipped: BTreeMap::new() }
    }

    /// Messages between the next expected one and `number`.
    pub(super) fn gap(&self, number: u32) -> u32 {
        number.saturating_sub(self.next)
    }

    pub(super) fn kept(&self) -> usize {
        self.skipped.len()
    }

    /// Keeps the keys of all messages before `number`. The caller has checked the limit.
    pub(super) fn skip_to(&mut self, number: u32, now: Timestamp) {
        let Some(chain) = self.chain.as_mut() else { return };
        while self.next < number {
            self.skipped.insert(self.next, (chain.step(), now));
            self.next += 1;
        }
    }

    /// The key of message `number`, once; the chain moves past it.
    pub(super) fn take(&mut self, number: u32, now: Timestamp) -> Result<EcKey, RatchetError> {
        if number < self.next {
            let used = RatchetError::Used { chain: *self.dh.bytes(), number };
            return self.skipped.remove(&number).map(|(key, _)| key).ok_or(used);
        }
        self.skip_to(number, now);
        let chain = self.chain.as_mut().ok_or(RatchetError::BeyondEnd)?;
        self.next = number.checked_add(1).ok_or(RatchetError::TooManySkipped)?;
        Ok(chain.step())
    }

    /// The peer ended this chain after `length` messages.
    pub(super) fn end(&mut self, length: u32, now: Timestamp) {
        self.skip_to(length, now);
        self.chain = None;
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.skipped.first_key_value().is_some_and(|(_, (_, at))| now.since(*at) > SKIPPED_KEPT)
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.skipped.retain(|_, (_, at)| now.since(*at) <= SKIPPED_KEPT);
    }

    /// Drops the `count` lowest-numbered kept keys; returns how many there were to drop.
    pub(super) fn drop_oldest(&mut self, count: usize) -> usize {
        (0..count).map_while(|_| self.skipped.pop_first()).count()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.header_key.write(writer);
        writer.put(self.dh.bytes()).flag(self.chain.is_some());
        if let Some(chain) = &self.chain {
            chain.write(writer);
        }
        writer.u32(self.next).u32(u32::try_from(self.skipped.len()).unwrap_or(u32::MAX));
        for (number, (key, at)) in &self.skipped {
            writer.u32(*number).put(key.expose()).u64(at.0);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let header_key = HeaderKey::read(reader)?;
        let dh = AgreementKey::read(reader)?;
        let chain = if reader.flag()? { Some(ChainKey::read(reader)?) } else { None };
        let next = reader.u32()?;
        let count = reader.u32()?;
        let mut skipped = BTreeMap::new();
        for _ in 0..count {
            let number = reader.u32()?;
            let key = EcKey::new(reader.secret()?);
            skipped.insert(number, (key, Timestamp(reader.u64()?)));
        }
        Ok(Self { header_key, dh, chain, next, skipped })
    }
}
