//! A command's talk with stored and keyvault: again over a new connection while one of them is being restarted, and with a passphrase
//! when it is its turn.

use std::future::Future;
use std::time::Duration;

use ipc_schema::edge::Call;
use ipc_schema::edge::ui_keyvault::{AskTurn, LookState, Refused};
use ipc_schema::edge::ui_stored::Refusal;
use ipc_schema::edges::{ui_keyvault_capnp::unlock, ui_stored_capnp::messenger};
use tokio::time::Instant;

use super::exit::Outcome;
use super::paths::Profile;
use super::refusal::too_early;
use super::sockets::{self, Away, Open, Socket};
use crate::peers::messenger::Messenger;
use crate::peers::{self, PeerError};

/// An answer that comes from memory and disk, with room for a slow computer.
pub const SOON: Duration = Duration::from_secs(30);

/// An answer that needs relays: 60 s by the contract, and room for the answer itself.
pub const OVER_THE_NETWORK: Duration = Duration::from_secs(75);

/// What waits for pieces of something of any size, each of them in its own time.
pub const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(u32::MAX as u64);

/// A passphrase is made slow on purpose, and a small computer makes it slower.
pub const SLOW_ON_PURPOSE: Duration = Duration::from_secs(120);

/// How long a command waits for its turn after too many wrong passphrases, where nobody sits before it: whatever runs it hears soon how
/// long it would be.
pub const TURN_WAIT: Duration = Duration::from_secs(15);

/// The same at a terminal, where a person reads how long it is and may end it: 31 others, each for 70 s, and room.
pub const TURN_WAIT_AT_TERMINAL: Duration = Duration::from_secs(3600);

/// Who waits for its turn asks so often, and keeps its place.
const TURN_LOOK: Duration = Duration::from_secs(1);

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
    let mut away = Away::default();
    loop {
        let open = sockets::open::<messenger::Client>(profile, Socket::Messenger, &mut away).await?;
        let started = Instant::now();
        let answer = tokio::time::timeout(longest, call(Messenger::new(open.client.clone()))).await;
        drop(open);
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(sockets::away()),
        };
        // Right after a restart stored is locked until it has its key again: the vault says whether a person must do something.
        let passing = match error {
            PeerError::Lost => true,
            PeerError::Refused(Refusal::Locked) => !is_locked(profile, &mut away).await?,
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
async fn vault<T, F>(
    profile: &Profile,
    longest: Duration,
    away: &mut Away,
    call: impl Fn(unlock::Client) -> F,
) -> Outcome<T>
where
    F: Future<Output = Result<T, PeerError>>,
{
    loop {
        // No passphrase rides ahead: it is sent once keyvault has answered.
        let open = sockets::open::<unlock::Client>(profile, Socket::Unlock, away).await?;
        let started = Instant::now();
        match tokio::time::timeout(longest, call(open.client.clone())).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(PeerError::Lost)) if away.again(started).await => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(sockets::away()),
        }
    }
}

/// Whether the vault is locked, as its keyvault says once it answers.
async fn is_locked(profile: &Profile, away: &mut Away) -> Outcome<bool> {
    vault(profile, SOON, away, |unlock| peers::ask(unlock, LookState {})).await.map(|state| state.locked)
}

/// Has keyvault drop all keys, and waits until a fresh one answers. Whoever unlocks meanwhile is not waited for.
///
/// # Errors
/// Exit 4 when it stays away.
pub async fn lock(profile: &Profile) -> Outcome {
    use ipc_schema::edge::ui_keyvault::Lock;
    let mut away = Away::default();
    loop {
        let open: Open<unlock::Client> = sockets::open(profile, Socket::Unlock, &mut away).await?;
        let started = Instant::now();
        let lock = async {
            let before = peers::ask(open.client.clone(), LookState {}).await?;
            peers::ask(open.client.clone(), Lock {}).await?;
            Ok::<_, PeerError>(before.locked)
        };
        match tokio::time::timeout(SOON, lock).await {
            // It held no keys, and goes on.
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => {
                open.closed().await;
                return is_locked(profile, &mut Away::default()).await.map(drop);
            }
            Ok(Err(PeerError::Lost)) if away.again(started).await => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(sockets::away()),
        }
    }
}

/// What can say that it is not the caller's turn.
pub trait Tried {
    /// Seconds until it is.
    fn wait_s(&self) -> Option<u16>;
}

impl<T, E: Refused> Tried for Result<T, E> {
    fn wait_s(&self) -> Option<u16> {
        self.as_ref().err().and_then(Refused::wait_s)
    }
}

impl<T: Tried> Tried for Option<T> {
    fn wait_s(&self) -> Option<u16> {
        self.as_ref().and_then(Tried::wait_s)
    }
}

/// Makes a call with a passphrase once it is this command's turn, which it waits for as long as `patience` says, connected all the time.
/// `call` must be idempotent, or turn an answer that was lost into one.
///
/// # Errors
/// Exit 3 with the seconds where it is not its turn in time; exit 4 when keyvault stays away.
pub async fn with_passphrase<T: Tried, F>(
    profile: &Profile,
    patience: Patience,
    call: impl Fn(unlock::Client) -> F,
) -> Outcome<T>
where
    F: Future<Output = Result<T, PeerError>>,
{
    let (until, call) = (Instant::now() + patience.wait, &call);
    let longest = SLOW_ON_PURPOSE + patience.wait;
    let turn = |unlock: unlock::Client| async move {
        let mut told = !patience.tells;
        loop {
            let mut wait_s = peers::ask(unlock.clone(), AskTurn {}).await?;
            if wait_s == 0 {
                let answer = call(unlock.clone()).await?;
                match answer.wait_s() {
                    // It was another's turn after all.
                    Some(seconds) => wait_s = seconds,
                    None => return Ok(Ok(answer)),
                }
            }
            let wait = Duration::from_secs(wait_s.into());
            if Instant::now() + wait > until {
                return Ok(Err(wait_s));
            }
            if !std::mem::replace(&mut told, true) {
                eprintln!(
                    "privatus: too many wrong passphrases: waits {wait_s} s for its turn; Ctrl C ends that"
                );
            }
            tokio::time::sleep(wait.min(TURN_LOOK)).await;
        }
    };
    vault(profile, longest, &mut Away::default(), turn).await?.map_err(too_early)
}

/// How long a command waits for its turn.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// So long.
    pub wait: Duration,
    /// And says so.
    pub tells: bool,
}

impl Patience {
    /// A person at a terminal sees how long it is; a script, which gives its passphrase on a descriptor, is told soon, unless it names
    /// how long it `waits`.
    #[must_use]
    pub fn of(passphrase_fd: Option<i32>, waits: Option<Duration>) -> Self {
        let tells = passphrase_fd.is_none();
        let wait = if tells { TURN_WAIT_AT_TERMINAL } else { TURN_WAIT };
        Self { wait: waits.unwrap_or(wait), tells }
    }
}
