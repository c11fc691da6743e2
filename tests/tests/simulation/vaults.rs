//! A person's keyvault: what the product asks of a vault, served over one that lies in memory. The product's own servers are joined to
//! its sealed file and the system's randomness.

use std::cell::RefCell;
use std::rc::Rc;

use ipc_schema::Machine;
use ipc_schema::edge::stored_keyvault::{
    self as edge, Gate, OpenGate, Standing, Stands, Unlocked, Vault, Wiped,
};
use ipc_schema::edge::{Closer, Served};
use ipc_schema::ends::EdgeEnds;
use keyvault::calls::{self, Serve};
use keyvault::store::MemoryStore;
use keyvault::vault::Vault as OpenVault;
use rand_core::CryptoRng;

/// The vault, as long as its process lives.
pub type Shared = Rc<RefCell<Option<OpenVault<MemoryStore>>>>;

/// A process that was told the passphrase.
pub struct Keyvault {
    pub vault: Shared,
    pub machine: Machine,
    pub rng: RefCell<Box<dyn CryptoRng>>,
    pub closer: Closer,
}

/// Serves stored's edge.
pub fn serve(ends: EdgeEnds, vault: Shared, machine: Machine) {
    let (closer, rng) = (Closer::default(), RefCell::new(machine.chance()));
    let keyvault = Rc::new(Keyvault { vault, machine, rng, closer: closer.clone() });
    let task = ipc_schema::rpc::serve(ends, Gate::client(keyvault, closer.clone()).client).unwrap();
    closer.watch(task.abort_handle());
}

impl Gate for Keyvault {
    async fn open(self: Rc<Self>, _: OpenGate) -> Served<OpenGate> {
        let closer = self.closer.clone();
        Ok(Ok(Unlocked {
            vault: Vault::client(self, closer),
            store_key: [7; 32].into(),
            decoy_key: [8; 32].into(),
            scripts: false,
            wipe: false,
            known: false,
        }))
    }

    async fn standing(self: Rc<Self>, call: Standing) -> Served<Standing> {
        if call.seen == 1 {
            // Nothing changes any more.
            std::future::pending::<()>().await;
        }
        Ok(Ok(Stands { number: 1, screen_locked: false, vault: 1 }))
    }

    async fn wiped(self: Rc<Self>, _: Wiped) -> Served<Wiped> {
        Ok(Ok(()))
    }
}

impl Keyvault {
    fn answer<C: Serve>(&self, call: C) -> Served<C> {
        let mut vault = self.vault.borrow_mut();
        let vault = vault.as_mut().ok_or_else(|| capnp::Error::disconnected(String::new()))?;
        let served = call.serve(vault, self.machine.now(), &mut *self.rng.borrow_mut());
        calls::told::<C>(served).map_err(|_| capnp::Error::overloaded(String::new()))
    }
}

macro_rules! answered {
    ($($method:ident $call:ident)*) => {
        impl Vault for Keyvault {
            $(async fn $method(self: Rc<Self>, call: edge::$call) -> Served<edge::$call> {
                self.answer(call)
            })*
        }
    };
}

answered!(begin_invite BeginInvite finish_invite FinishInvite cancel_invite CancelInvite open_invite OpenInvite
    accept_invite AcceptInvite begin_receive_queue BeginReceiveQueue finish_receive_queue FinishReceiveQueue seal_envelope SealEnvelope
    open_envelope OpenEnvelope forget Forget sign Sign session Session remove_session RemoveSession
    repair_session RepairSession set_verified SetVerified verification_code VerificationCode compare_code CompareCode
    begin_comparison BeginComparison answer_comparison AnswerComparison reveal_comparison RevealComparison
    check_comparison CheckComparison verify_string VerifyString);
