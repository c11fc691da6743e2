//! What onion calls back on the edge stored-onion: the network's state, and the envelopes of a subscription.

use std::rc::Rc;

use ipc_schema::edge::stored_onion::{NetworkState, Waiting};
use ipc_schema::edges::stored_onion_capnp::{envelope_sink, network_watcher};
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::{Arrived, CircuitId, Input, Network};
use crate::ids::ReceiveQueueId;

/// Where what onion tells goes.
pub(super) type Inputs = UnboundedSender<Input>;

/// Is told the network's state.
pub(super) struct Watcher(pub(super) Inputs);

impl network_watcher::Server for Watcher {
    async fn changed(self: Rc<Self>, params: network_watcher::ChangedParams) -> Result<(), capnp::Error> {
        // What cannot be read changes nothing.
        if let Ok(state) = NetworkState::read(params.get()?.get_state()?) {
            let NetworkState { stage, relays_usable, clock, .. } = state;
            let network = Network { stage: stage.word(), relays_usable, clock };
            let _ = self.0.send(Input::Network(network));
        }
        Ok(())
    }
}

/// Takes what a subscription pushes. onion lets go of it when the circuit ends, or when it never began.
pub(super) struct Sink {
    /// Over which circuit.
    pub(super) circuit: CircuitId,
    /// Of which own queue.
    pub(super) receive_queue: ReceiveQueueId,
    /// Where it goes.
    pub(super) inputs: Inputs,
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Closed(self.circuit));
    }
}

impl envelope_sink::Server for Sink {
    async fn waiting(self: Rc<Self>, params: envelope_sink::WaitingParams) -> Result<(), capnp::Error> {
        // A relay's fault: it is not acked, and comes again.
        let Ok(Waiting { id, envelope, sender_key }) = Waiting::read(params.get()?.get_message()?) else {
            return Ok(());
        };
        let arrived = Arrived { receive_queue: self.receive_queue, mailbox: id, envelope, sender_key };
        let _ = self.inputs.send(Input::Arrived(Box::new(arrived)));
        Ok(())
    }
}
