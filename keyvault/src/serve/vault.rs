//! The edge stored-keyvault after the unlock, one method a call.

use std::rc::Rc;
use std::time::Duration;

use ipc_schema::edge::Served;
use ipc_schema::edge::stored_keyvault::{
    AcceptInvite, AnswerComparison, BeginComparison, BeginInvite, BeginReceiveQueue, CancelInvite,
    CheckComparison, CompareCode, FinishInvite, FinishReceiveQueue, Forget, OpenEnvelope, OpenInvite,
    RemoveSession, RepairSession, RevealComparison, SealEnvelope, Session, SetVerified, Sign, Vault,
    VerificationCode, VerifyString,
};

use super::report;
use crate::calls::{self, Serve};
use crate::error::VaultError;
use crate::shell::Shell;

/// How long a `forget` waits for another call's flush to share: short beside its caller's patience, long beside a flush.
const PATIENCE: Duration = Duration::from_millis(20);

pub(super) fn locked() -> capnp::Error {
    capnp::Error::disconnected("locked".to_owned())
}

/// The unlocked vault as stored sees it.
pub(super) struct VaultServer {
    shell: Rc<Shell>,
    /// Which vault it was handed out for: another may take its place.
    of: u32,
}

impl VaultServer {
    pub(super) fn new(shell: Rc<Shell>) -> Self {
        let of = shell.standing().borrow().vault;
        Self { shell, of }
    }

    /// After a lock the capability is dead.
    fn alive(&self) -> Result<(), capnp::Error> {
        if self.shell.standing().borrow().vault == self.of { Ok(()) } else { Err(locked()) }
    }

    /// One call that changes nothing.
    fn look<C: Serve>(&self, call: C) -> Served<C> {
        self.alive()?;
        told::<C>(self.shell.with(|vault, now, rng| call.serve(vault, now, rng)).ok_or_else(locked)?)
    }

    /// One call whose answer is given once it is durable.
    async fn change<C: Serve>(&self, call: C) -> Served<C> {
        self.change_within(Duration::ZERO, call).await
    }

    async fn change_within<C: Serve>(&self, patience: Duration, call: C) -> Served<C> {
        self.alive()?;
        let done = self.shell.change(patience, |vault, now, rng| call.serve(vault, now, rng)).await;
        told::<C>(done.ok_or_else(locked)?)
    }
}

/// What stored is told; the operator is told what stored is not.
fn told<C: Serve>(served: Result<C::Answer, VaultError>) -> Served<C> {
    if let Err(error) = &served {
        report(error);
    }
    calls::told::<C>(served).map_err(|_| {
        // It is repeated.
        capnp::Error::overloaded("the vault cannot do this now".to_owned())
    })
}

impl Vault for VaultServer {
    async fn begin_invite(self: Rc<Self>, call: BeginInvite) -> Served<BeginInvite> {
        self.change(call).await
    }

    async fn finish_invite(self: Rc<Self>, call: FinishInvite) -> Served<FinishInvite> {
        self.change(call).await
    }

    async fn cancel_invite(self: Rc<Self>, call: CancelInvite) -> Served<CancelInvite> {
        self.change(call).await
    }

    async fn open_invite(self: Rc<Self>, call: OpenInvite) -> Served<OpenInvite> {
        self.change(call).await
    }

    async fn accept_invite(self: Rc<Self>, call: AcceptInvite) -> Served<AcceptInvite> {
        self.change(call).await
    }

    async fn begin_receive_queue(self: Rc<Self>, call: BeginReceiveQueue) -> Served<BeginReceiveQueue> {
        self.change(call).await
    }

    async fn finish_receive_queue(self: Rc<Self>, call: FinishReceiveQueue) -> Served<FinishReceiveQueue> {
        self.change(call).await
    }

    async fn seal_envelope(self: Rc<Self>, call: SealEnvelope) -> Served<SealEnvelope> {
        self.change(call).await
    }

    async fn open_envelope(self: Rc<Self>, call: OpenEnvelope) -> Served<OpenEnvelope> {
        self.change(call).await
    }

    async fn forget(self: Rc<Self>, call: Forget) -> Served<Forget> {
        // Nothing waits for it.
        self.change_within(PATIENCE, call).await
    }

    async fn sign(self: Rc<Self>, call: Sign) -> Served<Sign> {
        self.look(call)
    }

    async fn session(self: Rc<Self>, call: Session) -> Served<Session> {
        self.look(call)
    }

    async fn remove_session(self: Rc<Self>, call: RemoveSession) -> Served<RemoveSession> {
        self.change(call).await
    }

    async fn repair_session(self: Rc<Self>, call: RepairSession) -> Served<RepairSession> {
        self.change(call).await
    }

    async fn set_verified(self: Rc<Self>, call: SetVerified) -> Served<SetVerified> {
        self.change(call).await
    }

    async fn verification_code(self: Rc<Self>, call: VerificationCode) -> Served<VerificationCode> {
        self.look(call)
    }

    async fn compare_code(self: Rc<Self>, call: CompareCode) -> Served<CompareCode> {
        self.change(call).await
    }

    async fn begin_comparison(self: Rc<Self>, call: BeginComparison) -> Served<BeginComparison> {
        self.change(call).await
    }

    async fn answer_comparison(self: Rc<Self>, call: AnswerComparison) -> Served<AnswerComparison> {
        self.change(call).await
    }

    async fn reveal_comparison(self: Rc<Self>, call: RevealComparison) -> Served<RevealComparison> {
        self.look(call)
    }

    async fn check_comparison(self: Rc<Self>, call: CheckComparison) -> Served<CheckComparison> {
        self.look(call)
    }

    async fn verify_string(self: Rc<Self>, call: VerifyString) -> Served<VerifyString> {
        self.change(call).await
    }
}
