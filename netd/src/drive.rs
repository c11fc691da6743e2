//! Runs one swarm: dials on request, hands out cell streams, closes what has died.

use std::collections::HashMap;

use futures::StreamExt;
use libp2p::identity::PeerId;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Stream, Swarm, ping};
use tokio::sync::{mpsc, oneshot};

use crate::address::{LinkKey, Target, link_key, peer_id, to_multiaddr};
use crate::cells::CellEvent;
use crate::error::ConnectError;
use crate::limits;
use crate::swarm::{Behaviour, BehaviourEvent};

/// A connection's cell stream. While it lives, so does its swarm; dropped, its connection closes.
#[derive(Debug)]
pub struct Connected {
    /// Who is at the other end.
    pub link_key: LinkKey,
    /// Carries cells both ways, and nothing else.
    pub stream: Stream,
    /// Closes the connection when dropped.
    pub lease: Lease,
}

/// Holds one connection of a swarm open.
#[derive(Debug)]
pub struct Lease {
    connection: ConnectionId,
    commands: mpsc::UnboundedSender<Command>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A driver that has ended has closed its connections.
        let _ = self.commands.send(Command::Close(self.connection));
    }
}

#[derive(Debug)]
enum Command {
    Dial(Target, oneshot::Sender<Result<Connected, ConnectError>>),
    Close(ConnectionId),
}

/// Asks a running swarm. The swarm ends with its last handle and its last [`Lease`]. Commands are as many as the calls of
/// onion and the connections, both bounded.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::UnboundedSender<Command>,
}

impl Handle {
    /// Opens a connection and its cell stream.
    ///
    /// # Errors
    /// [`ConnectError::Unreachable`], [`ConnectError::WrongPeer`] or [`ConnectError::TooMany`].
    pub async fn dial(&self, target: Target) -> Result<Connected, ConnectError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Dial(target, answer)).map_err(|_| ConnectError::Unreachable)?;
        // The transports have their own, shorter time limits; this one ends what they forget.
        match tokio::time::timeout(limits::CONNECT_TIMEOUT * 2, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(ConnectError::Unreachable),
        }
    }
}

/// Something that a listener found out.
#[derive(Debug)]
pub enum Listening {
    /// An address that is really listened on.
    At(Multiaddr),
    /// One that no longer is.
    Gone(Multiaddr),
}

/// Where a relay's driver sends what comes in. Both are bounded; a link that finds no place is closed.
#[derive(Debug)]
pub struct Incoming {
    /// Links that others opened.
    pub links: mpsc::Sender<Connected>,
    /// What the listeners found out.
    pub addresses: mpsc::Sender<Listening>,
}

/// Starts to run `swarm` on the current runtime. A client has no `incoming`.
pub fn run(swarm: Swarm<Behaviour>, incoming: Option<Incoming>) -> Handle {
    let (commands, requests) = mpsc::unbounded_channel();
    let driver = Driver { swarm, incoming, dials: HashMap::new(), commands: commands.downgrade() };
    tokio::task::spawn_local(driver.run(requests));
    Handle { commands }
}

struct Driver {
    swarm: Swarm<Behaviour>,
    incoming: Option<Incoming>,
    dials: HashMap<ConnectionId, (LinkKey, oneshot::Sender<Result<Connected, ConnectError>>)>,
    /// Weak, or the driver would hold itself alive.
    commands: mpsc::WeakUnboundedSender<Command>,
}

impl Driver {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<Command>) {
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(Command::Dial(target, answer)) => self.dial(target, answer),
                    Some(Command::Close(connection)) => {
                        let _ = self.swarm.close_connection(connection);
                    }
                    None => return,
                },
                event = self.swarm.select_next_some() => self.on_event(event),
            }
        }
    }

    fn dial(&mut self, target: Target, answer: oneshot::Sender<Result<Connected, ConnectError>>) {
        let Some(peer) = peer_id(&target.link_key) else {
            let _ = answer.send(Err(ConnectError::Malformed));
            return;
        };
        let options = dial_options(peer, &target);
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                // Whoever stopped waiting is forgotten: such a connection closes for want of use.
                self.dials.retain(|_, (_, waiting)| !waiting.is_closed());
                self.dials.insert(connection, (target.link_key, answer));
            }
            Err(error) => {
                let _ = answer.send(Err(reason(&error)));
            }
        }
    }

    fn lease(&self, connection: ConnectionId) -> Option<Lease> {
        Some(Lease { connection, commands: self.commands.upgrade()? })
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Cells(event)) => self.on_cells(event),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                connection,
                result: Err(ping::Failure::Timeout),
                ..
            })) => {
                let _ = self.swarm.close_connection(connection);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.answer(connection_id, Err(reason(&error)));
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.answer(connection_id, Err(ConnectError::Unreachable));
            }
            SwarmEvent::NewListenAddr { address, .. } => self.listening(Listening::At(address)),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.listening(Listening::Gone(address)),
            _ => {}
        }
    }

    fn listening(&self, news: Listening) {
        if let Some(incoming) = &self.incoming {
            // An address that finds no place is missed in the descriptor until the next change: never worth waiting for.
            let _ = incoming.addresses.try_send(news);
        }
    }

    fn answer(&mut self, connection: ConnectionId, result: Result<Stream, ConnectError>) {
        let Some((link_key, answer)) = self.dials.remove(&connection) else { return };
        let connected = result.and_then(|stream| {
            let lease = self.lease(connection).ok_or(ConnectError::Unreachable)?;
            Ok(Connected { link_key, stream, lease })
        });
        // Nobody waits any more: dropping the lease closes it.
        let _ = answer.send(connected);
    }

    fn on_cells(&mut self, event: CellEvent) {
        match event {
            CellEvent::Opened { connection, stream } => self.answer(connection, Ok(stream)),
            CellEvent::Refused { connection } => {
                self.answer(connection, Err(ConnectError::Unreachable));
                let _ = self.swarm.close_connection(connection);
            }
            CellEvent::Incoming { connection, peer, stream } => self.incoming_link(connection, &peer, stream),
        }
    }

    fn incoming_link(&mut self, connection: ConnectionId, peer: &PeerId, stream: Stream) {
        let connected = link_key(peer).zip(self.lease(connection));
        let taken = connected.zip(self.incoming.as_ref()).is_some_and(|((link_key, lease), incoming)| {
            incoming.links.try_send(Connected { link_key, stream, lease }).is_ok()
        });
        if !taken {
            let _ = self.swarm.close_connection(connection);
        }
    }
}

fn dial_options(peer: PeerId, target: &Target) -> DialOpts {
    use ipc_schema::relay::Transport;
    let addresses = target.addresses.iter().map(|address| to_multiaddr(*address)).collect();
    // Each link is a connection of its own, whatever else there is to that peer.
    let options = DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(addresses);
    if target.addresses.iter().all(|address| address.transport == Transport::Tcp) {
        // From the listener's port two relays that dial each other at once would meet as one broken TCP connection.
        options.allocate_new_port().build()
    } else {
        options.build()
    }
}

fn reason(error: &DialError) -> ConnectError {
    match error {
        DialError::WrongPeerId { .. } | DialError::LocalPeerId { .. } => ConnectError::WrongPeer,
        DialError::Denied { .. } => ConnectError::TooMany,
        _ => ConnectError::Unreachable,
    }
}
