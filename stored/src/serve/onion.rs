//! What onion calls back on the edge stored-onion: the network's state, the envelopes of a subscription, and chunks.

use std::rc::Rc;

use ipc_schema::edge::Streamed;
use ipc_schema::edge::stored_onion::{ChunkWaiting, NetworkState, Waiting};
use ipc_schema::edges::stored_onion_capnp::{envelope_sink, network_watcher};
use tokio::sync::mpsc::UnboundedSender;

use crate::engine::{Arrived, ArrivedChunk, CircuitId, Input, Network, Taken};
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

    /// Answered once the engine is through with it: until then onion sends one more at most, and holds the relay back.
    async fn chunk(self: Rc<Self>, params: envelope_sink::ChunkParams) -> Result<(), capnp::Error> {
        let Ok(chunk) = ChunkWaiting::read(params.get()?) else { return Ok(()) };
        let (taken, told) = Taken::told();
        let arrived = ArrivedChunk { receive_queue: self.receive_queue, chunk };
        let _ = self.inputs.send(Input::Chunk(Box::new(arrived), taken));
        // The other end is gone by then: that is what is waited for.
        let _ = told.await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use ipc_schema::limits::CHUNK_BYTES;
    use tokio::sync::mpsc::unbounded_channel;

    /// What is not handled yet is not answered, so that chunks do not pile up in front of an engine that is busy.
    #[tokio::test]
    async fn a_chunk_is_answered_once_it_was_handled() {
        let (inputs, mut waiting) = unbounded_channel();
        let sink = Sink { circuit: CircuitId(1), receive_queue: ReceiveQueueId(2), inputs };
        let sink: envelope_sink::Client = capnp_rpc::new_client(sink);
        let chunk = ChunkWaiting { id: [3; 16], chunk: vec![4; CHUNK_BYTES] };
        let mut request = sink.chunk_request();
        chunk.write(request.get());
        let mut answered = Box::pin(request.send());
        tokio::task::yield_now().await;
        assert!((&mut answered).now_or_never().is_none());
        let Some(Input::Chunk(arrived, taken)) = waiting.recv().await else { panic!() };
        assert!(arrived.chunk == chunk && arrived.receive_queue == ReceiveQueueId(2));
        let copy = taken.clone();
        drop(taken);
        assert!((&mut answered).now_or_never().is_none());
        drop(copy);
        answered.await.unwrap();
    }
}
