//! From generated types to domain types: every length checked, and a broken limit closes the edge.

use ipc_schema::edges::stored_keyvault_capnp::{created, purpose};
use ipc_schema::limits::IDS_PER_CALL_MAX;
use ipc_schema::relay::Hint;

use super::Closer;
use crate::error::VaultError;
use crate::ids::{AcceptId, InnerHash, InviteId, OutboxId, PeerQueueId, PutId, QueueId, RelayId, ReplicaId};
use crate::invite::HINTS_MAX;
use crate::vault::{Created, Purpose, Sign};

type U64s<'a> = capnp::primitive_list::Reader<'a, u64>;
type Datas<'a> = capnp::data_list::Reader<'a>;

/// Reads the arguments of one call.
impl Closer {
    /// Exactly `N` bytes.
    pub(super) fn array<const N: usize>(&self, data: &[u8]) -> Result<[u8; N], capnp::Error> {
        data.try_into().map_err(|_| self.close())
    }

    /// At most `limit` bytes.
    pub(super) fn bounded<'a>(&self, data: &'a [u8], limit: usize) -> Result<&'a [u8], capnp::Error> {
        if data.len() <= limit { Ok(data) } else { Err(self.close()) }
    }

    /// A relay's id.
    pub(super) fn relay(&self, data: &[u8]) -> Result<RelayId, capnp::Error> {
        self.array(data).map(RelayId)
    }

    /// Numbers, at most `limit` of them.
    pub(super) fn ids<T>(
        &self,
        list: U64s<'_>,
        limit: usize,
        id: impl Fn(u64) -> T,
    ) -> Result<Vec<T>, capnp::Error> {
        self.count(list.len(), limit)?;
        Ok(list.iter().map(id).collect())
    }

    /// Hashes, at most as many as one call may name.
    pub(super) fn hashes(&self, list: Datas<'_>) -> Result<Vec<InnerHash>, capnp::Error> {
        self.count(list.len(), IDS_PER_CALL_MAX)?;
        list.iter().map(|data| self.array(data?).map(InnerHash)).collect()
    }

    /// Packed hints.
    pub(super) fn hints(&self, list: Datas<'_>) -> Result<Vec<Hint>, capnp::Error> {
        self.count(list.len(), HINTS_MAX)?;
        list.iter().map(|data| Hint::parse(data?).map_err(|_| self.close())).collect()
    }

    fn count(&self, length: u32, limit: usize) -> Result<(), capnp::Error> {
        if usize::try_from(length).is_ok_and(|length| length <= limit) { Ok(()) } else { Err(self.close()) }
    }

    /// A relay's answer to `create`; what is wrong with it is the relay's fault, not stored's.
    pub(super) fn created(
        &self,
        reader: created::Reader<'_>,
    ) -> Result<Result<Created, VaultError>, capnp::Error> {
        let receiver = QueueId(self.array(reader.get_receiver_queue()?)?);
        let sender = QueueId(self.array(reader.get_sender_queue()?)?);
        Ok(Created::parse(receiver, sender, self.array(reader.get_relay_key()?)?))
    }

    /// A mailbox command.
    pub(super) fn sign(&self, reader: purpose::Reader<'_>) -> Result<Sign, capnp::Error> {
        Ok(Sign {
            relay: self.relay(reader.get_relay()?)?,
            binding: self.array(reader.get_binding()?)?,
            counter: reader.get_counter(),
            purpose: self.purpose(reader)?,
        })
    }

    fn purpose(&self, reader: purpose::Reader<'_>) -> Result<Purpose, capnp::Error> {
        Ok(match reader.which().map_err(|_| self.close())? {
            purpose::Subscribe(replica) => Purpose::Subscribe(ReplicaId(replica)),
            purpose::Acknowledge(acknowledge) => {
                let messages = acknowledge.get_messages()?;
                self.count(messages.len(), IDS_PER_CALL_MAX)?;
                Purpose::Acknowledge {
                    replica: ReplicaId(acknowledge.get_replica()),
                    messages: messages
                        .iter()
                        .map(|id| self.array(id?))
                        .collect::<Result<_, capnp::Error>>()?,
                }
            }
            purpose::Delete(replica) => Purpose::Delete(ReplicaId(replica)),
            purpose::LeaveBlob(leave) => Purpose::LeaveBlob(InviteId(leave.get_invite())),
            purpose::DropBlob(invite) => Purpose::DropBlob(InviteId(invite)),
            purpose::Secure(queue) => Purpose::Secure(PeerQueueId(queue)),
            purpose::Deposit(deposit) => Purpose::Deposit {
                peer_queue: PeerQueueId(deposit.get_peer_queue()),
                put_id: PutId(self.array(deposit.get_put_id()?)?),
                envelope_hash: self.array(deposit.get_envelope_hash()?)?,
            },
            purpose::SecureRead(accept) => Purpose::SecureRead(AcceptId(accept)),
        })
    }

    /// Numbers of messages on their way out.
    pub(super) fn outbox(&self, list: U64s<'_>) -> Result<Vec<OutboxId>, capnp::Error> {
        self.ids(list, IDS_PER_CALL_MAX, OutboxId)
    }
}
