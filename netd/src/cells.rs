//! `/privatus/cell/1.0.0` on a libp2p connection: one bidirectional stream, opened by the side that dialled.
//!
//! One link is one connection with one such stream, so that a link's end and its limits are the connection's. A second
//! stream from the other side is dropped, which resets it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::{Ready, ready};
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, InboundUpgrade, Multiaddr, UpgradeInfo};
use libp2p::identity::PeerId;
use libp2p::swarm::handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Stream, StreamProtocol};

/// The cell stream's protocol.
pub const CELL_PROTOCOL: StreamProtocol = StreamProtocol::new("/privatus/cell/1.0.0");

/// What became of a connection's cell stream.
#[derive(Debug)]
pub enum CellEvent {
    /// We dialled and the other side speaks our protocol.
    Opened {
        /// The connection that it belongs to.
        connection: ConnectionId,
        /// Open both ways; nothing was sent on it yet.
        stream: Stream,
    },
    /// The other side dialled and opened it.
    Incoming {
        /// The connection that it belongs to.
        connection: ConnectionId,
        /// The other side, by libp2p's key of it.
        peer: PeerId,
        /// Open both ways; nothing was sent on it yet.
        stream: Stream,
    },
    /// We dialled, and the other side does not speak our protocol.
    Refused {
        /// The connection that it belongs to.
        connection: ConnectionId,
    },
}

/// Opens the stream on connections that we dial; takes it on the others if `accept`.
#[derive(Debug)]
pub struct Cells {
    accept: bool,
    events: VecDeque<CellEvent>,
}

impl Cells {
    /// A relay accepts; a client takes nothing from outside.
    #[must_use]
    pub fn new(accept: bool) -> Self {
        Self { accept, events: VecDeque::new() }
    }
}

impl NetworkBehaviour for Cells {
    type ConnectionHandler = Handler;
    type ToSwarm = CellEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler { side: if self.accept { Side::Awaiting } else { Side::Done }, event: None })
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler { side: Side::Open, event: None })
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(match event {
            HandlerEvent::Opened(stream) => CellEvent::Opened { connection, stream },
            HandlerEvent::Incoming(stream) => CellEvent::Incoming { connection, peer, stream },
            HandlerEvent::Refused => CellEvent::Refused { connection },
        });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}

/// Where one connection stands with its cell stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Ours to open.
    Open,
    /// Ours, asked for and not open yet.
    Opening,
    /// Theirs to open.
    Awaiting,
    /// Opened, refused, or never to be.
    Done,
}

/// What a [`Handler`] tells [`Cells`].
#[derive(Debug)]
pub enum HandlerEvent {
    /// Ours is open.
    Opened(Stream),
    /// Theirs is open.
    Incoming(Stream),
    /// They do not speak it.
    Refused,
}

/// One connection's part of [`Cells`].
#[derive(Debug)]
pub struct Handler {
    side: Side,
    event: Option<HandlerEvent>,
}

/// Takes a cell stream from the other side, or, with `None`, nothing.
#[derive(Debug, Clone)]
pub struct Accepting(Option<StreamProtocol>);

impl UpgradeInfo for Accepting {
    type Info = StreamProtocol;
    type InfoIter = std::option::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Accepting {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = HandlerEvent;
    type InboundProtocol = Accepting;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(Accepting((self.side == Side::Awaiting).then_some(CELL_PROTOCOL)), ())
    }

    /// An accepted connection may wait for its stream only as long as the swarm's idle time; one that we dialled lives by it.
    fn connection_keep_alive(&self) -> bool {
        matches!(self.side, Side::Open | Side::Opening)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if let Some(event) = self.event.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        if self.side == Side::Open {
            self.side = Side::Opening;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(CELL_PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. })
                if self.side == Side::Awaiting =>
            {
                self.side = Side::Done;
                self.event = Some(HandlerEvent::Incoming(stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream, ..
            }) => {
                self.side = Side::Done;
                self.event = Some(HandlerEvent::Opened(stream));
            }
            ConnectionEvent::DialUpgradeError(_) => {
                self.side = Side::Done;
                self.event = Some(HandlerEvent::Refused);
            }
            _ => {}
        }
    }
}
