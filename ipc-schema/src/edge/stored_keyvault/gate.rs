//! What can be had of a vault while it is locked.

use zeroize::Zeroizing;

use super::Key;
use crate::edge::{Builder, Call, Read, Reader, call, fixed, interface};
use crate::edges::stored_keyvault_capnp::{gate, vault};

type To<'a, C> = Builder<'a, <C as Call>::Results>;
type Found<'a, C> = Reader<'a, <C as Call>::Results>;

interface! {
    /// What can be had of a vault while it is locked.
    Gate of gate {
        open(OpenParams, OpenResults): OpenGate,
        standing(StandingParams, StandingResults): Standing,
        wiped(WipedParams, WipedResults): Wiped,
    }
}

call! {
    /// Parks until the vault is unlocked.
    #[derive(Clone, Copy, PartialEq, Eq)]
    OpenGate of gate: open_request, open_params, open_results;
    asks {}
    answers Unlocked: by write_unlocked read_unlocked;
}

/// What an unlocked vault hands over.
pub struct Unlocked {
    /// Dead once another vault takes its place.
    pub vault: vault::Client,
    /// Of `store.db`.
    pub store_key: Zeroizing<Key>,
    /// Of `decoy.db`.
    pub decoy_key: Zeroizing<Key>,
    /// Local programs may use the sockets of a desktop profile.
    pub scripts: bool,
    /// Before anything else the decoy takes the place of everything.
    pub wipe: bool,
    /// There are keys of contacts or queues, so there was a history.
    pub known: bool,
}

fn write_unlocked(unlocked: &Unlocked, to: To<'_, OpenGate>) {
    let mut to = to.init_unlocked();
    to.set_vault(unlocked.vault.clone());
    to.set_store_key(unlocked.store_key.as_slice());
    to.set_decoy_key(unlocked.decoy_key.as_slice());
    to.set_scripts(unlocked.scripts);
    to.set_wipe(unlocked.wipe);
    to.set_known(unlocked.known);
}

fn read_unlocked(from: Found<'_, OpenGate>) -> Read<Unlocked> {
    let from = from.get_unlocked()?;
    Ok(Unlocked {
        vault: from.get_vault()?,
        store_key: Zeroizing::new(fixed(from.get_store_key()?)?),
        decoy_key: Zeroizing::new(fixed(from.get_decoy_key()?)?),
        scripts: from.get_scripts(),
        wipe: from.get_wipe(),
        known: from.get_known(),
    })
}

call! {
    /// Parks while things stand as in `seen`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Standing of gate: standing_request, standing_params, standing_results;
    asks {
        /// [`Stands::number`] of last time; 0 is always answered.
        seen: u64 => number get_seen set_seen,
    }
    answers Stands: by write_stands read_stands;
}

/// How things stand beside what was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stands {
    /// Never 0, and another one for each standing.
    pub number: u64,
    /// The window is to be served nothing but counts.
    pub screen_locked: bool,
    /// Grows when another vault took the place of the one that was open.
    pub vault: u32,
}

fn write_stands(stands: &Stands, mut to: To<'_, Standing>) {
    to.set_now(stands.number);
    to.set_screen_locked(stands.screen_locked);
    to.set_vault(stands.vault);
}

fn read_stands(from: Found<'_, Standing>) -> Read<Stands> {
    Ok(Stands { number: from.get_now(), screen_locked: from.get_screen_locked(), vault: from.get_vault() })
}

call! {
    /// What [`Unlocked::wipe`] ordered is done.
    #[derive(Clone, Copy, PartialEq, Eq)]
    Wiped of gate: wiped_request, wiped_params, wiped_results;
    asks {}
    answers nothing;
}
