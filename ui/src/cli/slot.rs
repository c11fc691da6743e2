//! `privatus slot`: what opens the vault. Every one of these asks for the passphrase anew.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::passphrase::{self, Passphrase};
use super::{Context, Failure, Outcome, refusal, sockets, talk};
use crate::peers::PeerError;
use crate::peers::unlock::{SlotKind, Unlock, UnlockResult};

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
    let new = || passphrase::read(arguments.new_passphrase_fd, "New passphrase");
    match arguments.what {
        What::List => list(context, &passphrase),
        What::Add { kind: Kind::Recovery } => add_recovery(context, &passphrase),
        What::Add { kind } => add(context, &passphrase, &new()?, kind),
        What::Change { slot } => {
            let new = new()?;
            changed(context, |unlock| {
                let (passphrase, new) = (passphrase.clone(), new.clone());
                async move { unlock.change_slot(&passphrase, slot, &new).await }
            })?;
            context.output.row(&Row { slot, kind: "changed" }, || format!("slot {slot} is changed"))
        }
        What::Remove { slot } => {
            changed(context, |unlock| {
                let passphrase = passphrase.clone();
                async move { unlock.remove_slot(&passphrase, slot).await }
            })?;
            context.output.row(&Row { slot, kind: "empty" }, || format!("slot {slot} opens no more"))
        }
    }
}

fn list(context: &Context, passphrase: &Passphrase) -> Outcome {
    let call = |unlock: Unlock| {
        let passphrase = passphrase.clone();
        async move { unlock.slots(&passphrase).await }
    };
    let (slots, result) = sockets::block_on(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call))?;
    refusal::unlocked(result)?;
    for (slot, kind) in (0..).zip(slots) {
        let kind = word(kind);
        if context.output.json || kind != "empty" {
            context.output.row(&Row { slot, kind }, || format!("{slot}  {kind}"))?;
        }
    }
    Ok(())
}

fn add(context: &Context, passphrase: &Passphrase, new: &Passphrase, kind: Kind) -> Outcome {
    let duress = kind == Kind::Duress;
    let (slot, result) = once(context, |unlock| {
        let (passphrase, new) = (passphrase.clone(), new.clone());
        async move { unlock.add_passphrase(&passphrase, &new, duress).await }
    })?;
    refusal::unlocked(result)?;
    let kind = if duress { "duress" } else { "passphrase" };
    context.output.row(&Row { slot, kind }, || format!("{slot}  {kind}"))
}

fn add_recovery(context: &Context, passphrase: &Passphrase) -> Outcome {
    let (slot, words, result) = once(context, |unlock| {
        let passphrase = passphrase.clone();
        async move { unlock.add_recovery(&passphrase).await }
    })?;
    refusal::unlocked(result)?;
    let row = Words { slot, kind: "recovery", words: &words };
    context.output.row(&row, || words.to_string())
}

/// A call that changes one slot. Its repetition after a lost answer is refused, and changes nothing.
fn changed<F: Future<Output = Result<UnlockResult, PeerError>>>(
    context: &Context,
    call: impl Fn(Unlock) -> F,
) -> Outcome {
    refusal::unlocked(once(context, call)?)
}

/// Calls keyvault and does not repeat it by itself: it may have been done when its answer was lost.
fn once<T, F: Future<Output = Result<T, PeerError>>>(
    context: &Context,
    call: impl Fn(Unlock) -> F,
) -> Outcome<T> {
    let call = |unlock: Unlock| {
        let answer = call(unlock);
        async move {
            match answer.await {
                Err(PeerError::Lost) => Ok(None),
                answer => answer.map(Some),
            }
        }
    };
    sockets::block_on(talk::vault(&context.profile, talk::SLOW_ON_PURPOSE, call))?.ok_or_else(|| {
        Failure::NotRunning("the answer was lost: see `privatus slot list` whether it was done".into())
    })
}

fn word(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Empty => "empty",
        SlotKind::Passphrase => "passphrase",
        SlotKind::Recovery => "recovery",
        SlotKind::Duress => "duress",
    }
}
