//! A command's talk with stored and keyvault: again over a new connection while one of them is being restarted.

use std::future::Future;
use std::time::Duration;

use futures::TryFutureExt;
use ipc_schema::edge::Call;
use ipc_schema::edge::ui_keyvault::LookState;
use ipc_schema::edge::ui_stored::Refusal;
use ipc_schema::edges::{ui_keyvault_capnp::unlock, ui_stored_capnp::messenger};
use tokio::time::Instant;

use super::exit::{Doing, Outcome};
use super::paths::Profile;
use super::sockets::{self, RESTART_WAIT, Socket};
use crate::peers::messenger::Messenger;
use crate::peers::{self, PeerError};

/// Between two tries.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// An answer that comes from memory and disk, with room for a slow computer.
pub const SOON: Duration = Duration::from_secs(30);

/// An answer that needs relays: 60 s by the contract, and room for the answer itself.
pub const OVER_THE_NETWORK: Duration = Duration::from_secs(75);

/// A passphrase is made slow on purpose, and a small computer makes it slower.
pub const SLOW_ON_PURPOSE: Duration = Duration::from_secs(120);

/// How long the callee was away, counted from the last time that it held a connection.
struct Away {
    since: Option<Instant>,
}

impl Away {
    /// After a lost call that began at `started`: whether to try again.
    async fn again(&mut self, started: Instant) -> bool {
        let now = Instant::now();
        // A connection that held this long was served: what is counted is the time without one.
        if now - started > Duration::from_secs(1) {
            self.since = None;
        }
        let since = *self.since.get_or_insert(now);
        if now - since >= RESTART_WAIT {
            return false;
        }
        tokio::time::sleep(RETRY_EVERY).await;
        true
    }
}

/// Calls stored, `longest` at most a time. `call` must be idempotent: it is repeated when the answer was lost.
///
/// # Errors
/// What stored refuses; exit 4 when it stays away.
pub async fn messenger<T, F>(
    profile: &Profile,
    longest: Duration,
    call: impl Fn(Messenger) -> F,
) -> Outcome<T>
where
    F: Future<Output = Result<T, PeerError>>,
{
    let mut away = Away { since: None };
    loop {
        let started = Instant::now();
        let socket = sockets::connect(profile, Socket::Messenger)?;
        let (client, connection) =
            ipc_schema::rpc::connect::<messenger::Client>(socket.into()).doing("speak to the suite")?;
        let answer = tokio::time::timeout(longest, call(Messenger::new(client))).await;
        connection.abort();
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(sockets::away()),
        };
        // Right after a restart stored is locked until it has its key again: the vault says whether a person must do something.
        let passing = match error {
            PeerError::Lost => true,
            PeerError::Refused(Refusal::Locked) => !locked(profile).await?,
            PeerError::Refused(_) | PeerError::Misbehaved => false,
        };
        if !passing || !away.again(started).await {
            return Err(error.into());
        }
    }
}

/// Makes one call to stored, which must be idempotent.
///
/// # Errors
/// As [`messenger`].
pub async fn call<C>(profile: &Profile, longest: Duration, call: C) -> Outcome<C::Answer>
where
    C: Call<Client = messenger::Client, Error: Into<Refusal>> + Clone,
{
    let call = &call;
    messenger(profile, longest, |messenger| async move { messenger.call(call.clone()).await }).await
}

/// Calls keyvault, `longest` at most a time. `call` must be idempotent.
///
/// # Errors
/// Exit 4 when it stays away.
pub async fn vault<T, F>(
    profile: &Profile,
    longest: Duration,
    call: impl Fn(unlock::Client) -> F,
) -> Outcome<T>
where
    F: Future<Output = Result<T, PeerError>>,
{
    let mut away = Away { since: None };
    loop {
        let started = Instant::now();
        let socket = sockets::connect(profile, Socket::Unlock)?;
        let (client, connection) =
            ipc_schema::rpc::connect::<unlock::Client>(socket.into()).doing("speak to the suite")?;
        // No passphrase rides ahead: it is sent once keyvault has answered.
        let talk = peers::ask(client.clone(), LookState {}).and_then(|_| call(client.clone()));
        let answer = tokio::time::timeout(longest, talk).await;
        connection.abort();
        match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(PeerError::Lost)) if away.again(started).await => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(sockets::away()),
        }
    }
}

/// Whether the vault is locked.
///
/// # Errors
/// As [`vault`].
pub async fn locked(profile: &Profile) -> Outcome<bool> {
    vault(profile, SOON, |unlock| peers::ask(unlock, LookState {})).await.map(|state| state.locked)
}
