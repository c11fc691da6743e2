//! What may be dialled: the checks that make a taken-over onion unable to call home. No I/O; the clock is passed in.
//!
//! Without a descriptor only the bootstraps of our own Grant and hints (docs/protocol/directory.md, "Who asks whom, and when");
//! for all else the descriptor's signature is checked here. A client's new destinations are few a day.

use std::collections::BTreeMap;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::relay::{Descriptor, Hint};
use rand_core::Rng;

use crate::address::{LinkKey, Target, allowed};
use crate::error::ConnectError;

/// Destinations that are no news: guard and backup guard.
const GUARDS: usize = 2;

/// New destinations in a day beyond the guards (docs/threat-model.md, "onion: anonymity, while it is taken over").
const NEW_DESTINATIONS_A_DAY: usize = 8;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// First wait after a failure; it doubles with each further one.
const BACK_OFF_FIRST: Duration = Duration::from_millis(500);

/// Longest wait in the public network.
const BACK_OFF_LONGEST: Duration = Duration::from_secs(60);

/// Longest wait in a private network, whose relays sync every 5 s and come and go together.
const BACK_OFF_LONGEST_PRIVATE: Duration = Duration::from_secs(4);

/// Most destinations whose failures are remembered; the oldest is forgotten first.
const FAILURES_MAX: usize = 4_096;

/// How this process may dial, fixed by its Grant.
#[derive(Debug)]
pub struct Rules {
    /// The network's id; zero for the public one.
    pub network_id: [u8; 32],
    /// A relay may dial any relay of its network; a client's new destinations are counted.
    pub relay: bool,
    /// The bootstraps of the Grant.
    pub bootstraps: Vec<Target>,
    /// Our own link key (a relay's), which is never dialled.
    pub own_key: Option<LinkKey>,
}

/// Decides on every dial and remembers how it went.
#[derive(Debug)]
pub struct Dialling {
    rules: Rules,
    /// When a destination was first dialled; a client's only.
    known: BTreeMap<LinkKey, Timestamp>,
    failures: BTreeMap<LinkKey, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    in_a_row: u32,
    last: Timestamp,
    retry_at: Timestamp,
}

impl Dialling {
    /// Nothing dialled yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules, known: BTreeMap::new(), failures: BTreeMap::new() }
    }

    /// How many bootstraps were granted.
    #[must_use]
    pub fn bootstraps(&self) -> usize {
        self.rules.bootstraps.len()
    }

    fn private(&self) -> bool {
        self.rules.network_id != [0; 32]
    }

    /// A relay by its signed descriptor.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub fn descriptor(&self, now: Timestamp, untrusted: &[u8]) -> Result<Target, ConnectError> {
        let descriptor = Descriptor::parse(untrusted).map_err(|_| ConnectError::Malformed)?;
        if descriptor.network_id != self.rules.network_id {
            return Err(ConnectError::OtherNetwork);
        }
        if !descriptor.valid_at(now) {
            return Err(ConnectError::Malformed);
        }
        self.usable(Target { link_key: descriptor.link_key, addresses: descriptor.addresses })
    }

    /// A bootstrap of the Grant.
    ///
    /// # Errors
    /// [`ConnectError::Malformed`] when there is no such index.
    pub fn bootstrap(&self, index: u16) -> Result<Target, ConnectError> {
        let target = self.rules.bootstraps.get(usize::from(index)).cloned().ok_or(ConnectError::Malformed)?;
        self.usable(target)
    }

    /// A contact point out of an invite.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub fn hint(&self, untrusted: &[u8]) -> Result<Target, ConnectError> {
        let hint = Hint::parse(untrusted).map_err(|_| ConnectError::Malformed)?;
        self.usable(Target { link_key: hint.link_key, addresses: vec![hint.address] })
    }

    fn usable(&self, mut target: Target) -> Result<Target, ConnectError> {
        if self.rules.own_key == Some(target.link_key) {
            return Err(ConnectError::Malformed);
        }
        target.addresses.retain(|address| allowed(address.socket.ip(), self.private()));
        if target.addresses.is_empty() {
            return Err(ConnectError::AddressRefused);
        }
        Ok(target)
    }

    /// Counts a dial that is about to happen.
    ///
    /// # Errors
    /// [`ConnectError::BackingOff`] or [`ConnectError::TooMany`]; then it must not happen.
    pub fn begin(&mut self, now: Timestamp, target: &Target) -> Result<(), ConnectError> {
        if let Some(failures) = self.failures.get(&target.link_key) {
            // A clock that was set back must not hold a relay off for longer than the longest wait.
            let clock_went_back = now < failures.last;
            if now < failures.retry_at && !clock_went_back {
                return Err(ConnectError::BackingOff);
            }
        }
        self.count_destination(now, target)
    }

    fn count_destination(&mut self, now: Timestamp, target: &Target) -> Result<(), ConnectError> {
        let granted = self.rules.bootstraps.iter().any(|bootstrap| bootstrap == target);
        if self.rules.relay || self.private() || granted || self.known.contains_key(&target.link_key) {
            return Ok(());
        }
        let today = self.known.values().filter(|first| first.is_recent(now, DAY)).count();
        let allowance =
            NEW_DESTINATIONS_A_DAY + GUARDS.saturating_sub(self.known.len().saturating_sub(today));
        if today >= allowance {
            return Err(ConnectError::TooMany);
        }
        self.known.insert(target.link_key, now);
        Ok(())
    }

    /// It answered: the next dial may follow at once.
    pub fn succeeded(&mut self, link_key: &LinkKey) {
        self.failures.remove(link_key);
    }

    /// It did not answer, or someone else did. The wait is drawn between half and all of its length, so that relays that lost
    /// each other do not meet again in step.
    pub fn failed(&mut self, now: Timestamp, link_key: LinkKey, rng: &mut impl Rng) {
        let in_a_row = self.failures.get(&link_key).map_or(0, |failures| failures.in_a_row).saturating_add(1);
        let longest = if self.private() { BACK_OFF_LONGEST_PRIVATE } else { BACK_OFF_LONGEST };
        let wait = BACK_OFF_FIRST.saturating_mul(1 << in_a_row.saturating_sub(1).min(16)).min(longest);
        let wait = wait / 2 + wait.mul_f64(f64::from(rng.next_u32()) / f64::from(u32::MAX)) / 2;
        self.failures.insert(link_key, Failures { in_a_row, last: now, retry_at: now.after(wait) });
        if self.failures.len() > FAILURES_MAX {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| *key);
            oldest.and_then(|key| self.failures.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use ipc_schema::relay::{Address, OnionKey, RelayId, Transport};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn address(text: &str) -> Address {
        Address { transport: Transport::Quic, socket: text.parse().unwrap() }
    }

    fn packed(seed: u8, network_id: [u8; 32], addresses: &[&str]) -> Vec<u8> {
        let identity = SigningKey::from_bytes(&[seed; 32]);
        let key = OnionKey { key: [3; 32], from: Timestamp(1), until: Timestamp(2) };
        let descriptor = Descriptor {
            network_id,
            relay: RelayId(identity.verifying_key().to_bytes()),
            link_key: SigningKey::from_bytes(&[seed ^ 0xff; 32]).verifying_key().to_bytes(),
            onion_keys: [key, key],
            operator_tag: [0; 16],
            flags: 0,
            sequence: 1,
            published: NOW,
            work: 0,
            addresses: addresses.iter().map(|text| address(text)).collect(),
        };
        descriptor.sign(&identity)
    }

    fn dialling(network_id: [u8; 32], relay: bool) -> Dialling {
        Dialling::new(Rules { network_id, relay, bootstraps: Vec::new(), own_key: None })
    }

    #[test]
    fn a_descriptor_of_another_network_is_refused() {
        let descriptor = packed(1, [9; 32], &["127.0.0.1:1"]);
        assert!(dialling([9; 32], false).descriptor(NOW, &descriptor).is_ok());
        assert_eq!(dialling([8; 32], false).descriptor(NOW, &descriptor), Err(ConnectError::OtherNetwork));
        assert_eq!(dialling([0; 32], false).descriptor(NOW, &descriptor), Err(ConnectError::OtherNetwork));
    }

    #[test]
    fn an_altered_or_outdated_descriptor_is_refused() {
        let dialling = dialling([9; 32], false);
        let descriptor = packed(1, [9; 32], &["127.0.0.1:1"]);
        let mut altered = descriptor.clone();
        altered[100] ^= 1;
        assert_eq!(dialling.descriptor(NOW, &altered), Err(ConnectError::Malformed));
        let late = NOW.after(Duration::from_secs(72 * 3600));
        assert_eq!(dialling.descriptor(late, &descriptor), Err(ConnectError::Malformed));
        assert_eq!(
            dialling.descriptor(Timestamp(NOW.0 - 3_600_001), &descriptor),
            Err(ConnectError::Malformed)
        );
    }

    #[test]
    fn private_addresses_are_left_out_in_the_public_network() {
        let dialling = dialling([0; 32], false);
        let mixed = packed(1, [0; 32], &["127.0.0.1:1", "8.8.8.8:1", "10.0.0.1:1"]);
        assert_eq!(dialling.descriptor(NOW, &mixed).unwrap().addresses, [address("8.8.8.8:1")]);
        let inside = packed(1, [0; 32], &["127.0.0.1:1"]);
        assert_eq!(dialling.descriptor(NOW, &inside), Err(ConnectError::AddressRefused));
        let hint = Hint { link_key: [1; 32], address: address("192.168.0.1:1") };
        assert_eq!(dialling.hint(&hint.pack()), Err(ConnectError::AddressRefused));
        assert_eq!(dialling.hint(&[0; 7]), Err(ConnectError::Malformed));
    }

    #[test]
    fn a_relay_does_not_dial_itself() {
        let descriptor = packed(1, [9; 32], &["127.0.0.1:1"]);
        let own_key = Descriptor::parse(&descriptor).unwrap().link_key;
        let rules =
            Rules { network_id: [9; 32], relay: true, bootstraps: Vec::new(), own_key: Some(own_key) };
        assert_eq!(Dialling::new(rules).descriptor(NOW, &descriptor), Err(ConnectError::Malformed));
    }

    #[test]
    fn a_bootstrap_that_was_not_granted_does_not_exist() {
        assert_eq!(dialling([9; 32], false).bootstrap(0), Err(ConnectError::Malformed));
    }

    fn target(number: u8) -> Target {
        Target { link_key: [number; 32], addresses: vec![address("8.8.8.8:1")] }
    }

    #[test]
    fn a_client_of_the_public_network_has_eight_new_destinations_a_day_beyond_its_guards() {
        let mut dialling = dialling([0; 32], false);
        for number in 0..10 {
            assert_eq!(dialling.begin(NOW, &target(number)), Ok(()), "{number}");
        }
        assert_eq!(dialling.begin(NOW, &target(10)), Err(ConnectError::TooMany));
        assert_eq!(dialling.begin(NOW, &target(3)), Ok(()), "a known one is not new");
        let tomorrow = NOW.after(DAY);
        for number in 10..18 {
            assert_eq!(dialling.begin(tomorrow, &target(number)), Ok(()), "{number}");
        }
        assert_eq!(dialling.begin(tomorrow, &target(18)), Err(ConnectError::TooMany));
    }

    #[test]
    fn destinations_of_a_clock_that_was_ahead_are_none_of_today() {
        let mut dialling = dialling([0; 32], false);
        let ahead = NOW.after(365 * DAY);
        for number in 0..10 {
            assert_eq!(dialling.begin(ahead, &target(number)), Ok(()), "{number}");
        }
        for number in 10..18 {
            assert_eq!(dialling.begin(NOW, &target(number)), Ok(()), "{number}");
        }
        assert_eq!(dialling.begin(NOW, &target(18)), Err(ConnectError::TooMany));
    }

    #[test]
    fn bootstraps_relays_and_private_networks_are_not_counted() {
        let rules = Rules {
            network_id: [0; 32],
            relay: false,
            bootstraps: (0..20).map(target).collect(),
            own_key: None,
        };
        let mut granted = Dialling::new(rules);
        let mut relay = dialling([0; 32], true);
        let mut private = dialling([9; 32], false);
        for number in 0..20 {
            assert_eq!(granted.begin(NOW, &target(number)), Ok(()));
            assert_eq!(relay.begin(NOW, &target(number)), Ok(()));
            assert_eq!(private.begin(NOW, &target(number)), Ok(()));
        }
    }

    #[test]
    fn the_wait_after_failures_grows_to_its_limit_and_ends_with_success() {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut dialling = dialling([0; 32], true);
        let (mut now, target) = (NOW, target(1));
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(dialling.begin(now, &target), Ok(()));
            dialling.failed(now, target.link_key, &mut rng);
            assert_eq!(dialling.begin(now, &target), Err(ConnectError::BackingOff));
            let from = now;
            while dialling.begin(now, &target).is_err() {
                now = now.after(Duration::from_millis(10));
            }
            waits.push(now.since(from));
        }
        assert!(
            waits[0] <= Duration::from_millis(510) && waits[0] >= Duration::from_millis(250),
            "{waits:?}"
        );
        assert!(
            waits[11] <= Duration::from_millis(60_010) && waits[11] >= Duration::from_secs(30),
            "{waits:?}"
        );
        dialling.failed(now, target.link_key, &mut rng);
        dialling.succeeded(&target.link_key);
        assert_eq!(dialling.begin(now, &target), Ok(()));
    }

    #[test]
    fn a_clock_that_was_set_back_holds_no_relay_off() {
        let mut dialling = dialling([0; 32], true);
        dialling.failed(NOW, [1; 32], &mut ChaCha20Rng::from_seed([1; 32]));
        assert_eq!(dialling.begin(Timestamp(NOW.0 - 1_000_000), &target(1)), Ok(()));
    }

    #[test]
    fn failures_are_remembered_within_bounds() {
        let mut dialling = dialling([0; 32], true);
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        for number in 0..FAILURES_MAX as u64 + 100 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            dialling.failed(Timestamp(NOW.0 + number), key, &mut rng);
        }
        assert_eq!(dialling.failures.len(), FAILURES_MAX);
    }
}
