//! What is kept over restarts: the guards, the directory, contact points, and a relay's keys. No path is ever kept as good.
//!
//! Layout: version 2 ‖ network id 32 ‖ when guards were lost 8 (0: never) ‖ guards ‖ vanguards (count 2, then relay 32 ‖ until 8 each) ‖ replaced 8 ‖ hints (count 2, then length 2 ‖ bytes) ‖
//! descriptors (count 4, then first seen 8 ‖ length 2 ‖ bytes) ‖ keys (0, or 1 ‖ identity 32 ‖ mailbox secret 32 ‖ sequence 8 ‖ onion keys:
//! count 1, then secret 32 ‖ from 8 ‖ until 8). Integers big-endian. Version 1 has neither network id nor loss.

use ed25519_dalek::SigningKey;
use ipc_schema::Timestamp;
use ipc_schema::bytes::{Cursor, Short};
use ipc_schema::relay::{Descriptor, Hint};
use x25519_dalek::StaticSecret;

use crate::directory::RelayKeys;
use crate::directory::own::OnionSecret;
use crate::id::RelayId;
use crate::path::SavedGuards;
use crate::path::guards::Kept;
use crate::state::StateError;

const VERSION: u8 = 2;
/// The last that does not say of which network it is.
const VERSION_WITHOUT_NETWORK: u8 = 1;

/// What is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Saved {
    pub(super) network_id: [u8; 32],
    /// When the guards were lost with the state file; 0 never.
    pub(super) lost: Timestamp,
    pub(super) guards: SavedGuards,
    pub(super) hints: Vec<Hint>,
    /// When first seen, and the packed descriptor.
    pub(super) descriptors: Vec<(Timestamp, Vec<u8>)>,
    pub(super) keys: Option<RelayKeys>,
}

impl Saved {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.network_id);
        out.extend_from_slice(&self.lost.0.to_be_bytes());
        for kept in [&self.guards.guards, &self.guards.vanguards] {
            put_count(&mut out, kept.len());
            for kept in kept {
                out.extend_from_slice(&kept.relay.0);
                out.extend_from_slice(&kept.until.0.to_be_bytes());
            }
        }
        out.extend_from_slice(&self.guards.replaced.0.to_be_bytes());
        put_count(&mut out, self.hints.len());
        for hint in &self.hints {
            let bytes = hint.pack();
            put_count(&mut out, bytes.len());
            out.extend_from_slice(&bytes);
        }
        out.extend_from_slice(&u32::try_from(self.descriptors.len()).unwrap_or(0).to_be_bytes());
        for (first_seen, packed) in &self.descriptors {
            out.extend_from_slice(&first_seen.0.to_be_bytes());
            put_count(&mut out, packed.len());
            out.extend_from_slice(packed);
        }
        match &self.keys {
            None => out.push(0),
            Some(keys) => put_keys(&mut out, keys),
        }
        out
    }

    /// Nothing of a file is used that is not read to its end, or is another network's.
    ///
    /// # Errors
    /// [`StateError::Newer`], [`StateError::OtherNetwork`], else [`StateError::Unreadable`].
    pub(super) fn parse(bytes: &[u8], network_id: [u8; 32]) -> Result<Self, StateError> {
        let unreadable = |_: Short| StateError::Unreadable;
        let mut cursor = Cursor::new(bytes);
        let version = cursor.u8().map_err(unreadable)?;
        let (mut of, mut lost) = (network_id, Timestamp(0));
        match version {
            VERSION_WITHOUT_NETWORK => {}
            VERSION => {
                of = cursor.array().map_err(unreadable)?;
                lost = Timestamp(cursor.u64().map_err(unreadable)?);
            }
            later if later > VERSION => return Err(StateError::Newer),
            _ => return Err(StateError::Unreadable),
        }
        let saved = read(&mut cursor).ok_or(StateError::Unreadable)?;
        cursor.end().map_err(unreadable)?;
        // What does not say it itself has descriptors that do.
        let first = saved.descriptors.iter().find_map(|(_, packed)| Descriptor::parse(packed).ok());
        if of != network_id || first.is_some_and(|descriptor| descriptor.network_id != network_id) {
            return Err(StateError::OtherNetwork);
        }
        Ok(Self { network_id, lost, ..saved })
    }
}

/// Counts here are bounded far below 65,536 by what is counted.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u16::try_from(count).unwrap_or(0).to_be_bytes());
}

fn put_keys(out: &mut Vec<u8>, keys: &RelayKeys) {
    out.push(1);
    out.extend_from_slice(&keys.identity.to_bytes());
    out.extend_from_slice(&keys.mailbox_secret);
    out.extend_from_slice(&keys.sequence.to_be_bytes());
    out.push(u8::try_from(keys.onion.len()).unwrap_or(0));
    for key in &keys.onion {
        out.extend_from_slice(&key.secret().to_bytes());
        out.extend_from_slice(&key.from().0.to_be_bytes());
        out.extend_from_slice(&key.until().0.to_be_bytes());
    }
}

fn read(cursor: &mut Cursor<'_>) -> Option<Saved> {
    let guards = read_kept(cursor).ok()?;
    let vanguards = read_kept(cursor).ok()?;
    let replaced = Timestamp(cursor.u64().ok()?);
    let mut hints = Vec::new();
    for _ in 0..cursor.u16().ok()? {
        let length = usize::from(cursor.u16().ok()?);
        hints.push(Hint::parse(cursor.take(length).ok()?).ok()?);
    }
    let mut descriptors = Vec::new();
    for _ in 0..cursor.u32().ok()? {
        let first_seen = Timestamp(cursor.u64().ok()?);
        let length = usize::from(cursor.u16().ok()?);
        descriptors.push((first_seen, cursor.take(length).ok()?.to_vec()));
    }
    let keys = match cursor.u8().ok()? {
        0 => None,
        1 => Some(read_keys(cursor).ok()?),
        _ => return None,
    };
    let guards = SavedGuards { guards, vanguards, replaced };
    Some(Saved { guards, hints, descriptors, keys, ..Saved::default() })
}

fn read_kept(cursor: &mut Cursor<'_>) -> Result<Vec<Kept>, Short> {
    (0..cursor.u16()?)
        .map(|_| Ok(Kept { relay: RelayId(cursor.array()?), until: Timestamp(cursor.u64()?) }))
        .collect()
}

fn read_keys(cursor: &mut Cursor<'_>) -> Result<RelayKeys, Short> {
    let identity = SigningKey::from_bytes(&cursor.array()?);
    let mailbox_secret = cursor.array()?;
    let sequence = cursor.u64()?;
    let onion = (0..cursor.u8()?)
        .map(|_| {
            let secret = StaticSecret::from(cursor.array::<32>()?);
            Ok(OnionSecret::new(secret, Timestamp(cursor.u64()?), Timestamp(cursor.u64()?)))
        })
        .collect::<Result<_, Short>>()?;
    Ok(RelayKeys { identity, mailbox_secret, onion, sequence })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::own::{Appearance, OwnRelay, Tick};
    use crate::directory::rules::NetworkRules;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const NETWORK: [u8; 32] = [5; 32];

    fn sample() -> Saved {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let kept = |n: u8| Kept { relay: RelayId([n; 32]), until: Timestamp(u64::from(n)) };
        Saved {
            network_id: NETWORK,
            lost: Timestamp(3),
            guards: SavedGuards {
                guards: vec![kept(1), kept(2)],
                vanguards: vec![kept(3)],
                replaced: Timestamp(7),
            },
            hints: vec![Hint {
                link_key: [4; 32],
                address: crate::directory::rules::parse_multiaddr("/ip4/10.0.0.1/udp/9/quic-v1").unwrap(),
            }],
            descriptors: vec![(Timestamp(5), vec![9; 300]), (Timestamp(6), vec![8; 310])],
            keys: Some(RelayKeys::generate(Timestamp(1), &mut rng)),
        }
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let packed = sample().pack();
        let read = Saved::parse(&packed, NETWORK).unwrap();
        assert_eq!(read.pack(), packed);
        assert_eq!((read.guards.guards.len(), read.descriptors.len(), read.lost), (2, 2, Timestamp(3)));
    }

    #[test]
    fn a_state_of_the_version_before_is_read_and_one_of_a_later_version_is_told_apart() {
        let packed = sample().pack();
        let old = [&[1], &packed[41..]].concat();
        let read = Saved::parse(&old, NETWORK).unwrap();
        assert_eq!((read.lost, &read.pack()[41..]), (Timestamp(0), &packed[41..]));
        let later = [&[3], &packed[1..]].concat();
        assert!(matches!(Saved::parse(&later, NETWORK), Err(StateError::Newer)));
        let none = [&[0], &packed[1..]].concat();
        assert!(matches!(Saved::parse(&none, NETWORK), Err(StateError::Unreadable)));
    }

    #[test]
    fn a_state_is_good_in_its_own_network_alone_whatever_the_version() {
        let other = |bytes: &[u8]| matches!(Saved::parse(bytes, [6; 32]), Err(StateError::OtherNetwork));
        assert!(other(&sample().pack()));
        let mut own = sample();
        let mut relay = OwnRelay::new(NetworkRules::new(NETWORK), own.keys.clone().unwrap());
        relay.appear(Appearance {
            link_key: [4; 32],
            addresses: vec![own.hints[0].address],
            operator_tag: [0; 16],
            mailboxes: true,
        });
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        assert_eq!(relay.tick(Timestamp(9), &mut rng), Tick::NewDescriptor);
        own.descriptors.push((Timestamp(7), relay.descriptor().unwrap().to_vec()));
        let packed = own.pack();
        assert!(Saved::parse(&packed, NETWORK).is_ok());
        assert!(other(&[&[1], &packed[41..]].concat()));
    }

    #[test]
    fn a_state_that_is_cut_or_longer_is_not_used_at_all() {
        let packed = sample().pack();
        for length in 0..packed.len() {
            assert!(Saved::parse(&packed[..length], NETWORK).is_err(), "cut at {length}");
        }
        assert!(Saved::parse(&[&packed[..], &[0]].concat(), NETWORK).is_err());
    }
}
