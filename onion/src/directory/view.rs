//! The view: every descriptor that this process knows, what it thinks of each, and which may be used.
//!
//! What a view holds of a relay only ever moves upwards: nothing, a descriptor, one of a higher sequence, and at the top a proof that the
//! relay signed two descriptors of one sequence. Two views that exchange what they have therefore end up alike, in whatever order it came.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::relay::{Descriptor, DescriptorError, FLAG_MAILBOX};
use sha2::{Digest, Sha256};

use super::proof_of_work::Subject;
use super::rules::{self, Block, NetworkRules, Width};
use crate::id::{HopInfo, RelayId};

/// Most relays in a view (docs/protocol/directory.md, "View"): 4,096 descriptors are 2 MB.
pub const RELAYS_MAX: usize = 4_096;
/// Most relays that the public network lets wait on probation beside them.
pub const PROBATION_MAX: usize = 512;
/// How long a relay of the public network stays on probation: nothing uses it before
/// (docs/protocol/directory.md, "View").
pub const PROBATION: Duration = Duration::from_secs(3 * 86_400);
/// Sources that have to list a relay of the public network before it is used.
pub const SOURCES_WANTED: usize = 2;
/// Sources remembered of one relay.
const SOURCES_MAX: usize = 3;
/// Relays of the public network from one /24 (v6: /48).
const PER_SITE_MAX: usize = 2;
/// Relays of the public network from one /16 (v6: /32).
const PER_PROVIDER_MAX: usize = 4;
/// Clocks of relays and clients may differ by this much before an onion key's dates are believed over.
const CLOCK_SLACK: Duration = Duration::from_secs(3_600);

/// 16 B that tell two descriptors of one relay apart: SHA-256 of the packed record, cut.
pub type RecordHash = [u8; 16];

/// Why a descriptor was not taken into the view. But for `Older` the fault is its sender's or its relay's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no descriptor, or its signature does not verify.
    #[error("descriptor: {0}")]
    Descriptor(#[from] DescriptorError),
    /// It belongs to another network.
    #[error("descriptor of another network")]
    OtherNetwork,
    /// It has expired, or was made in the future.
    #[error("descriptor outside its dates")]
    Dates,
    /// The network does not allow one of its addresses.
    #[error("descriptor with an address that this network refuses")]
    Address,
    /// Its proof of work is wrong.
    #[error("descriptor without its proof of work")]
    Work,
    /// A newer one is known, or that relay was seen to equivocate.
    #[error("a newer descriptor is known")]
    Older,
    /// The view is full.
    #[error("the directory is full")]
    Full,
    /// Too many relays share its block of addresses.
    #[error("too many relays in one block of addresses")]
    Crowded,
    /// The two descriptors do not prove an equivocation.
    #[error("no proof of equivocation")]
    NoProof,
}

/// What a descriptor that was accepted changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It was known, byte for byte.
    Known(RelayId),
    /// A relay that was not known.
    New(RelayId),
    /// A newer descriptor of a known relay.
    Newer(RelayId),
    /// Together with the known one it proves that its relay equivocates.
    Equivocation(RelayId),
}

impl Learned {
    /// Whether the view is another now.
    #[must_use]
    pub const fn is_news(self) -> bool {
        !matches!(self, Self::Known(_))
    }

    /// Whose descriptor it was.
    #[must_use]
    pub const fn relay(self) -> RelayId {
        match self {
            Self::Known(relay) | Self::New(relay) | Self::Newer(relay) | Self::Equivocation(relay) => relay,
        }
    }
}

/// What is known of one relay.
#[derive(Clone, Debug)]
pub struct Entry {
    descriptor: Descriptor,
    packed: Box<[u8]>,
    /// The other descriptor of the same sequence: the relay equivocates.
    proof: Option<Box<[u8]>>,
    hash: RecordHash,
    first_seen: Timestamp,
    sources: Vec<RelayId>,
}

impl Entry {
    /// What its relay says of itself.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// As it was signed.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The second descriptor of the same sequence, where the relay was caught.
    #[must_use]
    pub fn proof(&self) -> Option<&[u8]> {
        self.proof.as_deref()
    }

    /// When this process first heard of the relay.
    #[must_use]
    pub fn first_seen(&self) -> Timestamp {
        self.first_seen
    }

    /// Whether it keeps mailboxes.
    #[must_use]
    pub fn keeps_mailboxes(&self) -> bool {
        self.descriptor.flags & FLAG_MAILBOX != 0
    }

    /// The onion key to shake hands with at `now`: the newest that is in its dates.
    #[must_use]
    pub fn onion_key(&self, now: Timestamp) -> Option<[u8; 32]> {
        let in_dates =
            |key: &&ipc_schema::relay::OnionKey| key.from <= now.after(CLOCK_SLACK) && now < key.until;
        self.descriptor.onion_keys.iter().filter(in_dates).max_by_key(|key| key.from).map(|key| key.key)
    }

    fn on_probation(&self, now: Timestamp) -> bool {
        now.since(self.first_seen) < PROBATION
    }
}

fn record_hash(packed: &[u8], proof: Option<&[u8]>) -> RecordHash {
    let mut hash = Sha256::new();
    hash.update(packed);
    if let Some(other) = proof {
        hash.update(other);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut out = RecordHash::default();
    for (to, from) in out.iter_mut().zip(digest) {
        *to = from;
    }
    out
}

/// The directory as this process sees it.
#[derive(Clone, Debug)]
pub struct View {
    rules: NetworkRules,
    entries: BTreeMap<RelayId, Entry>,
}

impl View {
    /// An empty view of one network.
    #[must_use]
    pub const fn new(rules: NetworkRules) -> Self {
        Self { rules, entries: BTreeMap::new() }
    }

    /// Whose view it is.
    #[must_use]
    pub const fn rules(&self) -> NetworkRules {
        self.rules
    }

    /// How many relays it knows, usable or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What it knows of a relay.
    #[must_use]
    pub fn entry(&self, relay: RelayId) -> Option<&Entry> {
        self.entries.get(&relay)
    }

    /// A relay's signed descriptor, for netd, which checks it again.
    #[must_use]
    pub fn packed(&self, relay: RelayId) -> Option<&[u8]> {
        self.entries.get(&relay).map(Entry::packed)
    }

    /// What shaking hands with a relay takes. `None`: unknown, caught equivocating, or no onion key in its dates.
    #[must_use]
    pub fn hop(&self, now: Timestamp, relay: RelayId) -> Option<HopInfo> {
        let entry = self.entries.get(&relay).filter(|entry| entry.proof.is_none())?;
        Some(HopInfo { relay, onion_key: entry.onion_key(now)? })
    }

    /// The relay whose links have that key. A link key that two relays claim names neither.
    #[must_use]
    pub fn by_link_key(&self, link_key: &[u8; 32]) -> Option<RelayId> {
        let mut found = self.entries.iter().filter(|(_, entry)| entry.descriptor.link_key == *link_key);
        match (found.next(), found.next()) {
            (Some((relay, _)), None) => Some(*relay),
            _ => None,
        }
    }

    /// Whether a path may use that relay at `now`.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp, relay: RelayId) -> bool {
        self.entries.get(&relay).is_some_and(|entry| self.entry_is_usable(now, entry))
    }

    fn entry_is_usable(&self, now: Timestamp, entry: &Entry) -> bool {
        let trusted =
            self.rules.is_private() || (!entry.on_probation(now) && entry.sources.len() >= SOURCES_WANTED);
        trusted && entry.proof.is_none() && entry.descriptor.valid_at(now) && entry.onion_key(now).is_some()
    }

    /// All relays that a path may use at `now`, by id.
    pub fn usable(&self, now: Timestamp) -> impl Iterator<Item = (RelayId, &Entry)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| self.entry_is_usable(now, entry))
            .map(|(relay, entry)| (*relay, entry))
    }

    /// All entries by id.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (RelayId, &Entry)> {
        self.entries.iter().map(|(relay, entry)| (*relay, entry))
    }

    /// Ids and hashes from `first` to `last`, both included.
    pub fn range(&self, first: RelayId, last: RelayId) -> impl Iterator<Item = (RelayId, RecordHash)> {
        // An upside-down range would panic; it holds nothing.
        let (from, to) = if first <= last { (first, Some(last)) } else { (first, None) };
        self.entries
            .range(from..)
            .take_while(move |(relay, _)| to.is_some_and(|to| **relay <= to))
            .map(|(relay, entry)| (*relay, entry.hash))
    }

    /// Notes that `source` lists `relay`.
    pub fn listed(&mut self, relay: RelayId, source: RelayId) {
        if let Some(entry) = self.entries.get_mut(&relay)
            && entry.sources.len() < SOURCES_MAX
            && relay != source
            && !entry.sources.contains(&source)
        {
            entry.sources.push(source);
        }
    }

    /// Takes one packed descriptor.
    ///
    /// # Errors
    /// [`Refusal`]; the view is unchanged.
    pub fn accept(&mut self, now: Timestamp, untrusted: &[u8]) -> Result<Learned, Refusal> {
        // Most of what comes is known already: compare bytes before checking a signature.
        if let Some(relay) = named_relay(untrusted)
            && self.entries.get(&relay).is_some_and(|entry| *entry.packed == *untrusted)
        {
            return Ok(Learned::Known(relay));
        }
        let descriptor = self.check(now, untrusted)?;
        let relay = descriptor.relay;
        match self.entries.get(&relay) {
            None => self.insert_new(now, relay, descriptor, untrusted),
            Some(known) if known.proof.is_some() => Err(Refusal::Older),
            Some(known) if known.descriptor.sequence > descriptor.sequence => Err(Refusal::Older),
            Some(known) if known.descriptor.sequence == descriptor.sequence => {
                let other = known.packed.clone();
                self.caught(now, relay, untrusted, &other)?;
                Ok(Learned::Equivocation(relay))
            }
            Some(_) => {
                self.check_work(&descriptor)?;
                self.replace(relay, descriptor, untrusted);
                Ok(Learned::Newer(relay))
            }
        }
    }

    /// Takes a proof of equivocation: two packed descriptors of one relay and sequence.
    ///
    /// # Errors
    /// [`Refusal`]; the view is unchanged.
    pub fn accept_proof(&mut self, now: Timestamp, untrusted: [&[u8]; 2]) -> Result<Learned, Refusal> {
        let [left, right] = untrusted;
        let (first, second) = (self.check(now, left)?, self.check(now, right)?);
        let relay = first.relay;
        if left == right || first.relay != second.relay || first.sequence != second.sequence {
            return Err(Refusal::NoProof);
        }
        let offered = ordered(left, right);
        if let Some(known) = self.entries.get(&relay)
            && let Some(proof) = known.proof()
        {
            // Of two proofs all views keep the same one, or they would differ for ever.
            let kept = (known.descriptor.sequence, known.packed(), proof);
            if (first.sequence, offered.0, offered.1) <= kept {
                return Ok(Learned::Known(relay));
            }
        }
        if !self.entries.contains_key(&relay) {
            self.check_room(now, &first)?;
            self.check_work(&first)?;
        }
        self.caught(now, relay, left, right)?;
        Ok(Learned::Equivocation(relay))
    }

    /// Drops what has expired; answers whether anything was.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.entries.len();
        // A descriptor from the future is kept: the clock was set back, and will be set right.
        self.entries
            .retain(|_, entry| now < entry.descriptor.published.after(ipc_schema::relay::DESCRIPTOR_VALID));
        self.entries.len() != before
    }

    /// Puts a descriptor of the state file back, with the time its relay was first seen.
    pub fn restore(&mut self, now: Timestamp, first_seen: Timestamp, packed: &[u8]) {
        if let Ok(learned) = self.accept(now, packed)
            && let Some(entry) = self.entries.get_mut(&learned.relay())
        {
            entry.first_seen = first_seen.min(now);
        }
    }

    fn check(&self, now: Timestamp, untrusted: &[u8]) -> Result<Descriptor, Refusal> {
        let descriptor = Descriptor::parse(untrusted)?;
        if descriptor.network_id != self.rules.network_id() {
            return Err(Refusal::OtherNetwork);
        }
        if !descriptor.valid_at(now) {
            return Err(Refusal::Dates);
        }
        if !descriptor.addresses.iter().all(|address| self.rules.allows(address)) {
            return Err(Refusal::Address);
        }
        Ok(descriptor)
    }

    fn check_work(&self, descriptor: &Descriptor) -> Result<(), Refusal> {
        let bits = self.rules.work_bits();
        if bits == 0 || Subject::of(descriptor).proves(descriptor.work, bits) {
            return Ok(());
        }
        Err(Refusal::Work)
    }

    fn check_room(&self, now: Timestamp, descriptor: &Descriptor) -> Result<(), Refusal> {
        if self.rules.is_private() {
            return if self.entries.len() < RELAYS_MAX { Ok(()) } else { Err(Refusal::Full) };
        }
        let waiting = self.entries.values().filter(|entry| entry.on_probation(now)).count();
        if waiting >= PROBATION_MAX || self.entries.len() >= RELAYS_MAX + PROBATION_MAX {
            return Err(Refusal::Full);
        }
        let crowded = |width, most: usize| {
            rules::blocks(descriptor, width).into_iter().any(|block| self.in_block(block, width) >= most)
        };
        if crowded(Width::Site, PER_SITE_MAX) || crowded(Width::Provider, PER_PROVIDER_MAX) {
            return Err(Refusal::Crowded);
        }
        Ok(())
    }

    fn in_block(&self, block: Block, width: Width) -> usize {
        self.entries.values().filter(|entry| rules::blocks(&entry.descriptor, width).contains(&block)).count()
    }

    fn insert_new(
        &mut self,
        now: Timestamp,
        relay: RelayId,
        descriptor: Descriptor,
        packed: &[u8],
    ) -> Result<Learned, Refusal> {
        self.check_room(now, &descriptor)?;
        // Last, for it is what costs most.
        self.check_work(&descriptor)?;
        let entry = Entry {
            descriptor,
            packed: packed.into(),
            proof: None,
            hash: record_hash(packed, None),
            first_seen: now,
            sources: Vec::new(),
        };
        self.entries.insert(relay, entry);
        Ok(Learned::New(relay))
    }

    fn replace(&mut self, relay: RelayId, descriptor: Descriptor, packed: &[u8]) {
        if let Some(entry) = self.entries.get_mut(&relay) {
            entry.descriptor = descriptor;
            entry.hash = record_hash(packed, None);
            entry.packed = packed.into();
        }
    }

    /// Keeps both descriptors, in an order that all views share.
    fn caught(&mut self, now: Timestamp, relay: RelayId, left: &[u8], right: &[u8]) -> Result<(), Refusal> {
        let (first, second) = ordered(left, right);
        let entry = Entry {
            descriptor: Descriptor::parse(first)?,
            packed: first.into(),
            proof: Some(second.into()),
            hash: record_hash(first, Some(second)),
            first_seen: self.entries.get(&relay).map_or(now, |entry| entry.first_seen),
            sources: Vec::new(),
        };
        self.entries.insert(relay, entry);
        Ok(())
    }
}

fn ordered<'a>(left: &'a [u8], right: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    if left <= right { (left, right) } else { (right, left) }
}

/// The relay that packed bytes name, unverified: it stands after version and network id.
fn named_relay(untrusted: &[u8]) -> Option<RelayId> {
    untrusted.get(33..65)?.try_into().ok().map(RelayId)
}
