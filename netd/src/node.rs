//! Dials for onion: the checks of `dial.rs`, then a swarm.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use ipc_schema::Timestamp;
use libp2p::identity::Keypair;

use crate::address::{LinkKey, Target};
use crate::dial::Dialling;
use crate::drive::{self, Connected, Handle};
use crate::error::ConnectError;
use crate::swarm::{Role, build};

/// Where links are dialled from.
#[derive(Debug)]
pub enum Origin {
    /// A client: a fresh key, and so a fresh peer id and UDP port, for each link.
    Fresh {
        /// Whether the network is a private one.
        private: bool,
    },
    /// A relay: the swarm that listens, under its link key.
    Relay(Handle),
}

/// Everything that is dialled from this process.
#[derive(Debug)]
pub struct Node {
    dialling: RefCell<Dialling>,
    origin: Origin,
    gates: RefCell<HashMap<LinkKey, Weak<tokio::sync::Mutex<()>>>>,
}

impl Node {
    /// Dials by these rules.
    #[must_use]
    pub fn new(dialling: Dialling, origin: Origin) -> Self {
        Self { dialling: RefCell::new(dialling), origin, gates: RefCell::new(HashMap::new()) }
    }

    /// How many bootstraps were granted.
    #[must_use]
    pub fn bootstraps(&self) -> usize {
        self.dialling.borrow().bootstraps()
    }

    /// A relay by its signed descriptor.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub fn descriptor(&self, untrusted: &[u8]) -> Result<Target, ConnectError> {
        self.dialling.borrow().descriptor(Timestamp::now(), untrusted)
    }

    /// A bootstrap of the Grant.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub fn bootstrap(&self, index: u16) -> Result<Target, ConnectError> {
        self.dialling.borrow().bootstrap(index)
    }

    /// A contact point out of an invite.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub fn hint(&self, untrusted: &[u8]) -> Result<Target, ConnectError> {
        self.dialling.borrow().hint(untrusted)
    }

    /// Taken by whoever looks for a link to this relay and may have to make it, so that two do not make two.
    pub async fn gate(&self, link_key: LinkKey) -> tokio::sync::OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.gates.borrow_mut();
            gates.retain(|_, gate| gate.strong_count() > 0);
            gates.get(&link_key).and_then(Weak::upgrade).unwrap_or_else(|| {
                let gate = Arc::new(tokio::sync::Mutex::new(()));
                gates.insert(link_key, Arc::downgrade(&gate));
                gate
            })
        };
        gate.lock_owned().await
    }

    /// Dials what the checks above let through, and remembers how it went.
    ///
    /// # Errors
    /// The reason, as onion is told it.
    pub async fn dial(&self, target: Target) -> Result<Connected, ConnectError> {
        self.dialling.borrow_mut().begin(Timestamp::now(), &target)?;
        let link_key = target.link_key;
        let result = match &self.origin {
            Origin::Relay(swarm) => swarm.dial(target).await,
            Origin::Fresh { private } => dial_fresh(target, *private).await,
        };
        let mut dialling = self.dialling.borrow_mut();
        match &result {
            Ok(_) => dialling.succeeded(&link_key),
            // Our own limits say nothing about the relay.
            Err(ConnectError::TooMany) => {}
            Err(_) => dialling.failed(Timestamp::now(), link_key, &mut UnwrapErr(SysRng)),
        }
        result
    }
}

/// A swarm for this link alone: some 150 us and 40 kB (its certificate, a socket), and nothing that joins it to another.
async fn dial_fresh(target: Target, private: bool) -> Result<Connected, ConnectError> {
    let swarm =
        build(Keypair::generate_ed25519(), Role::Client, private).map_err(|_| ConnectError::Unreachable)?;
    drive::run(swarm, None).dial(target).await
}
