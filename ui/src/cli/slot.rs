//! `privatus slot`: what opens the vault. Every one of these asks for the passphrase anew.

use std::future::Future;

use clap::{Args, Subcommand, ValueEnum};
use ipc_schema::edge::ui_keyvault::{AddPassphrase, AddRecovery, ChangeSlot, RemoveSlot, SlotKind, Slots};
use ipc_schema::edges::ui_keyvault_capnp::unlock;
use serde::Serialize;

use super::passphrase::{self, Passphrase};
use super::{Context, Failure, Outcome, sockets, talk};
use crate::peers::{self, PeerError};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Take the passphrase, or the words of a recovery key, from this descriptor: one line
    #[arg(long, value_name = "N", global = true)]
    passphrase_fd: Option<i32>,
    /// Take the new passphrase from this descriptor: one line
    #[arg(long, value_name = "N", global = true)]
    new_passphrase_fd: Option<i32>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Which slots are in use, and for what
    List,
    /// Into a free slot
    Add {
        /// What to add
        kind: Kind,
    },
    /// Another passphrase in a slot
    Change {
        /// The slot's number
        slot: u8,
    },
    /// Make a slot open no more
    Remove {
        /// The slot's number
        slot: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Opens the vault
    Passphrase,
    /// 24 words to write down, printed once
    Recovery,
    /// A passphrase that destroys everything and opens an empty decoy
    Duress,
}

/// Where an answer that was lost can be read.
const LOST: &str = "see `privatus slot list`";

#[derive(Debug, Serialize)]
struct Row {
    slot: u8,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Words<'a> {
    slot: u8,
    kind: &'static str,
    words: &'a str,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let new = || passphrase::read_new(arguments.new_passphrase_fd, "New passphrase");
    match arguments.what {
        What::List => list(context, &passphrase),
        What::Add { kind: Kind::Recovery } => add_recovery(context, &passphrase),
        What::Add { kind } => add(context, &passphrase, &new()?, kind),
        What::Change { slot } => {
            let new = new()?;
            let change = || ChangeSlot { passphrase: passphrase.clone(), slot, new: new.clone() };
            once(context, |unlock| peers::send(unlock, change()))??;
            context.output.done(&Row { slot, kind: "changed" }, || format!("slot {slot} is changed"), LOST)
        }
        What::Remove { slot } => {
            let remove = || RemoveSlot { passphrase: passphrase.clone(), slot };
            once(context, |unlock| peers::send(unlock, remove()))??;
            context.output.done(&Row { slot, kind: "empty" }, || format!("slot {slot} opens no more"), LOST)
        }
    }
}

fn list(context: &Context, passphrase: &Passphrase) -> Outcome {
    let call = |unlock| peers::send(unlock, Slots { passphrase: passphrase.clone() });
    let slots = sockets::block_on(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call))??;
    for (slot, kind) in (0..).zip(slots) {
        if context.output.json || kind != SlotKind::Empty {
            let kind = kind.word();
            context.output.row(&Row { slot, kind }, || format!("{slot}  {kind}"))?;
        }
    }
    Ok(())
}

fn add(context: &Context, passphrase: &Passphrase, new: &Passphrase, kind: Kind) -> Outcome {
    let duress = kind == Kind::Duress;
    let call = || AddPassphrase { passphrase: passphrase.clone(), new: new.clone(), duress };
    let slot = once(context, |unlock| peers::send(unlock, call()))??;
    let kind = if duress { "duress" } else { "passphrase" };
    context.output.done(&Row { slot, kind }, || format!("{slot}  {kind}"), LOST)
}

fn add_recovery(context: &Context, passphrase: &Passphrase) -> Outcome {
    let call = || AddRecovery { passphrase: passphrase.clone() };
    let recovery = once(context, |unlock| peers::send(unlock, call()))??;
    let row = Words { slot: recovery.slot, kind: "recovery", words: &recovery.words };
    // They are shown once, and nobody has seen these.
    let next = format!("remove it with `privatus slot remove {}` and add another", recovery.slot);
    context.output.done(&row, || recovery.words.to_string(), &next)
}

/// Calls keyvault and does not repeat it by itself: it may have been done when its answer was lost.
fn once<T, F: Future<Output = Result<T, PeerError>>>(
    context: &Context,
    call: impl Fn(unlock::Client) -> F,
) -> Outcome<T> {
    let call = |unlock| {
        let answer = call(unlock);
        async move {
            match answer.await {
                Err(PeerError::Lost) => Ok(None),
                answer => answer.map(Some),
            }
        }
    };
    sockets::block_on(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call))?.ok_or_else(|| {
        Failure::NotSettled("the answer was lost: see `privatus slot list` whether it was done".into())
    })
}
