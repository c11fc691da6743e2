//! onion as stored calls it (edges/stored-onion.capnp).

use std::rc::Rc;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use ipc_schema::edge::stored_keyvault::Created;
use ipc_schema::edge::stored_onion::{Command, NetworkState, Refused, Waiting};
use ipc_schema::edges::stored_onion_capnp::{
    self as edge, carrier, create_result, envelope_sink, mailbox, network_watcher, open_result,
};
use ipc_schema::limits::BLOB_MAX_BYTES;
use ipc_schema::relay::Hint;
use tokio::sync::mpsc::UnboundedSender;

use super::{Malformed, bounded, fixed};
use crate::engine::{Arrived, Came, CircuitId, Input, MailboxCall, Network, OpenedCircuit};
use crate::ids::{Isolation, RelayId, ReplicaId};

/// Where what onion tells goes.
pub(crate) type Inputs = UnboundedSender<Input>;

/// Asks to be told the network's state from now on.
pub(crate) async fn watch(carrier: &carrier::Client, inputs: Inputs) {
    let mut request = carrier.watch_request();
    request.get().set_watcher(capnp_rpc::new_client(Watcher(inputs)));
    // Where it fails onion is gone, and that is noticed elsewhere.
    let _ = request.send().promise.await;
}

struct Watcher(Inputs);

impl network_watcher::Server for Watcher {
    async fn changed(self: Rc<Self>, params: network_watcher::ChangedParams) -> Result<(), capnp::Error> {
        // What cannot be read changes nothing.
        if let Ok(state) = NetworkState::read(params.get()?.get_state()?) {
            let network = Network { stage: state.stage.word(), relays_usable: state.relays_usable };
            let _ = self.0.send(Input::Network(network));
        }
        Ok(())
    }
}

/// A relay for a mailbox that is none of `avoid`.
pub(crate) async fn pick(carrier: &carrier::Client, avoid: &[RelayId]) -> Option<RelayId> {
    let mut request = carrier.pick_mailboxes_request();
    request.get().set_count(1);
    let mut list = request.get().init_avoid(u32::try_from(avoid.len()).unwrap_or(0));
    for (at, relay) in (0..list.len()).zip(avoid) {
        list.set(at, &relay.0);
    }
    let answer = request.send().promise.await.ok()?;
    let relays = answer.get().ok()?.get_relays().ok()?;
    let relay = relays.iter().next()?.ok()?;
    let relay = RelayId(fixed(relay).ok()?);
    (!avoid.contains(&relay)).then_some(relay)
}

pub(crate) async fn add_hints(carrier: &carrier::Client, hints: &[Hint]) {
    let mut request = carrier.add_hints_request();
    let mut list = request.get().init_hints(u32::try_from(hints.len()).unwrap_or(0));
    for (at, hint) in (0..list.len()).zip(hints) {
        list.set(at, &hint.pack());
    }
    // Only a help for the directory.
    let _ = request.send().promise.await;
}

/// Opens a circuit for text.
pub(crate) async fn open(
    carrier: &carrier::Client,
    relay: RelayId,
    isolation: Isolation,
) -> Option<(mailbox::Client, OpenedCircuit)> {
    let mut request = carrier.open_request();
    request.get().set_relay(&relay.0);
    request.get().set_isolation(&isolation);
    request.get().set_lane(edge::Lane::Text);
    let answer = request.send().promise.await.ok()?;
    let open_result::Which::Mailbox(opened) = answer.get().ok()?.get_result().ok()?.which().ok()? else {
        return None;
    };
    let route = opened.get_route().ok()?.iter().take(8).map(|relay| Some(RelayId(fixed(relay.ok()?).ok()?)));
    let opened_circuit = OpenedCircuit {
        binding: fixed(opened.get_binding().ok()?).ok()?,
        route: route.collect::<Option<_>>()?,
    };
    Some((opened.get_circuit().ok()?, opened_circuit))
}

/// Sends `$request` and reads the relay's word.
macro_rules! told {
    ($request:expr) => {{
        let promise = $request.send().promise;
        async move {
            let answer = promise.await.map_err(|_| Malformed)?;
            Ok(word(answer.get()?.get_answer()?))
        }
        .boxed_local()
    }};
}

type Pending = LocalBoxFuture<'static, Result<Came, Malformed>>;

/// Sends a command at once, so that commands keep their order, and gives its answer later.
pub(crate) fn command(
    circuit: &mailbox::Client,
    (counter, auth): (u64, &[u8]),
    call: MailboxCall,
    pushed: Pushed,
) -> LocalBoxFuture<'static, Came> {
    let answer = send(circuit, (counter, auth), call, pushed);
    async move { answer.await.unwrap_or(Came::Lost) }.boxed_local()
}

fn send(
    circuit: &mailbox::Client,
    (counter, auth): (u64, &[u8]),
    call: MailboxCall,
    pushed: Pushed,
) -> Pending {
    macro_rules! request {
        ($method:ident, $queue:ident = $id:expr) => {{
            let mut request = circuit.$method();
            request.get().$queue(&$id);
            request.get().set_counter(counter);
            request.get().set_auth(auth);
            request
        }};
    }
    let command = match call {
        MailboxCall::Create(receiver_key) => return create(circuit, &receiver_key),
        MailboxCall::Give(command) => command,
    };
    match command {
        Command::SecureRead { blob_id, sender_key } => {
            let mut request = request!(secure_read_request, set_blob_id = blob_id);
            request.get().set_sender_key(&sender_key);
            read_blob(request)
        }
        Command::Secure { sender_queue, sender_key } => {
            let mut request = request!(secure_request, set_sender_queue = sender_queue);
            request.get().set_sender_key(&sender_key);
            told!(request)
        }
        Command::Deposit { sender_queue, put_id, envelope } => {
            let mut request = request!(deposit_request, set_sender_queue = sender_queue);
            request.get().set_put_id(&put_id);
            request.get().set_envelope(&envelope);
            told!(request)
        }
        Command::Subscribe { receiver_queue, .. } => {
            let mut request = request!(subscribe_request, set_receiver_queue = receiver_queue);
            request.get().set_sink(capnp_rpc::new_client(pushed));
            told!(request)
        }
        Command::Acknowledge { receiver_queue, messages } => {
            let mut request = request!(acknowledge_request, set_receiver_queue = receiver_queue);
            let mut list = request.get().init_messages(u32::try_from(messages.len()).unwrap_or(0));
            for (at, id) in (0..list.len()).zip(&messages) {
                list.set(at, id);
            }
            told!(request)
        }
        Command::Delete { receiver_queue } => {
            told!(request!(delete_request, set_receiver_queue = receiver_queue))
        }
        Command::DropBlob { receiver_queue, blob_id } => {
            let mut request = request!(drop_blob_request, set_receiver_queue = receiver_queue);
            request.get().set_blob_id(&blob_id);
            told!(request)
        }
        Command::LeaveBlob { receiver_queue, blob_id, read_key, blob } => {
            let mut request = request!(leave_blob_request, set_receiver_queue = receiver_queue);
            request.get().set_blob_id(&blob_id);
            request.get().set_read_key(&read_key);
            request.get().set_blob(&blob);
            told!(request)
        }
    }
}

fn create(circuit: &mailbox::Client, receiver_key: &[u8]) -> Pending {
    let mut request = circuit.create_request();
    request.get().set_receiver_key(receiver_key);
    let promise = request.send().promise;
    async move {
        let answer = promise.await?;
        Ok(match answer.get()?.get_result()?.which()? {
            create_result::Which::Created(created) => Came::Created(Created {
                receiver_queue: fixed(created.get_receiver_queue()?)?,
                sender_queue: fixed(created.get_sender_queue()?)?,
                relay_key: fixed(created.get_relay_key()?)?,
            }),
            create_result::Which::Refused(answer) => word(answer?),
        })
    }
    .boxed_local()
}

fn read_blob(
    request: capnp::capability::Request<
        mailbox::secure_read_params::Owned,
        mailbox::secure_read_results::Owned,
    >,
) -> Pending {
    let promise = request.send().promise;
    async move {
        let answer = promise.await?;
        let answer = answer.get()?;
        Ok(match answer.get_answer()? {
            edge::Answer::Ok => Came::Blob(bounded(answer.get_blob()?, BLOB_MAX_BYTES)?),
            other => word(other),
        })
    }
    .boxed_local()
}

fn word(answer: edge::Answer) -> Came {
    Came::Refused(match answer {
        edge::Answer::Ok => return Came::Done,
        edge::Answer::Full => Refused::Full,
        edge::Answer::Throttled => Refused::Throttled,
        edge::Answer::NoQueue => Refused::NoQueue,
        edge::Answer::NotAuthorised => Refused::NotAuthorised,
        edge::Answer::NoBlob => Refused::NoBlob,
        edge::Answer::Refused => Refused::Policy,
        edge::Answer::DiskFull => Refused::DiskFull,
    })
}

/// What a subscription pushes. onion lets go of it when the circuit ends.
pub(crate) struct Pushed {
    /// Over which circuit.
    pub(crate) circuit: CircuitId,
    /// Of which own queue; none for commands that are no subscription.
    pub(crate) replica: Option<ReplicaId>,
    /// Where it goes.
    pub(crate) inputs: Inputs,
}

impl Drop for Pushed {
    fn drop(&mut self) {
        if self.replica.is_some() {
            let _ = self.inputs.send(Input::Closed(self.circuit));
        }
    }
}

impl envelope_sink::Server for Pushed {
    async fn waiting(self: Rc<Self>, params: envelope_sink::WaitingParams) -> Result<(), capnp::Error> {
        let waiting = Waiting::read(params.get()?.get_message()?);
        if let (Some(replica), Ok(Waiting { id, envelope, sender_key })) = (self.replica, waiting) {
            let arrived = Arrived { replica, mailbox: id, envelope, sender_key };
            let _ = self.inputs.send(Input::Arrived(Box::new(arrived)));
        }
        Ok(())
    }
}
