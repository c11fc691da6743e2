//! Receiving chains and the secrets of messages that have not come yet.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;

use super::RatchetError;
use super::chain_key::{ChainKey, ChainPair, MessageSecret, Pq};
use super::message_header::{ChainHead, Header, HeaderKey};
use super::side::Theirs;
use crate::codec::{Malformed, Reader, Writer};

/// Messages that one message may skip, and that one session keeps. A mailbox holds 512 envelopes a queue, so 2,000
/// leaves room for four lost quotas and bounds what a hostile peer can make us derive
/// (docs/protocol/ratchet.md, "Receiving, on a copy of the state").
pub const SKIPPED_MAX: u32 = 2_000;
/// Ended receiving chains whose header keys are still tried (docs/protocol/ratchet.md, "Receiving, on a copy of the state").
pub const OLD_CHAINS_MAX: usize = 5;
/// How long a skipped key waits: longer than a mailbox keeps an envelope (21 days).
pub const SKIPPED_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether what has waited since `at` has waited too long. What lies ahead of the clock has not: that may be what is wrong.
pub(super) fn is_over(at: Timestamp, now: Timestamp) -> bool {
    at.age(now).is_some_and(|age| age > SKIPPED_KEPT)
}

/// One of the peer's chains as we follow it.
#[derive(Clone, Debug)]
pub(super) struct ReceivingChain {
    pub(super) header_key: HeaderKey<Theirs>,
    pub(super) head: ChainHead<Theirs>,
    /// Whether its headers carry a slot that is not empty.
    has_slot: bool,
    /// `None` once the peer has ended the chain.
    chains: Option<ChainPair<Theirs>>,
    /// Number of the next message.
    next: u32,
    skipped: BTreeMap<u32, (MessageSecret, Timestamp)>,
}

impl ReceivingChain {
    /// The chain that `first`, the first message of it that came, belongs to.
    pub(super) fn new(
        header_key: HeaderKey<Theirs>,
        first: &Header<Theirs>,
        chains: ChainPair<Theirs>,
    ) -> Self {
        Self {
            header_key,
            head: first.head,
            has_slot: !first.slot.is_empty(),
            chains: Some(chains),
            next: 0,
            skipped: BTreeMap::new(),
        }
    }

    /// Checks that an authentic header under this chain's header key is of this chain.
    pub(super) fn check(&self, header: &Header<Theirs>) -> Result<(), RatchetError> {
        if header.head.dh != self.head.dh {
            // Only a peer that went back to an earlier state makes a second key for one chain.
            return Err(RatchetError::RolledBack);
        }
        let same = header.head == self.head && header.slot.is_empty() != self.has_slot;
        same.then_some(()).ok_or(RatchetError::BadHeader)
    }

    /// Messages between the next expected one and `number`.
    pub(super) fn gap(&self, number: u32) -> u32 {
        number.saturating_sub(self.next)
    }

    pub(super) fn kept(&self) -> usize {
        self.skipped.len()
    }

    /// Keeps the secrets of all messages before `number`. The caller has checked the limit.
    fn skip_to(&mut self, number: u32, now: Timestamp) -> Result<&mut ChainPair<Theirs>, RatchetError> {
        let chains = self.chains.as_mut().ok_or(RatchetError::RolledBack)?;
        while self.next < number {
            self.skipped.insert(self.next, (chains.step(), now));
            self.next += 1;
        }
        Ok(chains)
    }

    /// The secret of message `number`, once; the chain moves past it.
    pub(super) fn take(&mut self, number: u32, now: Timestamp) -> Result<MessageSecret, RatchetError> {
        if number < self.next {
            let used = RatchetError::Used { chain: *self.head.dh.bytes(), number };
            // One that nobody has dropped yet, because nothing was said since, is as gone as any other.
            let kept = self.skipped.remove(&number).filter(|(_, at)| !is_over(*at, now));
            return kept.map(|(secret, _)| secret).ok_or(used);
        }
        // Beyond the end of an ended chain is a rollback, however far: `skip_to` tells it.
        if self.gap(number) > SKIPPED_MAX && self.chains.is_some() {
            return Err(RatchetError::TooManySkipped);
        }
        let after = number.checked_add(1).ok_or(RatchetError::BadHeader)?;
        let secret = self.skip_to(number, now)?.step();
        self.next = after;
        Ok(secret)
    }

    /// The peer ended this chain after `length` messages. Gives back the post-quantum chain, which may go on.
    pub(super) fn end(&mut self, length: u32, now: Timestamp) -> Result<ChainKey<Theirs, Pq>, RatchetError> {
        if length < self.next {
            // It sent more than it remembers.
            return Err(RatchetError::RolledBack);
        }
        self.skip_to(length, now)?;
        self.chains.take().map(|chains| chains.pq).ok_or(RatchetError::RolledBack)
    }

    /// Drops what has waited since a moment that is over.
    pub(super) fn expire(&mut self, mut is_over: impl FnMut(Timestamp) -> bool) {
        self.skipped.retain(|_, (_, at)| !is_over(*at));
    }

    /// Drops the `count` lowest-numbered kept keys; returns how many there were to drop.
    pub(super) fn drop_oldest(&mut self, count: usize) -> usize {
        (0..count).map_while(|_| self.skipped.pop_first()).count()
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.header_key.write(writer);
        self.head.write(writer);
        writer.flag(self.has_slot).flag(self.chains.is_some());
        if let Some(chains) = &self.chains {
            chains.write(writer);
        }
        writer.u32(self.next).u32(u32::try_from(self.skipped.len()).unwrap_or(u32::MAX));
        for (number, (secret, at)) in &self.skipped {
            writer.u32(*number);
            secret.write(writer);
            writer.u64(at.0);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (header_key, head) = (HeaderKey::read(reader)?, ChainHead::read(reader)?);
        let (has_slot, is_running) = (reader.flag()?, reader.flag()?);
        let chains = if is_running { Some(ChainPair::read(reader)?) } else { None };
        let next = reader.u32()?;
        let count = reader.u32()?;
        let mut skipped = BTreeMap::new();
        for _ in 0..count {
            let number = reader.u32()?;
            let secret = MessageSecret::read(reader)?;
            skipped.insert(number, (secret, Timestamp(reader.u64()?)));
        }
        Ok(Self { header_key, head, has_slot, chains, next, skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::super::header_slot::HeaderSlot;
    use super::super::ratchet_key::RatchetKey;
    use super::super::side::SideSecret;
    use super::*;
    use crate::memory::Secret32;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn dh(byte: u8) -> RatchetKey<Theirs> {
        RatchetKey::read(&mut Reader::new(&[byte; 32])).unwrap()
    }

    fn secret(byte: u8) -> SideSecret<Theirs> {
        SideSecret::new(Secret32::take(&mut [byte; 32]))
    }

    fn first() -> Header<Theirs> {
        let head = ChainHead { dh: dh(9), previous: 4, pq_epoch: 3, pq_base: 2, pq_previous: 1 };
        Header { head, number: 0, slot: HeaderSlot::key(&[1; 1_184], &[2; 32]) }
    }

    fn chain() -> ReceivingChain {
        let (ec, pq) = (ChainKey::new(secret(1)), ChainKey::new(secret(2)));
        ReceivingChain::new(HeaderKey::new(secret(3)), &first(), ChainPair { ec, pq })
    }

    #[test]
    fn all_headers_of_a_chain_say_the_same_but_for_their_number() {
        let chain = chain();
        assert_eq!(chain.check(&Header { number: 7, ..first() }), Ok(()));
        let head = first().head;
        for head in [
            ChainHead { previous: 5, ..head },
            ChainHead { pq_epoch: 4, ..head },
            ChainHead { pq_base: 3, ..head },
            ChainHead { pq_previous: 2, ..head },
        ] {
            assert_eq!(chain.check(&Header { head, ..first() }), Err(RatchetError::BadHeader));
        }
        let without = Header { slot: HeaderSlot::empty(), ..first() };
        assert_eq!(chain.check(&without), Err(RatchetError::BadHeader));
        let other = Header { head: ChainHead { dh: dh(8), ..head }, ..first() };
        assert_eq!(chain.check(&other), Err(RatchetError::RolledBack));
    }

    #[test]
    fn a_skipped_key_waits_thirty_days() {
        let mut chain = chain();
        let _ = chain.take(2, NOW).unwrap();
        assert_eq!((chain.kept(), chain.gap(5)), (2, 2));
        let after = |seconds| {
            let now = NOW.after(Duration::from_secs(seconds));
            move |at: Timestamp| now.since(at) > SKIPPED_KEPT
        };
        chain.expire(after(2_592_000));
        assert_eq!(chain.kept(), 2);
        assert!(chain.take(1, NOW).is_ok() && chain.kept() == 1);
        chain.expire(after(2_592_001));
        assert_eq!(chain.kept(), 0);
        assert!(matches!(chain.take(0, NOW), Err(RatchetError::Used { number: 0, .. })));
    }

    #[test]
    fn a_skipped_key_that_waited_too_long_is_refused_though_it_was_not_dropped() {
        let mut chain = chain();
        let _ = chain.take(2, NOW).unwrap();
        let last = NOW.after(SKIPPED_KEPT);
        assert!(chain.take(0, last).is_ok());
        let late = last.after(Duration::from_millis(1));
        assert!(matches!(chain.take(1, late), Err(RatchetError::Used { number: 1, .. })));
    }

    #[test]
    fn as_many_messages_as_the_limit_says_may_be_skipped_and_no_more() {
        let mut fits = chain();
        assert!(fits.take(2_000, NOW).is_ok());
        assert_eq!(fits.kept(), 2_000);
        let mut far = chain();
        assert_eq!(far.take(2_001, NOW), Err(RatchetError::TooManySkipped));
        assert_eq!(far.kept(), 0);
    }

    #[test]
    fn an_ended_chain_opens_what_it_skipped_and_nothing_after_its_end() {
        let mut chain = chain();
        let _ = chain.take(1, NOW).unwrap();
        assert_eq!(chain.end(1, NOW), Err(RatchetError::RolledBack), "two came");
        assert!(chain.end(4, NOW).is_ok());
        assert_eq!(chain.kept(), 3);
        assert!(chain.take(3, NOW).is_ok());
        assert_eq!(chain.take(4, NOW), Err(RatchetError::RolledBack));
        assert_eq!(chain.end(4, NOW), Err(RatchetError::RolledBack), "only once");
    }

    #[test]
    fn the_lowest_numbered_go_first() {
        let mut chain = chain();
        let _ = chain.take(3, NOW).unwrap();
        assert_eq!(chain.drop_oldest(2), 2);
        assert!(chain.take(1, NOW).is_err() && chain.take(2, NOW).is_ok());
        assert_eq!(chain.drop_oldest(2), 0);
    }
}
