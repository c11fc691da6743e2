//! The post-quantum ratchet: a sparse ML-KEM-768 key agreement that takes one step with every turn of the conversation
//! (after Signal's *ML-KEM Braid* and *Triple Ratchet*, unchunked; where it differs and why:
//! docs/protocol/ratchet.md, "Where it differs from the Triple Ratchet as published").

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::RatchetError;
use super::chain_key::{ChainKey, Pq};
use super::header_slot::{CIPHERTEXT_BYTES, HeaderSlot, KEY_BYTES, MAC_BYTES};
use super::message_header::Header;
use super::side::{Ours, Role, Theirs};
use crate::codec::{Malformed, Reader, Writer};
use crate::kdf;
use crate::kem::{EncapsulationKey, Kem, MlKem768, SEED_BYTES};
use crate::memory::{Secret, Secret32};

const START: &[u8] = b"privatus/pq/start/v1";
const ROOT: &[u8] = b"privatus/pq/root/v1";
const EPOCH_SECRET: &[u8] = b"ss";
const KEY_MAC: &[u8] = b"privatus/pq/ek/v1";
const CIPHERTEXT_MAC: &[u8] = b"privatus/pq/ct/v1";

/// One side of the ratchet.
#[derive(Clone)]
pub(super) struct PqRatchet {
    role: Role,
    /// Of the key that is being agreed on, from 1.
    epoch: u32,
    state: State,
    /// Takes in the next epoch's secret.
    root: Secret32,
    authenticator: SlotAuthenticator,
    /// Own chain of the newest epoch, while it has not begun.
    next_sending: Option<ChainKey<Ours, Pq>>,
    /// The peer's chain of the newest epoch, while it has not begun.
    next_receiving: Option<ChainKey<Theirs, Pq>>,
    /// A slot of the peer was not authentic: this ratchet stands still, and the session has to be opened anew.
    is_stuck: bool,
}

/// What this side contributes to its epoch.
#[derive(Clone)]
enum State {
    /// EK: an encapsulation key rides in every header; this is the seed of its private half.
    Key(Secret<SEED_BYTES>),
    /// NOEK: waits for the peer's encapsulation key.
    NoKey,
    /// CT: a ciphertext rides in every header; the epoch's secret is known.
    Ciphertext,
}

/// MACs what travels in a slot.
#[derive(Clone)]
struct SlotAuthenticator(Secret32);

/// What comes out of the root: at the start, and again for each epoch.
struct EpochKeys {
    root: Secret32,
    ours: ChainKey<Ours, Pq>,
    theirs: ChainKey<Theirs, Pq>,
    authenticator: SlotAuthenticator,
}

/// What a new sending chain starts from.
pub(super) struct Begun {
    /// Rides in each of its headers.
    pub(super) slot: HeaderSlot<Ours>,
    /// The post-quantum chain beside it, if another one begins with it.
    pub(super) chain: Option<ChainKey<Ours, Pq>>,
}

impl PqRatchet {
    /// The initiator's first state, EK: with what its first sending chain starts from. Draws 64 bytes.
    pub(super) fn initiator(shared: &Secret32, rng: &mut impl CryptoRng) -> Result<(Self, Begun), Malformed> {
        let keys = EpochKeys::derive(Role::Initiator, &[], shared, START)?;
        let (state, slot) = State::key(1, &keys.authenticator, rng);
        let begun = Begun { slot, chain: Some(keys.ours) };
        let ratchet = Self {
            role: Role::Initiator,
            epoch: 1,
            state,
            root: keys.root,
            authenticator: keys.authenticator,
            next_sending: None,
            next_receiving: Some(keys.theirs),
            is_stuck: false,
        };
        Ok((ratchet, begun))
    }

    /// The responder's first state, NOEK.
    pub(super) fn responder(shared: &Secret32) -> Result<Self, Malformed> {
        let keys = EpochKeys::derive(Role::Responder, &[], shared, START)?;
        Ok(Self {
            role: Role::Responder,
            epoch: 1,
            state: State::NoKey,
            root: keys.root,
            authenticator: keys.authenticator,
            next_sending: Some(keys.ours),
            next_receiving: Some(keys.theirs),
            is_stuck: false,
        })
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// The peer's chain that begins with its next sending chain, if another one does.
    pub(super) fn take_receiving(&mut self) -> Option<ChainKey<Theirs, Pq>> {
        self.next_receiving.take()
    }

    /// Checks that the peer, in a new sending chain, has taken the one step that follows from this side's slot: it could not
    /// have begun that chain without a message that carried the slot. An empty slot anywhere else would be a session
    /// without this ratchet, and is refused.
    pub(super) fn check(&self, header: &Header<Theirs>) -> Result<(), RatchetError> {
        let next = self.epoch.checked_add(1).ok_or(RatchetError::BadHeader)?;
        let (theirs, slot) = (header.head.pq_epoch, &header.slot);
        let (stepped, stayed) = match self.state {
            State::Key(_) => (theirs == self.epoch && slot.as_ciphertext().is_some(), slot.is_empty()),
            State::NoKey => (theirs == self.epoch && !slot.is_empty(), false),
            State::Ciphertext => (theirs == next && slot.is_empty(), !slot.is_empty()),
        };
        match (stepped, stayed && theirs == self.epoch) {
            (true, _) => Ok(()),
            (false, true) => Err(RatchetError::Stalled),
            (false, false) => Err(RatchetError::BadHeader),
        }
    }

    /// Takes this side's step on a slot that passed [`Self::check`] in a header that is authentic, and begins a sending
    /// chain. `riding` is the slot of the sending chain before: it goes on riding if the peer's slot is not authentic.
    /// EK draws nothing, NOEK 32 bytes, CT 64.
    pub(super) fn step(
        &mut self,
        untrusted_slot: &HeaderSlot<Theirs>,
        riding: HeaderSlot<Ours>,
        rng: &mut impl CryptoRng,
    ) -> Result<Begun, Malformed> {
        let waiting = self.next_sending.take();
        let taken = match &self.state {
            State::Key(seed) => self.take_ciphertext(&seed.clone(), untrusted_slot)?,
            State::NoKey => {
                let slot = self.take_key(untrusted_slot, rng)?;
                slot.map(|slot| Begun { slot, chain: waiting.clone() })
            }
            State::Ciphertext => {
                self.epoch += 1;
                let (state, slot) = State::key(self.epoch, &self.authenticator, rng);
                self.state = state;
                Some(Begun { slot, chain: waiting.clone() })
            }
        };
        self.is_stuck |= taken.is_none();
        Ok(taken.unwrap_or(Begun { slot: riding, chain: waiting }))
    }

    /// EK → NOEK of the next epoch.
    fn take_ciphertext(
        &mut self,
        seed: &Secret<SEED_BYTES>,
        untrusted_slot: &HeaderSlot<Theirs>,
    ) -> Result<Option<Begun>, Malformed> {
        let (ciphertext, mac) = untrusted_slot.as_ciphertext().ok_or(Malformed)?;
        let pair = MlKem768::key_pair(seed);
        let shared = MlKem768::decapsulate(&pair, ciphertext);
        let keys = self.epoch_keys(&shared, &MlKem768::encapsulation_key(&pair), ciphertext)?;
        // Under the new authenticator: the MAC shows, too, that the peer has the same secret.
        if !keys.authenticator.holds(CIPHERTEXT_MAC, self.epoch, ciphertext, mac) {
            return Ok(None);
        }
        self.epoch += 1;
        self.state = State::NoKey;
        Ok(Some(Begun { slot: HeaderSlot::empty(), chain: self.enter(keys) }))
    }

    /// NOEK → CT: encapsulates once. The slot to answer with, or `None` if the peer's is not authentic.
    fn take_key(
        &mut self,
        untrusted_slot: &HeaderSlot<Theirs>,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<HeaderSlot<Ours>>, Malformed> {
        let (key, mac) = untrusted_slot.as_key().ok_or(Malformed)?;
        if !self.authenticator.holds(KEY_MAC, self.epoch, key, mac) {
            return Ok(None);
        }
        // The peer made it, for the MAC holds; not reduced, it is refused like one that was altered.
        let Ok(key) = EncapsulationKey::parse::<MlKem768, CIPHERTEXT_BYTES>(key) else { return Ok(None) };
        let (ciphertext, shared) = MlKem768::encapsulate(&key, &Secret::random(rng));
        let keys = self.epoch_keys(&shared, key.bytes(), &ciphertext)?;
        let mac = keys.authenticator.mac(CIPHERTEXT_MAC, self.epoch, &ciphertext);
        self.state = State::Ciphertext;
        // Not yet: the sender's chain is that of the epoch before, the newest that the peer is sure to have.
        self.next_sending = self.enter(keys);
        Ok(Some(HeaderSlot::ciphertext(&ciphertext, &mac)))
    }

    /// `ss' = HKDF(ss, "ss" ‖ epoch ‖ SHA-256(ek ‖ ct))` into the root.
    fn epoch_keys(
        &self,
        shared: &Secret32,
        key: &[u8; KEY_BYTES],
        ciphertext: &[u8; CIPHERTEXT_BYTES],
    ) -> Result<EpochKeys, Malformed> {
        // ML-KEM's own secret does not bind the ciphertext where the key's owner made its pair maliciously.
        let agreed = kdf::sha256(&[key, ciphertext]);
        let secret = kdf::label(shared, &[EPOCH_SECRET, &self.epoch.to_be_bytes(), &agreed]);
        EpochKeys::derive(self.role, self.root.expose(), &secret, ROOT)
    }

    /// Makes a new epoch's keys the ratchet's. The peer's chain waits; the own one is for the caller to place.
    fn enter(&mut self, keys: EpochKeys) -> Option<ChainKey<Ours, Pq>> {
        self.root = keys.root;
        self.authenticator = keys.authenticator;
        self.next_receiving = Some(keys.theirs);
        Some(keys.ours)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.role.write(writer);
        writer.u32(self.epoch);
        match &self.state {
            State::NoKey => writer.u8(0),
            State::Key(seed) => writer.u8(1).put(seed.expose()),
            State::Ciphertext => writer.u8(2),
        };
        writer.put(self.root.expose()).put(self.authenticator.0.expose()).flag(self.is_stuck);
        write_waiting(self.next_sending.as_ref(), writer);
        write_waiting(self.next_receiving.as_ref(), writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (role, epoch) = (Role::read(reader)?, reader.u32()?);
        let state = match reader.u8()? {
            0 => State::NoKey,
            1 => State::Key(reader.secret()?),
            2 => State::Ciphertext,
            _ => return Err(Malformed),
        };
        let (root, authenticator) = (reader.secret()?, SlotAuthenticator(reader.secret()?));
        let is_stuck = reader.flag()?;
        let (next_sending, next_receiving) = (read_waiting(reader)?, read_waiting(reader)?);
        Ok(Self { role, epoch, state, root, authenticator, next_sending, next_receiving, is_stuck })
    }
}

impl State {
    /// A fresh key pair for `epoch`, and the slot that carries its public half.
    fn key(
        epoch: u32,
        authenticator: &SlotAuthenticator,
        rng: &mut impl CryptoRng,
    ) -> (Self, HeaderSlot<Ours>) {
        let seed = Secret::random(rng);
        let key = MlKem768::encapsulation_key(&MlKem768::key_pair(&seed));
        let mac = authenticator.mac(KEY_MAC, epoch, &key);
        (Self::Key(seed), HeaderSlot::key(&key, &mac))
    }
}

impl SlotAuthenticator {
    fn mac(&self, label: &[u8], epoch: u32, bytes: &[u8]) -> [u8; MAC_BYTES] {
        kdf::mac(&self.0, &[label, &epoch.to_be_bytes(), bytes])
    }

    fn holds(&self, label: &[u8], epoch: u32, bytes: &[u8], untrusted_mac: &[u8; MAC_BYTES]) -> bool {
        self.mac(label, epoch, bytes).ct_eq(untrusted_mac).into()
    }
}

impl EpochKeys {
    /// `HKDF(salt, secret, label)`, 128 B.
    fn derive(role: Role, salt: &[u8], secret: &Secret32, label: &[u8]) -> Result<Self, Malformed> {
        let okm: Secret<128> = kdf::derive(salt, secret.expose(), &[label]);
        let mut reader = Reader::new(okm.expose());
        let root = reader.secret()?;
        let (ours, theirs) = role.sides(reader.secret()?, reader.secret()?);
        Ok(Self {
            root,
            ours: ChainKey::new(ours),
            theirs: ChainKey::new(theirs),
            authenticator: SlotAuthenticator(reader.secret()?),
        })
    }
}

fn write_waiting<S>(chain: Option<&ChainKey<S, Pq>>, writer: &mut Writer) {
    writer.flag(chain.is_some());
    if let Some(chain) = chain {
        chain.write(writer);
    }
}

fn read_waiting<S>(reader: &mut Reader<'_>) -> Result<Option<ChainKey<S, Pq>>, Malformed> {
    if reader.flag()? { ChainKey::read(reader).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::super::message_header::ChainHead;
    use super::super::ratchet_key::RatchetKey;
    use super::*;

    struct Pair {
        rng: ChaCha20Rng,
        initiator: PqRatchet,
        responder: PqRatchet,
        key: HeaderSlot<Ours>,
    }

    fn pair() -> Pair {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let shared = Secret32::take(&mut [1; 32]);
        let (initiator, begun) = PqRatchet::initiator(&shared, &mut rng).unwrap();
        Pair { rng, initiator, responder: PqRatchet::responder(&shared).unwrap(), key: begun.slot }
    }

    impl Pair {
        /// The responder takes the initiator's key.
        fn encapsulate(&mut self) -> HeaderSlot<Ours> {
            self.responder.step(&sent(&self.key), HeaderSlot::empty(), &mut self.rng).unwrap().slot
        }
    }

    /// As it comes out of a header at the peer's.
    fn sent(slot: &HeaderSlot<Ours>) -> HeaderSlot<Theirs> {
        let mut writer = Writer::default();
        slot.encode(&mut writer);
        HeaderSlot::decode(&writer.array().unwrap())
    }

    fn bytes<S>(chain: Option<&ChainKey<S, Pq>>) -> Vec<u8> {
        let mut writer = Writer::default();
        write_waiting(chain, &mut writer);
        writer.as_slice().to_vec()
    }

    fn header(pq_epoch: u32, slot: &HeaderSlot<Ours>) -> Header<Theirs> {
        let dh = RatchetKey::read(&mut Reader::new(&[9; 32])).unwrap();
        let head = ChainHead { dh, previous: 0, pq_epoch, pq_base: 0, pq_previous: 0 };
        Header { head, number: 0, slot: sent(slot) }
    }

    const GOOD: Result<(), RatchetError> = Ok(());
    const STALLED: Result<(), RatchetError> = Err(RatchetError::Stalled);
    const BAD: Result<(), RatchetError> = Err(RatchetError::BadHeader);

    #[test]
    fn a_new_chain_has_to_take_the_one_step_that_follows_and_none_goes_on_without_the_slot() {
        let mut pair = pair();
        let (none, key) = (HeaderSlot::empty(), pair.key.clone());
        let answers = |ratchet: &PqRatchet, slot: &HeaderSlot<Ours>| {
            [0, 1, 2, 3].map(|epoch| ratchet.check(&header(epoch, slot)))
        };
        assert_eq!(answers(&pair.responder, &key), [BAD, GOOD, BAD, BAD]);
        assert_eq!(answers(&pair.responder, &none), [BAD; 4], "a session without this ratchet");

        let ciphertext = pair.encapsulate();
        assert_eq!(answers(&pair.initiator, &ciphertext), [BAD, GOOD, BAD, BAD]);
        assert_eq!(answers(&pair.initiator, &none), [BAD, STALLED, BAD, BAD]);
        assert_eq!(answers(&pair.initiator, &key), [BAD; 4]);

        assert_eq!(answers(&pair.responder, &none), [BAD, BAD, GOOD, BAD]);
        assert_eq!(answers(&pair.responder, &key), [BAD, STALLED, BAD, BAD]);
    }

    #[test]
    fn an_epoch_gives_both_sides_a_new_root_and_new_chains() {
        let mut pair = pair();
        let before = pair.initiator.root.clone();
        let answer = pair.encapsulate();
        let begun = pair.initiator.step(&sent(&answer), pair.key.clone(), &mut pair.rng).unwrap();
        assert!(pair.initiator.root == pair.responder.root && pair.initiator.root != before);
        let (begun, receiving) = (begun.chain.as_ref(), pair.initiator.next_receiving.as_ref());
        assert!(begun.is_some() && bytes(begun) == bytes(pair.responder.next_receiving.as_ref()));
        assert!(receiving.is_some());
        assert!(bytes(receiving) == bytes(pair.responder.next_sending.as_ref()));
        assert!(bytes(receiving) != bytes(begun));
    }

    /// ML-KEM's own secret is the same for whatever its key's owner makes of that: the keys have to tell ek and ct apart.
    #[test]
    fn one_secret_under_another_key_ciphertext_or_epoch_gives_other_keys() {
        let pair = pair();
        let shared = Secret32::take(&mut [6; 32]);
        let root = |of: &PqRatchet, key: u8, ciphertext: u8| {
            of.epoch_keys(&shared, &[key; KEY_BYTES], &[ciphertext; CIPHERTEXT_BYTES]).unwrap().root
        };
        let first = root(&pair.responder, 1, 2);
        assert!(root(&pair.initiator, 1, 2) == first, "the same at both");
        let later = PqRatchet { epoch: 2, ..pair.responder.clone() };
        assert!(root(&pair.responder, 3, 2) != first, "key");
        assert!(root(&pair.responder, 1, 3) != first, "ciphertext");
        assert!(root(&later, 1, 2) != first, "epoch");
    }

    #[test]
    fn the_last_epoch_is_followed_by_none() {
        let mut pair = pair();
        pair.initiator.epoch = u32::MAX;
        assert_eq!(pair.initiator.check(&header(u32::MAX, &HeaderSlot::empty())), BAD);
    }

    #[test]
    fn a_key_that_is_not_authentic_makes_it_stand_still_for_good() {
        let mut pair = pair();
        let (key, mac) = pair.key.as_key().unwrap();
        let altered = HeaderSlot::key(key, &[mac[0] ^ 1; MAC_BYTES]);
        let riding = HeaderSlot::ciphertext(&[5; CIPHERTEXT_BYTES], &[6; MAC_BYTES]);
        assert!(!pair.responder.is_stuck());
        let begun = pair.responder.step(&sent(&altered), riding.clone(), &mut pair.rng).unwrap();
        assert!(begun.slot == riding && pair.responder.is_stuck());
        assert!(matches!(pair.responder.state, State::NoKey));
        let _ = pair.encapsulate();
        assert!(pair.responder.is_stuck(), "a good one later does not make up for it");
    }

    #[test]
    fn a_ciphertext_that_is_not_authentic_makes_it_stand_still() {
        let mut pair = pair();
        let answer = pair.encapsulate();
        let (ciphertext, mac) = answer.as_ciphertext().unwrap();
        let mut other = *ciphertext;
        other[0] ^= 1;
        for altered in
            [HeaderSlot::ciphertext(ciphertext, &[7; MAC_BYTES]), HeaderSlot::ciphertext(&other, mac)]
        {
            let mut initiator = pair.initiator.clone();
            let begun = initiator.step(&sent(&altered), pair.key.clone(), &mut pair.rng).unwrap();
            assert!(begun.slot == pair.key && initiator.is_stuck() && initiator.epoch() == 1);
            assert!(matches!(initiator.state, State::Key(_)));
        }
        let begun = pair.initiator.step(&sent(&answer), pair.key.clone(), &mut pair.rng).unwrap();
        assert!(begun.slot.is_empty() && !pair.initiator.is_stuck() && pair.initiator.epoch() == 2);
    }
}
