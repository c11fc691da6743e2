//! `netd.state`: a relay's link key and the ports that the kernel picked for it, in a file that was granted open.
//!
//! Two slots of 512 B, one after the other, so that a write that is cut short leaves the older one, and one bad sector the other: version 1 ‖ sequence 8 ‖
//! link key 32 ‖ count 1 ‖ 8 × (transport 1 ‖ family 1 ‖ ip 16 ‖ port 2) ‖ zeros ‖ SHA-256 32 of all before it. Integers
//! big-endian. Read is the valid slot of the higher sequence, written the other one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileExt;

use ipc_schema::bytes::{Cursor, Short};
use ipc_schema::loss;
use ipc_schema::relay::{Address, Transport};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

const SLOT_BYTES: usize = 512;
const DIGEST_BYTES: usize = 32;
const VERSION: u8 = 1;

/// Most ports kept: more than the addresses of a descriptor.
const PORTS_MAX: usize = 8;

/// What a relay's netd keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct State {
    /// Rises with every write.
    sequence: u64,
    /// Ed25519 seed of the link key.
    link_seed: Zeroizing<[u8; 32]>,
    /// For each address that was asked for with port 0: the port that it got.
    ports: Vec<Address>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("sequence", &self.sequence)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Neither slot is whole, or nothing is there although there was.
    #[error("netd.state is damaged: {}", loss::NETD_STATE)]
    Damaged,
    /// Written by a later version.
    #[error(
        "netd.state was written by a later version of Privatus: install that version; nothing was changed"
    )]
    Newer,
    /// The file failed.
    #[error("netd.state: {0}")]
    Io(#[from] std::io::Error),
}

impl State {
    /// A new relay's state.
    #[must_use]
    pub fn new(link_seed: [u8; 32]) -> Self {
        Self { sequence: 0, link_seed: Zeroizing::new(link_seed), ports: Vec::new() }
    }

    /// The link key's seed.
    #[must_use]
    pub fn link_seed(&self) -> &[u8; 32] {
        &self.link_seed
    }

    /// `asked` with the port that it had before, if the kernel picked one.
    #[must_use]
    pub fn with_port(&self, asked: Address) -> Address {
        if asked.socket.port() != 0 {
            return asked;
        }
        let same =
            |kept: &&Address| kept.transport == asked.transport && kept.socket.ip() == asked.socket.ip();
        self.ports.iter().find(same).copied().unwrap_or(asked)
    }

    /// Keeps the port that `bound` got; true when that is news.
    pub fn keep_port(&mut self, bound: Address) -> bool {
        let place = |kept: &Address| (kept.transport, kept.socket.ip());
        if self.ports.contains(&bound) {
            return false;
        }
        self.ports.retain(|kept| place(kept) != place(&bound));
        if self.ports.len() == PORTS_MAX {
            self.ports.remove(0);
        }
        self.ports.push(bound);
        true
    }

    /// The state that `file` holds, in both slots from now on; a new relay's with the key `new_seed` where nothing was ever written,
    /// unless this relay had one (`begun`).
    ///
    /// # Errors
    /// [`StateError`]; nothing is changed then but what was being written.
    pub fn open(file: &std::fs::File, begun: bool, new_seed: [u8; 32]) -> Result<Self, StateError> {
        let mut state = match Self::read(file)? {
            Some(state) => state,
            None if begun => return Err(StateError::Damaged),
            None => Self::new(new_seed),
        };
        for _ in 0..2 {
            if !Self::is_twice(file)? {
                state.write(file)?;
            }
        }
        Ok(state)
    }

    fn is_twice(file: &std::fs::File) -> Result<bool, StateError> {
        let bytes = Self::bytes(file)?;
        let (first, second) = bytes.split_at(SLOT_BYTES);
        Ok(Self::unpack(first).is_ok() && Self::unpack(second).is_ok())
    }

    fn bytes(file: &std::fs::File) -> Result<Zeroizing<[u8; 2 * SLOT_BYTES]>, StateError> {
        let mut bytes = Zeroizing::new([0_u8; 2 * SLOT_BYTES]);
        read_up_to(file, bytes.as_mut_slice())?;
        Ok(bytes)
    }

    /// Reads the newer valid slot; `None` where nothing was ever written: empty, or zeros of a first write that was cut short.
    ///
    /// # Errors
    /// [`StateError`]; nothing is changed by reading.
    pub fn read(file: &std::fs::File) -> Result<Option<Self>, StateError> {
        let bytes = Self::bytes(file)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (first, second) = bytes.split_at(SLOT_BYTES);
        let slots = [Self::unpack(first), Self::unpack(second)];
        if slots.iter().any(|slot| matches!(slot, Err(StateError::Newer))) {
            return Err(StateError::Newer);
        }
        slots
            .into_iter()
            .filter_map(Result::ok)
            .max_by_key(|state| state.sequence)
            .map(Some)
            .ok_or(StateError::Damaged)
    }

    /// Writes the slot that does not hold the newest state, durably.
    ///
    /// # Errors
    /// When the file fails; the older slot is whole then.
    pub fn write(&mut self, file: &std::fs::File) -> Result<(), StateError> {
        self.sequence += 1;
        let slot = Zeroizing::new(self.pack());
        let offset = if self.sequence % 2 == 1 { 0 } else { SLOT_BYTES as u64 };
        file.write_all_at(slot.as_slice(), offset)?;
        file.sync_data()?;
        Ok(())
    }

    fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(self.link_seed.as_slice());
        out.push(u8::try_from(self.ports.len()).unwrap_or(0));
        for port in &self.ports {
            out.push(u8::from(port.transport == Transport::Tcp));
            let (family, ip) = match port.socket.ip() {
                IpAddr::V4(ip) => (4, ip.to_ipv6_mapped()),
                IpAddr::V6(ip) => (6, ip),
            };
            out.push(family);
            out.extend_from_slice(&ip.octets());
            out.extend_from_slice(&port.socket.port().to_be_bytes());
        }
        out.resize(SLOT_BYTES - DIGEST_BYTES, 0);
        let digest = Sha256::digest(&out);
        out.extend_from_slice(&digest);
        out
    }

    fn unpack(untrusted_slot: &[u8]) -> Result<Self, StateError> {
        let damaged = |_: Short| StateError::Damaged;
        let (body, digest) =
            untrusted_slot.split_at_checked(SLOT_BYTES - DIGEST_BYTES).ok_or(StateError::Damaged)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(StateError::Damaged);
        }
        let mut cursor = Cursor::new(body);
        if cursor.u8().map_err(damaged)? != VERSION {
            return Err(StateError::Newer);
        }
        let sequence = cursor.u64().map_err(damaged)?;
        let mut seed: [u8; 32] = cursor.array().map_err(damaged)?;
        let link_seed = Zeroizing::new(seed);
        seed.zeroize();
        let count = usize::from(cursor.u8().map_err(damaged)?).min(PORTS_MAX);
        let ports = (0..count).map(|_| read_port(&mut cursor)).collect::<Result<_, _>>()?;
        Ok(Self { sequence, link_seed, ports })
    }
}

fn read_port(cursor: &mut Cursor<'_>) -> Result<Address, StateError> {
    let damaged = |_: Short| StateError::Damaged;
    let transport = if cursor.u8().map_err(damaged)? == 0 { Transport::Quic } else { Transport::Tcp };
    let family = cursor.u8().map_err(damaged)?;
    let ip = Ipv6Addr::from(cursor.array::<16>().map_err(damaged)?);
    let port = cursor.u16().map_err(damaged)?;
    let ip = if family == 4 {
        ip.to_ipv4_mapped().map(|ip: Ipv4Addr| IpAddr::V4(ip))
    } else {
        Some(IpAddr::V6(ip))
    };
    Ok(Address { transport, socket: SocketAddr::new(ip.ok_or(StateError::Damaged)?, port) })
}

fn read_up_to(file: &std::fs::File, mut into: &mut [u8]) -> std::io::Result<usize> {
    let mut offset = 0;
    while !into.is_empty() {
        match file.read_at(into, offset as u64)? {
            0 => break,
            count => {
                offset += count;
                into = into.get_mut(count..).unwrap_or_default();
            }
        }
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quic(text: &str) -> Address {
        Address { transport: Transport::Quic, socket: text.parse().unwrap() }
    }

    fn written(times: u8) -> (std::fs::File, State) {
        let file = tempfile::tempfile().unwrap();
        let mut state = State::new([7; 32]);
        for round in 0..times {
            state.keep_port(quic(&format!("0.0.0.0:{}", 4000 + u16::from(round))));
            state.write(&file).unwrap();
        }
        (file, state)
    }

    #[test]
    fn an_empty_file_is_a_new_relay() {
        assert!(State::read(&tempfile::tempfile().unwrap()).unwrap().is_none());
    }

    /// What an operator is told, or the link key that it goes on with; never a key that was not there.
    fn goes_on_as(file: &std::fs::File, begun: bool) -> Result<[u8; 32], StateError> {
        State::open(file, begun, [9; 32]).map(|state| *state.link_seed())
    }

    #[test]
    fn a_new_relay_has_its_key_twice_and_one_that_had_a_key_does_not_get_another() {
        let file = tempfile::tempfile().unwrap();
        assert!(matches!(goes_on_as(&file, true), Err(StateError::Damaged)));
        assert_eq!(goes_on_as(&file, false).unwrap(), [9; 32]);
        for slot in [0, SLOT_BYTES as u64] {
            let copy = tempfile::tempfile().unwrap();
            copy.write_all_at(State::bytes(&file).unwrap().as_slice(), 0).unwrap();
            copy.write_all_at(&[0; SLOT_BYTES], slot).unwrap();
            for _ in 0..2 {
                assert_eq!(goes_on_as(&copy, true).unwrap(), [9; 32], "slot at {slot}");
                assert!(State::is_twice(&copy).unwrap());
            }
        }
        for length in [1, SLOT_BYTES as u64, 2 * SLOT_BYTES as u64] {
            let zeros = tempfile::tempfile().unwrap();
            zeros.set_len(length).unwrap();
            assert!(matches!(goes_on_as(&zeros, true), Err(StateError::Damaged)), "{length} zeros");
        }
    }

    #[test]
    fn whatever_happens_to_the_file_a_relay_keeps_its_key_or_is_told() {
        let whole = tempfile::tempfile().unwrap();
        State::open(&whole, false, [7; 32]).unwrap();
        let whole = State::bytes(&whole).unwrap();
        let opened = |bytes: &[u8]| {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(bytes, 0).unwrap();
            goes_on_as(&file, true)
        };
        // One bit: the other slot has it. What is cut off or zeroed may be both.
        for bit in (0..whole.len() * 8).step_by(7) {
            let mut bytes = whole.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&bytes).unwrap(), [7; 32], "bit {bit}");
        }
        for at in (0..whole.len()).step_by(3) {
            let cut = opened(&whole[..at]);
            assert_eq!(cut.is_ok(), at >= SLOT_BYTES, "cut at {at}");
            for end in [at + 1, at + 100, whole.len()] {
                let mut bytes = whole.to_vec();
                bytes[at..end.min(whole.len())].fill(0);
                match opened(&bytes) {
                    Ok(seed) => assert_eq!(seed, [7; 32], "zeros from {at} to {end}"),
                    Err(error) => assert!(matches!(error, StateError::Damaged), "{at} to {end}: {error}"),
                }
            }
        }
    }

    #[test]
    fn what_was_written_last_is_read() {
        for times in 1..5 {
            let (file, state) = written(times);
            assert_eq!(State::read(&file).unwrap(), Some(state), "{times} writes");
        }
    }

    #[test]
    fn a_port_that_the_kernel_picked_is_kept_per_address() {
        let mut state = State::new([0; 32]);
        assert!(state.keep_port(quic("127.0.0.1:4001")));
        assert!(!state.keep_port(quic("127.0.0.1:4001")));
        assert_eq!(state.with_port(quic("127.0.0.1:0")), quic("127.0.0.1:4001"));
        assert_eq!(state.with_port(quic("127.0.0.1:9")), quic("127.0.0.1:9"));
        assert_eq!(state.with_port(quic("127.0.0.2:0")), quic("127.0.0.2:0"));
        let tcp = Address { transport: Transport::Tcp, socket: "127.0.0.1:0".parse().unwrap() };
        assert_eq!(state.with_port(tcp), tcp);
    }

    #[test]
    fn any_damage_to_the_only_copy_is_told() {
        let (file, _) = written(1);
        for offset in 0..SLOT_BYTES as u64 {
            let mut byte = [0];
            file.read_exact_at(&mut byte, offset).unwrap();
            file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
            assert!(matches!(State::read(&file), Err(StateError::Damaged)), "byte {offset}");
            file.write_all_at(&byte, offset).unwrap();
        }
        for length in 1..SLOT_BYTES as u64 {
            let cut = written(1).0;
            cut.set_len(length).unwrap();
            assert!(matches!(State::read(&cut), Err(StateError::Damaged)), "cut at {length}");
        }
    }

    #[test]
    fn a_write_that_was_cut_short_leaves_the_state_before_it() {
        let (file, state) = written(2);
        file.write_all_at(&[0xff; 100], SLOT_BYTES as u64).unwrap();
        let before = State::read(&file).unwrap().unwrap();
        assert_eq!(before.link_seed(), state.link_seed());
        assert_eq!(before.with_port(quic("0.0.0.0:0")), quic("0.0.0.0:4000"));
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let (file, _) = written(1);
        let mut slot = [0; SLOT_BYTES];
        file.read_exact_at(&mut slot, 0).unwrap();
        slot[0] = 2;
        let digest = Sha256::digest(&slot[..SLOT_BYTES - DIGEST_BYTES]);
        slot[SLOT_BYTES - DIGEST_BYTES..].copy_from_slice(&digest);
        file.write_all_at(&slot, 0).unwrap();
        assert!(matches!(State::read(&file), Err(StateError::Newer)));
    }

    #[test]
    fn the_link_key_is_not_printed() {
        assert!(!format!("{:?}", State::new([0xab; 32])).contains("171"));
    }
}
