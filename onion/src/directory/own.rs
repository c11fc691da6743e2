//! What a relay says of itself: its identity, its onion keys and their rotation, its signed descriptor.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use ipc_schema::Timestamp;
use ipc_schema::relay::{Address, Descriptor, FLAG_MAILBOX, OnionKey};
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};

use super::proof_of_work::{Search, Subject};
use super::rules::NetworkRules;
use crate::id::RelayId;

/// How long an onion key is announced (docs/protocol/directory.md, "Descriptor: at most 512 B").
pub const ONION_KEY_LIFE: Duration = Duration::from_secs(7 * 86_400);
/// How long it is still accepted after the next one took its place.
pub const ONION_KEY_OVERLAP: Duration = Duration::from_secs(86_400);
/// How often the descriptor is made anew although nothing changed
/// (docs/protocol/directory.md, "Descriptor: at most 512 B"); it is valid three times as long.
pub const REFRESH: Duration = Duration::from_secs(86_400);
/// Neighbours' clocks may be late by this much.
const CLOCK_SLACK: Duration = Duration::from_secs(3_600);
/// Tries of a proof of work in one [`OwnRelay::tick`]: some 10 ms, so that cells go on meanwhile.
const TRIES_PER_TICK: u32 = 4;

/// An onion key with its secret half.
#[derive(Clone)]
pub struct OnionSecret {
    secret: StaticSecret,
    public: [u8; 32],
    from: Timestamp,
    until: Timestamp,
}

impl std::fmt::Debug for OnionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnionSecret")
            .field("from", &self.from)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl OnionSecret {
    /// A key out of the state file.
    #[must_use]
    pub fn new(secret: StaticSecret, from: Timestamp, until: Timestamp) -> Self {
        let public = PublicKey::from(&secret).to_bytes();
        Self { secret, public, from, until }
    }

    fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let until = now.after(ONION_KEY_LIFE).after(ONION_KEY_OVERLAP);
        Self::new(StaticSecret::random_from_rng(rng), now, until)
    }

    /// The secret half.
    #[must_use]
    pub fn secret(&self) -> &StaticSecret {
        &self.secret
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Valid from.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Valid until.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.until
    }

    fn announced(&self) -> OnionKey {
        OnionKey { key: self.public, from: self.from, until: self.until }
    }
}

/// What a relay keeps of itself over restarts.
#[derive(Clone)]
pub struct RelayKeys {
    /// Signs descriptors; its public half is the relay's id.
    pub identity: SigningKey,
    /// What every queue's key is derived from.
    pub mailbox_secret: [u8; 32],
    /// Newest first; one or two.
    pub onion: Vec<OnionSecret>,
    /// Sequence of the last descriptor that may have left this process.
    pub sequence: u64,
}

impl std::fmt::Debug for RelayKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayKeys")
            .field("onion", &self.onion)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

impl Drop for RelayKeys {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.mailbox_secret);
    }
}

impl RelayKeys {
    /// A new relay.
    #[must_use]
    pub fn generate(now: Timestamp, rng: &mut impl CryptoRng) -> Self {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        let mut mailbox_secret = [0; 32];
        rng.fill_bytes(&mut mailbox_secret);
        Self {
            identity: SigningKey::from_bytes(&seed),
            mailbox_secret,
            onion: vec![OnionSecret::generate(now, rng)],
            sequence: 0,
        }
    }

    /// The relay's id.
    #[must_use]
    pub fn relay(&self) -> RelayId {
        RelayId(self.identity.verifying_key().to_bytes())
    }
}

/// How a relay of this process wants to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// netd's link key.
    pub link_key: [u8; 32],
    /// Where it listens; at most four are announced.
    pub addresses: Vec<Address>,
    /// Who runs it.
    pub operator_tag: [u8; 16],
    /// Whether it keeps mailboxes.
    pub mailboxes: bool,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Nothing.
    Unchanged,
    /// The proof of work is being sought: tick again soon.
    Working,
    /// A new descriptor stands ready. Write the state before announcing it: its sequence must never be used again.
    NewDescriptor,
}

/// This process's own relay.
#[derive(Debug)]
pub struct OwnRelay {
    rules: NetworkRules,
    keys: RelayKeys,
    appearance: Option<Appearance>,
    announced: Option<(Descriptor, Vec<u8>)>,
    search: Option<Search>,
    dirty: bool,
}

impl OwnRelay {
    /// A relay with the keys of the state file, not yet announced.
    #[must_use]
    pub const fn new(rules: NetworkRules, keys: RelayKeys) -> Self {
        Self { rules, keys, appearance: None, announced: None, search: None, dirty: true }
    }

    /// Its id.
    #[must_use]
    pub fn relay(&self) -> RelayId {
        self.keys.relay()
    }

    /// What has to be kept over restarts.
    #[must_use]
    pub const fn keys(&self) -> &RelayKeys {
        &self.keys
    }

    /// The secret half of an onion key that a handshake names, while it is accepted.
    #[must_use]
    pub fn onion_secret(&self, now: Timestamp, public: &[u8; 32]) -> Option<&StaticSecret> {
        let key = self.keys.onion.iter().find(|key| key.public == *public)?;
        (now < key.until.after(CLOCK_SLACK)).then_some(&key.secret)
    }

    /// The packed descriptor, once there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<&[u8]> {
        self.announced.as_ref().map(|(_, packed)| packed.as_slice())
    }

    /// How it is to be seen from now on.
    pub fn appear(&mut self, appearance: Appearance) {
        if self.appearance.as_ref() != Some(&appearance) {
            self.appearance = Some(appearance);
            self.dirty = true;
            self.search = None;
        }
    }

    /// Rotates keys and makes the descriptor anew where that is due.
    pub fn tick(&mut self, now: Timestamp, rng: &mut impl CryptoRng) -> Tick {
        self.rotate(now, rng);
        let Some(appearance) = &self.appearance else { return Tick::Unchanged };
        if appearance.addresses.is_empty() || !(self.dirty || self.refresh_due(now)) {
            return Tick::Unchanged;
        }
        let addresses = self.announced_addresses();
        if addresses.is_empty() {
            return Tick::Unchanged;
        }
        let Some(work) = self.work(now, &addresses, rng) else { return Tick::Working };
        self.announce(now, addresses, work);
        Tick::NewDescriptor
    }

    fn announced_addresses(&self) -> Vec<Address> {
        let all = self.appearance.iter().flat_map(|appearance| &appearance.addresses);
        all.filter(|address| self.rules.allows(address))
            .take(ipc_schema::relay::ADDRESSES_MAX)
            .copied()
            .collect()
    }

    fn refresh_due(&self, now: Timestamp) -> bool {
        self.announced.as_ref().is_none_or(|(descriptor, _)| {
            now.since(descriptor.published) >= REFRESH || now < descriptor.published
        })
    }

    fn rotate(&mut self, now: Timestamp, rng: &mut impl CryptoRng) {
        // One that a clock made that was ahead is in its dates for nobody, for as long as that clock was ahead.
        let is_ahead = |key: &OnionSecret| key.from > now.after(CLOCK_SLACK);
        let is_old = |key: &OnionSecret| now.since(key.from) >= ONION_KEY_LIFE;
        let due = self.keys.onion.first().is_none_or(|key| is_old(key) || is_ahead(key));
        if due {
            self.keys.onion.insert(0, OnionSecret::generate(now, rng));
            self.dirty = true;
        }
        self.keys.onion.truncate(2);
        let before = self.keys.onion.len();
        let mut place = 0_usize;
        self.keys.onion.retain(|key| {
            place += 1;
            place == 1 || now < key.until.after(CLOCK_SLACK)
        });
        self.dirty |= before != self.keys.onion.len();
    }

    fn work(&mut self, now: Timestamp, addresses: &[Address], rng: &mut impl CryptoRng) -> Option<u64> {
        if self.rules.work_bits() == 0 {
            return Some(0);
        }
        let subject = Subject::new(self.relay(), addresses, now);
        if let Some((old, _)) = &self.announced
            && Subject::of(old) == subject
        {
            return Some(old.work);
        }
        if self.search.as_ref().is_none_or(|search| *search.subject() != subject) {
            self.search = Some(Search::new(subject, rng.next_u64()));
        }
        self.search.as_mut()?.step(TRIES_PER_TICK, self.rules.work_bits())
    }

    fn announce(&mut self, now: Timestamp, addresses: Vec<Address>, work: u64) {
        let Some(appearance) = &self.appearance else { return };
        let mut announced = self.keys.onion.iter().map(OnionSecret::announced);
        let Some(newest) = announced.next() else { return };
        // With no older key the newest stands twice: the layout has two places.
        let older = announced.next().unwrap_or(newest);
        // Above every earlier one, also after the clock was set back; and the date shows when it was lost with the file.
        self.keys.sequence = self.keys.sequence.saturating_add(1).max(now.0);
        let descriptor = Descriptor {
            network_id: self.rules.network_id(),
            relay: self.keys.relay(),
            link_key: appearance.link_key,
            onion_keys: [newest, older],
            operator_tag: appearance.operator_tag,
            flags: if appearance.mailboxes { FLAG_MAILBOX } else { 0 },
            sequence: self.keys.sequence,
            published: now,
            work,
            addresses,
        };
        let packed = descriptor.sign(&self.keys.identity);
        self.announced = Some((descriptor, packed));
        self.search = None;
        self.dirty = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::view::{Learned, View};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn own(rng: &mut ChaCha20Rng) -> OwnRelay {
        let rules = NetworkRules::new([7; 32]);
        let mut own = OwnRelay::new(rules, RelayKeys::generate(START, rng));
        own.appear(Appearance {
            link_key: [3; 32],
            addresses: vec![super::super::rules::parse_multiaddr("/ip4/127.0.0.1/udp/4001/quic-v1").unwrap()],
            operator_tag: [0; 16],
            mailboxes: true,
        });
        own
    }

    fn days(count: u64) -> Timestamp {
        Timestamp(START.0 + count * 86_400_000)
    }

    #[test]
    fn a_relay_announces_itself_refreshes_daily_and_never_repeats_a_sequence() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut own = own(&mut rng);
        let mut view = View::new(NetworkRules::new([7; 32]));
        assert_eq!(own.tick(START, &mut rng), Tick::NewDescriptor);
        assert!(matches!(view.accept(START, own.descriptor().unwrap()), Ok(Learned::New(_))));
        assert_eq!(own.tick(days(0), &mut rng), Tick::Unchanged);
        assert_eq!(own.tick(days(1), &mut rng), Tick::NewDescriptor);
        assert!(matches!(view.accept(days(1), own.descriptor().unwrap()), Ok(Learned::Newer(_))));
        let before = own.keys().sequence;
        // The clock goes back: a new descriptor, and still a higher sequence.
        assert_eq!(own.tick(START, &mut rng), Tick::NewDescriptor);
        assert!(own.keys().sequence > before);
    }

    #[test]
    fn an_onion_key_is_rotated_weekly_and_accepted_a_day_longer() {
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let mut own = own(&mut rng);
        own.tick(START, &mut rng);
        let first = own.keys().onion[0].public();
        own.tick(days(7), &mut rng);
        let second = own.keys().onion[0].public();
        assert_ne!(first, second);
        assert!(own.onion_secret(days(7), &first).is_some());
        assert!(own.onion_secret(days(7), &second).is_some());
        own.tick(Timestamp(days(8).0 + 2 * 3_600_000), &mut rng);
        assert!(own.onion_secret(days(9), &first).is_none());
        assert!(own.onion_secret(days(9), &second).is_some());
        assert!(own.onion_secret(days(9), &[9; 32]).is_none());
    }

    #[test]
    fn an_onion_key_of_a_clock_that_was_ahead_is_rotated_at_once() {
        let mut rng = ChaCha20Rng::from_seed([5; 32]);
        let mut own = own(&mut rng);
        let right = Timestamp(START.0 - 400 * 86_400_000);
        own.tick(right, &mut rng);
        let mut view = View::new(NetworkRules::new([7; 32]));
        view.accept(right, own.descriptor().unwrap()).unwrap();
        let key = own.keys().onion[0].public();
        assert_eq!(view.hop(right, own.relay()).unwrap().onion_key, key);
        // A correction by a minute is no reason.
        own.tick(Timestamp(right.0 - 60_000), &mut rng);
        assert_eq!(own.keys().onion[0].public(), key);
    }

    #[test]
    fn the_view_offers_the_newest_onion_key_in_its_dates() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let mut own = own(&mut rng);
        let mut view = View::new(NetworkRules::new([7; 32]));
        own.tick(START, &mut rng);
        own.tick(days(7), &mut rng);
        view.accept(days(7), own.descriptor().unwrap()).unwrap();
        assert_eq!(view.hop(days(7), own.relay()).unwrap().onion_key, own.keys().onion[0].public());
    }

    #[test]
    fn secrets_are_redacted() {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let shown = format!("{:?}", own(&mut rng));
        for secret in ["identity", "mailbox_secret", "secret:"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
