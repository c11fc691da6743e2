//! onion (caller) → netd (callee): links to relays (`edges/onion-netd.capnp`). The cells themselves stay raw: they are what the edge
//! is there for, and each side checks them where it reads them.

use super::{
    Builder, Call, Malformed, Read, Reader, call, fixed, interface, length, listed, mirrored, optional,
};
use crate::edges::onion_netd_capnp::{self as wire, acceptor, cell_sink, connect_result, link, links};
use crate::limits::{DESCRIPTOR_MAX_BYTES, KEY_BYTES};

/// Names a link: the Ed25519 key at its other end.
pub type LinkKey = [u8; KEY_BYTES];

/// A packed hint, bytes: `link key 32 ‖ transport 1 ‖ family 1 ‖ address 16 ‖ port 2`.
const HINT_MAX_BYTES: usize = 52;

/// Addresses of one relay, and bytes of one.
const ADDRESSES_MAX: usize = 16;
const ADDRESS_MAX_BYTES: usize = 256;

interface! {
    /// A holder of links.
    Links of links {
        listen(ListenParams, ListenResults): Listen,
        connect(ConnectParams, ConnectResults): Connect,
        bootstrap(BootstrapParams, BootstrapResults): Bootstrap,
        hint(HintParams, HintResults): Hint,
        shared(SharedParams, SharedResults): Shared,
    }
}

interface! {
    /// Whoever takes links that come in.
    Acceptor of acceptor {
        incoming(IncomingParams, IncomingResults): Incoming,
    }
}

type To<'a, C> = Builder<'a, <C as Call>::Results>;
type Found<'a, C> = Reader<'a, <C as Call>::Results>;

call! {
    /// Has links that come in handed to `acceptor`.
    #[derive(Clone)]
    Listen of links: listen_request, listen_params, listen_results;
    asks {
        /// In place of an earlier one.
        acceptor: acceptor::Client => capability get_acceptor set_acceptor,
    }
    answers Listening: by write_listening read_listening;
}

/// Where a relay listens. A client has neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listening {
    /// Its own.
    pub link_key: Option<LinkKey>,
    /// Confirmed multiaddrs.
    pub addresses: Vec<String>,
}

fn write_listening(listening: &Listening, mut to: To<'_, Listen>) {
    to.set_identity(listening.link_key.as_ref().map_or(&[], |key| key));
    let mut list = to.init_addresses(length(listening.addresses.len()));
    for (at, address) in (0..).zip(&listening.addresses) {
        list.set(at, address);
    }
}

fn read_listening(from: Found<'_, Listen>) -> Read<Listening> {
    let addresses = listed(from.get_addresses()?.iter(), ADDRESSES_MAX, |address| {
        let address = address?.to_str()?;
        if address.len() > ADDRESS_MAX_BYTES { Err(Malformed) } else { Ok(address.to_owned()) }
    });
    Ok(Listening { link_key: optional(from.get_identity()?)?, addresses: addresses? })
}

call! {
    /// A link to a relay by its signed descriptor: the one that is there, with `sink` from now on, or a new one.
    #[derive(Clone)]
    Connect of links: connect_request, connect_params, connect_results;
    asks {
        /// Packed; netd verifies it.
        descriptor: Vec<u8> => bytes(DESCRIPTOR_MAX_BYTES) get_descriptor set_descriptor,
        /// Where its cells go.
        sink: cell_sink::Client => capability get_sink set_sink,
    }
    answers link::Client, ConnectError: in get_result init_result by write_link read_link;
}

call! {
    /// A link to one of the bootstraps that netd was granted, for the directory only.
    #[derive(Clone)]
    Bootstrap of links: bootstrap_request, bootstrap_params, bootstrap_results;
    asks {
        /// Counted from 0.
        index: u16 => number get_index set_index,
        /// Where its cells go.
        sink: cell_sink::Client => capability get_sink set_sink,
    }
    answers link::Client, ConnectError: in get_result init_result by write_link read_link;
}

call! {
    /// A link to a contact point out of an invite, for the directory only.
    #[derive(Clone)]
    Hint of links: hint_request, hint_params, hint_results;
    asks {
        /// Packed.
        hint: Vec<u8> => bytes(HINT_MAX_BYTES) get_hint set_hint,
        /// Where its cells go.
        sink: cell_sink::Client => capability get_sink set_sink,
    }
    answers link::Client, ConnectError: in get_result init_result by write_link read_link;
}

mirrored! {
    /// Why there is no link.
    ConnectError = wire::ConnectError {
        /// Descriptor, hint or index does not verify. The fault lies with whoever made it.
        Malformed => "what names the relay does not verify",
        /// The descriptor is of another network.
        OtherNetwork => "the relay is in another network",
        /// Only loopback or private addresses, in the public network.
        AddressRefused => "the relay's addresses are not public",
        /// Nobody answers, or not in our protocol.
        Unreachable => "nobody answers",
        /// Someone answers with another link key.
        WrongPeer => "another relay answers",
        /// A limit of links, or of new destinations a day.
        TooMany => "too many links or new destinations",
        /// It failed a moment ago.
        BackingOff => "tried too recently",
    }
}

fn write_link(link: &Result<link::Client, ConnectError>, mut to: connect_result::Builder<'_>) {
    match link {
        Ok(link) => to.set_link(link.clone()),
        Err(error) => to.set_error((*error).into()),
    }
}

fn read_link(from: connect_result::Reader<'_>) -> Read<Result<link::Client, ConnectError>> {
    match from.which()? {
        connect_result::Link(link) => Ok(Ok(link?)),
        connect_result::Error(error) => Ok(Err(error?.into())),
    }
}

call! {
    /// How many bootstraps netd was granted.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Shared of links: shared_request, shared_params, shared_results;
    asks {}
    answers number u16: get_bootstraps set_bootstraps;
}

call! {
    /// A link that came in; where its cells are to go.
    #[derive(Clone)]
    Incoming of acceptor: incoming_request, incoming_params, incoming_results;
    asks {
        /// Dropping it closes the link.
        link: link::Client => capability get_link set_link,
        /// A client's is fresh for each link.
        peer: LinkKey => fixed get_peer set_peer,
    }
    answers cell_sink::Client: by write_sink read_sink;
}

fn write_sink(sink: &cell_sink::Client, mut to: To<'_, Incoming>) {
    to.set_sink(sink.clone());
}

fn read_sink(from: Found<'_, Incoming>) -> Read<cell_sink::Client> {
    Ok(from.get_sink()?)
}

call! {
    /// The key at the other end of a link.
    #[derive(Clone, Copy, PartialEq, Eq)]
    RelayKey of link: relay_key_request, relay_key_params, relay_key_results;
    asks {}
    answers LinkKey: by write_key read_key;
}

fn write_key(key: &LinkKey, mut to: To<'_, RelayKey>) {
    to.set_peer(key);
}

fn read_key(from: Found<'_, RelayKey>) -> Read<LinkKey> {
    fixed(from.get_peer()?)
}

mirrored! {
    /// Why a link ended.
    CloseReason = wire::CloseReason {
        /// The other side closed it.
        PeerClosed => "the other side closed it",
        /// Nothing was heard for too long.
        TimedOut => "nothing was heard",
        /// The other side sent what is no sequence of cells.
        Misbehaved => "what came is no sequence of cells",
        /// This process stops.
        ShuttingDown => "netd stops",
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::told_back;
    use super::*;

    #[test]
    fn what_a_relay_listens_on_is_read_as_it_was_written() {
        let listening = Listening { link_key: Some([7; 32]), addresses: vec!["/ip4/1.2.3.4/tcp/5".into()] };
        for listening in [listening, Listening::default()] {
            assert_eq!(told_back::<Listen>(&Ok(listening.clone())), Ok(Ok(listening)));
        }
        assert_eq!(told_back::<Shared>(&Ok(9)), Ok(Ok(9)));
        assert_eq!(told_back::<RelayKey>(&Ok([8; 32])), Ok(Ok([8; 32])));
    }

    #[test]
    fn more_addresses_than_a_relay_has_and_longer_ones_are_malformed() {
        let told = |count, length| {
            let addresses = vec!["a".repeat(length); count];
            told_back::<Listen>(&Ok(Listening { link_key: None, addresses })).is_ok()
        };
        assert!(told(ADDRESSES_MAX, ADDRESS_MAX_BYTES));
        assert!(!told(ADDRESSES_MAX + 1, 1) && !told(1, ADDRESS_MAX_BYTES + 1));
    }

    #[test]
    fn each_reason_crosses_the_edge() {
        for error in ConnectError::ALL {
            let mut message = capnp::message::Builder::new_default();
            write_link(&Err(*error), message.init_root());
            assert_eq!(read_link(message.get_root_as_reader().unwrap()).unwrap().err(), Some(*error));
        }
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from(wire::CloseReason::from(*reason)), *reason);
        }
    }
}
