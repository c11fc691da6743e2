//! A relay's start: its link key, its listeners, and the line that says where it can be reached.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use futures::StreamExt;
use ipc_schema::relay::{ADDRESSES_MAX, Address, Transport};
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Swarm, TransportError};

use crate::address::{LinkKey, allowed, from_multiaddr, listen as parse, peer_id, to_multiaddr};
use crate::drive::Listening;
use crate::error::StartError;
use crate::state::State;
use crate::swarm::{Behaviour, Role, build, key_pair};

/// What a relay listens on when nothing is set: every address of the machine, a port that the kernel picks once.
const DEFAULT: [&str; 2] = ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"];

/// How long the system may take to say which addresses a listener has.
const BOUND_WITHIN: Duration = Duration::from_secs(5);

/// A relay that accepts links.
pub struct Listener {
    /// Its swarm, listening.
    pub swarm: Swarm<Behaviour>,
    /// What it listens on, and is told to others as.
    pub addresses: Addresses,
}

/// The addresses that are really listened on.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The link key that answers there.
    pub link_key: LinkKey,
    private: bool,
    /// What was asked for first, with its real port.
    first: Address,
    confirmed: Vec<Address>,
}

/// Until no further interface of a listener on all of them is told: they come one by one in the same breath.
const INTERFACES_WITHIN: Duration = Duration::from_millis(20);

/// Listens on `listen` with the key of `state` and keeps the ports that the kernel picked. `bound` is called when every port is
/// had and nothing was read from any of them.
///
/// # Errors
/// [`StartError`]: one line for the operator.
pub async fn start(
    file: &File,
    mut state: State,
    listen: &[String],
    private: bool,
    bound: impl FnOnce(),
) -> Result<Listener, StartError> {
    let keys = key_pair(state.link_seed())?;
    let link_key = public_key(&keys)?;
    let mut swarm = build(keys, Role::Relay, private)?;
    let asked = asked(listen, private)?;
    let mut listeners = Vec::new();
    for address in &asked {
        let wanted = state.with_port(*address);
        listeners.push((listen_on(&mut swarm, wanted)?, wanted));
    }
    // Nothing accepts before the next await.
    bound();
    let confirmed = first_addresses(&mut swarm, &listeners).await?;
    let mut news = false;
    let mut first = None;
    for address in asked {
        let place = |other: &&Address| belongs(**other, address);
        let Some(port) = confirmed.iter().find(place).map(|other| other.socket.port()) else { continue };
        let mut real = address;
        real.socket.set_port(port);
        first.get_or_insert(real);
        news |= address.socket.port() == 0 && state.keep_port(real);
    }
    if news {
        state.write(file)?;
    }
    let first = first.ok_or(StartError::Transport("no listener".into()))?;
    Ok(Listener { swarm, addresses: Addresses { link_key, private, first, confirmed } })
}

fn public_key(keys: &Keypair) -> Result<LinkKey, StartError> {
    let key = keys.public().try_into_ed25519().map_err(|why| StartError::Transport(why.to_string()))?;
    Ok(key.to_bytes())
}

fn asked(listen: &[String], private: bool) -> Result<Vec<Address>, StartError> {
    if listen.is_empty() {
        return DEFAULT.iter().map(|text| parse(text, private)).collect();
    }
    listen.iter().map(|text| parse(text, private)).collect()
}

/// Whether `bound` is what listening on `asked` gave.
fn belongs(bound: Address, asked: Address) -> bool {
    let (here, there) = (bound.socket, asked.socket);
    bound.transport == asked.transport
        && here.is_ipv4() == there.is_ipv4()
        && (there.ip().is_unspecified() || here.ip() == there.ip())
        && (there.port() == 0 || here.port() == there.port())
}

fn listen_on(swarm: &mut Swarm<Behaviour>, address: Address) -> Result<ListenerId, StartError> {
    let failed = |source| StartError::Listen { address: to_multiaddr(address).to_string(), source };
    if address.transport == Transport::Tcp && address.socket.port() != 0 {
        // libp2p shares TCP ports (SO_REUSEPORT), also with another program of this user: then half of the links would
        // go astray. Without sharing, a taken port is told.
        drop(TcpListener::bind(address.socket).map_err(failed)?);
    }
    swarm.listen_on(to_multiaddr(address)).map_err(|error| failed(io_error(error)))
}

fn io_error(error: TransportError<std::io::Error>) -> std::io::Error {
    match error {
        TransportError::Other(error) => innermost(error),
        TransportError::MultiaddrNotSupported(_) => std::io::Error::from(std::io::ErrorKind::Unsupported),
    }
}

/// libp2p wraps the system's error some times over; the operator needs only that.
fn innermost(error: std::io::Error) -> std::io::Error {
    let mut inner: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(here) = inner {
        if let Some(code) = here.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error) {
            return std::io::Error::from_raw_os_error(code);
        }
        inner = here.source();
    }
    error
}

/// Waits until each listener has an address; at `0.0.0.0` takes all that come at once.
async fn first_addresses(
    swarm: &mut Swarm<Behaviour>,
    listeners: &[(ListenerId, Address)],
) -> Result<Vec<Address>, StartError> {
    let failed = |(_, wanted): &(ListenerId, Address), source| StartError::Listen {
        address: to_multiaddr(*wanted).to_string(),
        source,
    };
    let every_interface = listeners.iter().any(|(_, wanted)| wanted.socket.ip().is_unspecified());
    let mut found: Vec<(ListenerId, Address)> = Vec::new();
    loop {
        let silent = listeners.iter().find(|(id, _)| found.iter().all(|(of, _)| of != id));
        let wait = match silent {
            Some(_) => BOUND_WITHIN,
            None if every_interface => INTERFACES_WITHIN,
            None => break,
        };
        let event = match (tokio::time::timeout(wait, swarm.select_next_some()).await, silent) {
            (Ok(event), _) => event,
            (Err(_), Some(silent)) => return Err(failed(silent, std::io::ErrorKind::TimedOut.into())),
            (Err(_), None) => break,
        };
        match event {
            SwarmEvent::NewListenAddr { listener_id, address } => {
                found.extend(from_multiaddr(&address).map(|(address, _)| (listener_id, address)));
            }
            SwarmEvent::ListenerClosed { listener_id, reason: Err(error), .. }
            | SwarmEvent::ListenerError { listener_id, error } => {
                if let Some(listener) = listeners.iter().find(|(id, _)| *id == listener_id) {
                    return Err(failed(listener, innermost(error)));
                }
            }
            _ => {}
        }
    }
    Ok(found.into_iter().map(|(_, address)| address).collect())
}

impl Addresses {
    /// Takes what the driver found out later.
    pub fn update(&mut self, news: &Listening) {
        match news {
            Listening::At(address) => {
                if let Some((address, _)) = from_multiaddr(address)
                    && !self.confirmed.contains(&address)
                {
                    self.confirmed.push(address);
                }
            }
            Listening::Gone(address) => {
                if let Some((gone, _)) = from_multiaddr(address) {
                    self.confirmed.retain(|address| *address != gone);
                }
            }
        }
    }

    /// For the descriptor: of each transport and IP version the one that reaches furthest, and only what may be dialled in
    /// this network.
    #[must_use]
    pub fn confirmed(&self) -> Vec<Address> {
        let mut usable: Vec<_> = self
            .confirmed
            .iter()
            .copied()
            .filter(|address| allowed(address.socket.ip(), self.private))
            .collect();
        usable.sort_by_key(|address| std::cmp::Reverse(reach(address.socket.ip())));
        let mut kinds = Vec::new();
        usable.retain(|address| {
            let kind = (address.transport, address.socket.is_ipv4());
            let news = !kinds.contains(&kind);
            kinds.push(kind);
            news
        });
        usable.truncate(ADDRESSES_MAX);
        usable
    }

    /// The line on stdout: the first address that was asked for, with its real port and peer id. The unspecified address
    /// cannot be dialled, so one that it stands for is named.
    #[must_use]
    pub fn ready_line(&self) -> String {
        let mut named = self.first;
        if named.socket.ip().is_unspecified() {
            let mut stands_for: Vec<_> =
                self.confirmed.iter().filter(|address| belongs(**address, self.first)).collect();
            stands_for.sort_by_key(|address| std::cmp::Reverse(reach(address.socket.ip())));
            named = stands_for.first().map_or(named, |address| **address);
        }
        let multiaddr = to_multiaddr(named);
        let multiaddr = match peer_id(&self.link_key) {
            Some(peer) => multiaddr.with(Protocol::P2p(peer)),
            None => multiaddr,
        };
        format!("relay ready {multiaddr}\n")
    }
}

/// How far an address is known: everywhere, in the local network, on the link, on this machine.
fn reach(ip: IpAddr) -> u8 {
    let on_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if ip.is_loopback() {
        0
    } else if on_link {
        1
    } else if allowed(ip, false) {
        3
    } else {
        2
    }
}

/// Writes the ready line to the granted descriptor. A reader that has gone is no reason to stop.
pub fn announce(stdout: &mut File, addresses: &Addresses) {
    let _ = stdout.write_all(addresses.ready_line().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future)
    }

    async fn relay(file: &File, listen: &str) -> Result<Listener, StartError> {
        start(file, State::open(file, false, [5; 32])?, &[listen.to_owned()], true, || {}).await
    }

    #[test]
    fn key_and_picked_port_stay_the_same_over_restarts() {
        local(async {
            for listen in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
                let file = tempfile::tempfile().unwrap();
                let first = relay(&file, listen).await.unwrap();
                let line = first.addresses.ready_line();
                assert!(line.starts_with("relay ready /ip4/127.0.0.1/") && line.ends_with('\n'), "{line}");
                assert!(!line.contains("/0/") && line.contains("/p2p/12D3KooW"), "{line}");
                drop(first);
                // The sockets of the first close with its tasks.
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                let kept = State::open(&file, true, [6; 32]).unwrap();
                let again = start(&file, kept, &[listen.to_owned()], true, || {}).await.unwrap();
                assert_eq!(again.addresses.ready_line(), line);
            }
        });
    }

    #[test]
    fn a_taken_port_is_told_with_its_address() {
        local(async {
            for listen in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
                let first = relay(&tempfile::tempfile().unwrap(), listen).await.unwrap();
                let taken = to_multiaddr(first.addresses.first).to_string();
                let error = relay(&tempfile::tempfile().unwrap(), &taken).await.err().unwrap().to_string();
                assert!(error.contains(&taken) && error.contains("in use"), "{error}");
                assert!(!error.contains('\n'), "{error}");
            }
        });
    }

    #[test]
    fn the_unspecified_address_is_announced_as_one_that_can_be_dialled() {
        local(async {
            let listener = relay(&tempfile::tempfile().unwrap(), "/ip4/0.0.0.0/udp/0/quic-v1").await.unwrap();
            let line = listener.addresses.ready_line();
            assert!(!line.contains("0.0.0.0"), "{line}");
            let confirmed = listener.addresses.confirmed();
            assert_eq!(confirmed.len(), 1, "{confirmed:?}");
            assert!(line.contains(&to_multiaddr(confirmed[0]).to_string()), "{line} {confirmed:?}");
        });
    }

    #[test]
    fn a_damaged_state_is_told_and_left_alone() {
        use std::os::unix::fs::FileExt;
        local(async {
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&[1; 300], 0).unwrap();
            let error = relay(&file, "/ip4/127.0.0.1/udp/0/quic-v1").await.err().unwrap();
            assert!(error.to_string().contains("damaged"), "{error}");
            assert_eq!(file.metadata().unwrap().len(), 300);
        });
    }

    #[test]
    fn a_descriptor_names_what_reaches_furthest_of_each_kind() {
        let address = |transport, text: &str| Address { transport, socket: text.parse().unwrap() };
        let addresses = Addresses {
            link_key: [0; 32],
            private: true,
            first: address(Transport::Quic, "0.0.0.0:1"),
            confirmed: vec![
                address(Transport::Quic, "127.0.0.1:1"),
                address(Transport::Quic, "192.168.0.7:1"),
                address(Transport::Quic, "8.8.8.8:1"),
                address(Transport::Tcp, "127.0.0.1:2"),
                address(Transport::Quic, "[::1]:3"),
            ],
        };
        let told: Vec<_> = addresses.confirmed().iter().map(|address| address.socket.to_string()).collect();
        assert_eq!(told, ["8.8.8.8:1", "127.0.0.1:2", "[::1]:3"]);
        let public = Addresses { private: false, ..addresses };
        assert_eq!(public.confirmed(), [address(Transport::Quic, "8.8.8.8:1")]);
    }
}
