//! What the vault keeps about invites, own and others'.

use ipc_schema::bytes::Cursor;
use ipc_schema::relay::Hint;

use super::record::Record;
use crate::agreement_key::AgreementSecret;
use crate::codec::{Malformed, Reader, Writer};
use crate::identity::Identity;
use crate::ids::{OutboxId, RelayId, SessionId};
use crate::invite::{InviteSecret, Link};
use crate::pqxdh::Prekeys;
use crate::store::Table;

/// An own invite. Its receive queue has the same number.
pub(super) struct InviteRecord {
    pub(super) relay: RelayId,
    pub(super) blob_id: [u8; 32],
    pub(super) expires_seconds: u32,
    pub(super) state: InviteState,
}

/// How far an own invite is.
pub(super) enum InviteState {
    /// Its keys wait for an acceptance.
    Open(Box<OpenInvite>),
    /// The first valid acceptance opened this session; the keys are gone.
    Used(SessionId),
}

/// The private side of an invite that nobody has accepted.
pub(super) struct OpenInvite {
    pub(super) secret: InviteSecret,
    pub(super) identity: Identity,
    pub(super) prekeys: Prekeys,
    /// Hints and encrypted blob, once the relay had made the queue.
    pub(super) left: Option<(Vec<Hint>, Vec<u8>)>,
}

impl OpenInvite {
    pub(super) fn link(&self, relay: RelayId, expires_seconds: u32, hints: &[Hint]) -> Link {
        Link { secret: self.secret.clone(), relay, expires_seconds, hints: hints.to_vec() }
    }
}

impl Record for InviteRecord {
    const TABLE: Table = Table::Invite;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.put(&self.relay.0).put(&self.blob_id).u32(self.expires_seconds);
        match &self.state {
            InviteState::Used(session) => {
                writer.u8(2).u64(session.0);
            }
            InviteState::Open(open) => {
                writer.u8(1);
                open.secret.write(writer);
                open.identity.write(writer);
                open.prekeys.write(writer);
                writer.flag(open.left.is_some());
                if let Some((hints, blob)) = &open.left {
                    write_hints(writer, hints)?;
                    writer.short_bytes(blob)?;
                }
            }
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (relay, blob_id) = (RelayId(reader.array()?), reader.array()?);
        let expires_seconds = reader.u32()?;
        let state = match reader.u8()? {
            1 => InviteState::Open(Box::new(OpenInvite {
                secret: InviteSecret::read(reader)?,
                identity: Identity::read(reader)?,
                prekeys: Prekeys::read(reader)?,
                left: match reader.flag()? {
                    true => Some((read_hints(reader)?, reader.short_bytes()?.to_vec())),
                    false => None,
                },
            })),
            2 => InviteState::Used(SessionId(reader.u64()?)),
            _ => return Err(Malformed),
        };
        Ok(Self { relay, blob_id, expires_seconds, state })
    }
}

/// Somebody else's invite.
pub(super) struct AcceptRecord {
    pub(super) link: Link,
    /// Registered by `secure+read`, before the blob is known.
    pub(super) sender: AgreementSecret,
    pub(super) accepted: Option<(SessionId, OutboxId)>,
}

impl Record for AcceptRecord {
    const TABLE: Table = Table::Accept;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        self.link.secret.write(writer);
        writer.put(&self.link.relay.0).u32(self.link.expires_seconds);
        write_hints(writer, &self.link.hints)?;
        self.sender.write(writer);
        let (session, outbox) = self.accepted.unwrap_or((SessionId(0), OutboxId(0)));
        writer.u64(session.0).u64(outbox.0);
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let link = Link {
            secret: InviteSecret::read(reader)?,
            relay: RelayId(reader.array()?),
            expires_seconds: reader.u32()?,
            hints: read_hints(reader)?,
        };
        let sender = AgreementSecret::read(reader)?;
        let accepted = (SessionId(reader.u64()?), OutboxId(reader.u64()?));
        Ok(Self { link, sender, accepted: (accepted.0 != SessionId(0)).then_some(accepted) })
    }
}

fn write_hints(writer: &mut Writer, hints: &[Hint]) -> Result<(), Malformed> {
    let packed: Vec<u8> = hints.iter().flat_map(Hint::pack).collect();
    writer.short_bytes(&packed)?;
    Ok(())
}

fn read_hints(reader: &mut Reader<'_>) -> Result<Vec<Hint>, Malformed> {
    let mut cursor = Cursor::new(reader.short_bytes()?);
    let mut hints = Vec::new();
    while !cursor.rest().is_empty() {
        hints.push(Hint::read(&mut cursor).map_err(|_| Malformed)?);
    }
    Ok(hints)
}
