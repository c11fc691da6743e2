//! The edge stored-keyvault after the unlock, one method a call.

use std::rc::Rc;
use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edges::stored_keyvault_capnp::vault::{
    AcceptInviteParams, AcceptInviteResults, BeginInviteParams, BeginInviteResults, BeginReplicaParams,
    BeginReplicaResults, CancelInviteParams, CancelInviteResults, CompareCodeParams, CompareCodeResults,
    FinishInviteParams, FinishInviteResults, FinishReplicaParams, FinishReplicaResults, ForgetParams,
    ForgetResults, OpenEnvelopeParams, OpenEnvelopeResults, OpenInviteParams, OpenInviteResults,
    RemoveSessionParams, RemoveSessionResults, RepairSessionParams, RepairSessionResults, SealEnvelopeParams,
    SealEnvelopeResults, Server, SessionParams, SessionResults, SetVerifiedParams, SetVerifiedResults,
    SignParams, SignResults, VerificationCodeParams, VerificationCodeResults,
};
use ipc_schema::limits::{BLOB_MAX_BYTES, CONTENT_MAX_BYTES, ENVELOPE_BYTES, LINK_MAX_CHARS};

use super::{Closer, answer};
use crate::error::VaultError;
use crate::frame::OFFERS_MAX;
use crate::ids::{AcceptId, InviteId, OutboxId, ReplicaId, SessionId};
use crate::shell::{ServedVault, Shell, SystemRng};
use crate::vault::{AcceptInvite, IncomingEnvelope, RepairSession, SealEnvelope};

/// How long a `forget` waits for another call's flush to share: short beside its caller's patience, long beside a flush.
const PATIENCE: Duration = Duration::from_millis(20);

fn locked() -> capnp::Error {
    capnp::Error::disconnected("locked".to_owned())
}

/// The unlocked vault as stored sees it.
pub(super) struct Served {
    shell: Rc<Shell>,
    closer: Closer,
    /// Which vault it was handed out for: another may take its place.
    of: u32,
}

impl Served {
    pub(super) fn new(shell: Rc<Shell>, closer: Closer) -> Self {
        let of = shell.standing().borrow().vault;
        Self { shell, closer, of }
    }

    fn is_dead(&self) -> bool {
        self.shell.standing().borrow().vault != self.of
    }

    /// One call that changes nothing; after a lock the capability is dead.
    fn ask<T>(&self, call: impl FnOnce(&ServedVault) -> T) -> Result<T, capnp::Error> {
        if self.is_dead() {
            return Err(locked());
        }
        self.shell.with(|vault, _, _| call(vault)).ok_or_else(locked)
    }

    /// One call whose answer is given once it is durable.
    async fn call<T>(
        &self,
        call: impl FnOnce(&mut ServedVault, Timestamp, &mut SystemRng) -> Result<T, VaultError>,
    ) -> Result<Result<T, VaultError>, capnp::Error> {
        if self.is_dead() {
            return Err(locked());
        }
        self.shell.change(Duration::ZERO, call).await.ok_or_else(locked)
    }

    /// The same for calls that nothing waits for.
    async fn patient_call<T>(
        &self,
        call: impl FnOnce(&mut ServedVault, Timestamp, &mut SystemRng) -> Result<T, VaultError>,
    ) -> Result<Result<T, VaultError>, capnp::Error> {
        if self.is_dead() {
            return Err(locked());
        }
        self.shell.change(PATIENCE, call).await.ok_or_else(locked)
    }

    /// Calls whose answer has no room for an error: what cannot be done now fails, and is repeated.
    fn done(result: Result<(), VaultError>) -> Result<(), capnp::Error> {
        result.map_err(|error| {
            answer::report(&error);
            capnp::Error::overloaded("the vault file could not be written".to_owned())
        })
    }
}

impl Server for Served {
    async fn begin_invite(
        self: Rc<Self>,
        params: BeginInviteParams,
        mut results: BeginInviteResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let (invite, relay) = (InviteId(params.get_invite()), self.closer.relay(params.get_relay()?)?);
        let begun = self.call(|vault, now, rng| vault.begin_invite(invite, relay, now, rng)).await?;
        answer::begin(results.get().init_result(), begun);
        Ok(())
    }

    async fn finish_invite(
        self: Rc<Self>,
        params: FinishInviteParams,
        mut results: FinishInviteResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let created = self.closer.created(params.get_created()?)?;
        let hints = self.closer.hints(params.get_hints()?)?;
        let invite = InviteId(params.get_invite());
        let finished = self.call(|vault, _, rng| vault.finish_invite(invite, created?, &hints, rng)).await?;
        answer::finish_invite(results.get().init_result(), finished);
        Ok(())
    }

    async fn cancel_invite(
        self: Rc<Self>,
        params: CancelInviteParams,
        _: CancelInviteResults,
    ) -> Result<(), capnp::Error> {
        let invite = InviteId(params.get()?.get_invite());
        Self::done(self.call(|vault, _, _| vault.cancel_invite(invite)).await?)
    }

    async fn open_invite(
        self: Rc<Self>,
        params: OpenInviteParams,
        mut results: OpenInviteResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let accept = AcceptId(params.get_accept());
        let link = self.closer.bounded(params.get_link()?.as_bytes(), LINK_MAX_CHARS)?;
        // Bytes that are no UTF-8 are no link.
        let link = std::str::from_utf8(link).unwrap_or_default();
        let opened = self.call(|vault, now, rng| vault.open_invite(accept, link, now, rng)).await?;
        answer::open_invite(results.get().init_result(), opened)
    }

    async fn accept_invite(
        self: Rc<Self>,
        params: AcceptInviteParams,
        mut results: AcceptInviteResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let replicas = self.closer.ids(params.get_replicas()?, OFFERS_MAX, ReplicaId)?;
        let request = AcceptInvite {
            accept: AcceptId(params.get_accept()),
            untrusted_blob: self.closer.bounded(params.get_blob()?, BLOB_MAX_BYTES)?,
            replicas: &replicas,
            outbox: OutboxId(params.get_outbox()),
            content: self.closer.bounded(params.get_content()?, CONTENT_MAX_BYTES)?,
        };
        let accepted = self.call(|vault, now, rng| vault.accept_invite(request, now, rng)).await?;
        answer::accept(results.get().init_result(), accepted)
    }

    async fn begin_replica(
        self: Rc<Self>,
        params: BeginReplicaParams,
        mut results: BeginReplicaResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let (replica, relay) = (ReplicaId(params.get_replica()), self.closer.relay(params.get_relay()?)?);
        let begun = self.call(|vault, _, rng| vault.begin_replica(replica, relay, rng)).await?;
        answer::begin(results.get().init_result(), begun);
        Ok(())
    }

    async fn finish_replica(
        self: Rc<Self>,
        params: FinishReplicaParams,
        mut results: FinishReplicaResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let created = self.closer.created(params.get_created()?)?;
        let replica = ReplicaId(params.get_replica());
        let finished = self.call(|vault, _, _| vault.finish_replica(replica, created?)).await?;
        let is_ours_to_fail = matches!(finished, Err(VaultError::Store(_) | VaultError::Bug(_)));
        results.get().set_ok(finished.is_ok());
        if is_ours_to_fail { Self::done(finished) } else { Ok(()) }
    }

    async fn seal_envelope(
        self: Rc<Self>,
        params: SealEnvelopeParams,
        mut results: SealEnvelopeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let offer = self.closer.ids(params.get_offer()?, OFFERS_MAX, ReplicaId)?;
        let request = SealEnvelope {
            session: SessionId(params.get_session()),
            outbox: OutboxId(params.get_outbox()),
            content: self.closer.bounded(params.get_content()?, CONTENT_MAX_BYTES)?,
            offer: &offer,
        };
        let sealed = self.call(|vault, _, rng| vault.seal_envelope(request, rng)).await?;
        answer::seal(results.get().init_result(), sealed)
    }

    async fn open_envelope(
        self: Rc<Self>,
        params: OpenEnvelopeParams,
        mut results: OpenEnvelopeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        // Before `secure` a relay tells no key: then nothing was sealed for this queue either.
        let sender = params.get_sender_key()?;
        let incoming = IncomingEnvelope {
            replica: ReplicaId(params.get_replica()),
            untrusted_sender: if sender.is_empty() { [0; 32] } else { self.closer.array(sender)? },
            untrusted_envelope: &self.closer.array::<ENVELOPE_BYTES>(params.get_envelope()?)?,
        };
        let opened = self.call(|vault, now, rng| vault.open_envelope(incoming, now, rng)).await?;
        answer::open(results.get().init_result(), opened)
    }

    async fn forget(self: Rc<Self>, params: ForgetParams, _: ForgetResults) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let outbox = self.closer.outbox(params.get_outbox()?)?;
        let opened = self.closer.hashes(params.get_opened()?)?;
        Self::done(self.patient_call(|vault, now, _| vault.forget(&outbox, &opened, now)).await?)
    }

    async fn sign(self: Rc<Self>, params: SignParams, mut results: SignResults) -> Result<(), capnp::Error> {
        let request = self.closer.sign(params.get()?.get_purpose()?)?;
        let signed = self.ask(|vault| vault.sign(&request))?;
        answer::sign(results.get().init_result(), signed);
        Ok(())
    }

    async fn session(
        self: Rc<Self>,
        params: SessionParams,
        mut results: SessionResults,
    ) -> Result<(), capnp::Error> {
        let session = SessionId(params.get()?.get_session());
        let told = self.ask(|vault| {
            let (info, verified) = vault.session(session)?;
            Ok((vault.safety_number(session)?, info, verified))
        })?;
        answer::session(results.get().init_result(), told)
    }

    async fn remove_session(
        self: Rc<Self>,
        params: RemoveSessionParams,
        _: RemoveSessionResults,
    ) -> Result<(), capnp::Error> {
        let session = SessionId(params.get()?.get_session());
        Self::done(self.call(|vault, now, _| vault.remove_session(session, now)).await?)
    }

    async fn repair_session(
        self: Rc<Self>,
        params: RepairSessionParams,
        mut results: RepairSessionResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let offer = self.closer.ids(params.get_offer()?, OFFERS_MAX, ReplicaId)?;
        let request = RepairSession {
            session: SessionId(params.get_session()),
            outbox: OutboxId(params.get_outbox()),
            content: self.closer.bounded(params.get_content()?, CONTENT_MAX_BYTES)?,
            offer: &offer,
        };
        let sealed = self.call(|vault, now, rng| vault.repair_session(request, now, rng)).await?;
        answer::seal(results.get().init_result(), sealed)
    }

    async fn set_verified(
        self: Rc<Self>,
        params: SetVerifiedParams,
        mut results: SetVerifiedResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let session = SessionId(params.get_session());
        let digits = params.get_digits()?.to_str()?;
        let digits = (!digits.is_empty()).then_some(digits);
        let set = self.call(|vault, _, _| vault.set_verified(session, digits)).await?;
        answer::done(results.get().init_result(), set);
        Ok(())
    }

    async fn verification_code(
        self: Rc<Self>,
        params: VerificationCodeParams,
        mut results: VerificationCodeResults,
    ) -> Result<(), capnp::Error> {
        let session = SessionId(params.get()?.get_session());
        let code = self.ask(|vault| vault.verification_code(session))?;
        answer::verification_code(results.get().init_result(), code);
        Ok(())
    }

    async fn compare_code(
        self: Rc<Self>,
        params: CompareCodeParams,
        mut results: CompareCodeResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let session = SessionId(params.get_session());
        let code = self.closer.bounded(params.get_code()?.as_bytes(), LINK_MAX_CHARS)?;
        // Bytes that are no UTF-8 are no code.
        let code = std::str::from_utf8(code).unwrap_or_default();
        let told = self.call(|vault, _, _| vault.compare_code(session, code)).await?;
        answer::comparison(results.get().init_result(), told);
        Ok(())
    }
}
