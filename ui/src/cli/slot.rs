//! `privatus slot`: what opens the vault. Every one of these asks for the passphrase anew.

use std::future::Future;

use clap::{Args, Subcommand, ValueEnum};
use ipc_schema::edge::ui_keyvault::{
    AddPassphrase, AddRecovery, ChangeSlot, Refused, RemoveSlot, SlotKind, Slots,
};
use ipc_schema::edges::ui_keyvault_capnp::unlock;
use serde::Serialize;

use super::passphrase::{self, Passphrase};
use super::talk::{self, Patience};
use super::{Context, Failure, Outcome, sockets};
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

/// Who asks, with the passphrase that opens the vault now.
struct Asker<'a> {
    context: &'a Context,
    patience: Patience,
    passphrase: Passphrase,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let asker = Asker { context, patience: Patience::of(arguments.passphrase_fd, None), passphrase };
    let new = || passphrase::read_new(arguments.new_passphrase_fd, "New passphrase");
    match arguments.what {
        What::List => asker.list(),
        What::Add { kind: Kind::Recovery } => asker.add_recovery(),
        What::Add { kind } => asker.add(&new()?, kind),
        What::Change { slot } => asker.change(&new()?, slot),
        What::Remove { slot } => asker.remove(slot),
    }
}

impl Asker<'_> {
    fn list(&self) -> Outcome {
        let call = |unlock| peers::send(unlock, Slots { passphrase: self.passphrase.clone() });
        let profile = &self.context.profile;
        let slots = sockets::block_on(talk::with_passphrase(profile, self.patience, call))??;
        for (slot, kind) in (0..).zip(slots) {
            if self.context.output.json || kind != SlotKind::Empty {
                let kind = kind.word();
                self.context.output.row(&Row { slot, kind }, || format!("{slot}  {kind}"))?;
            }
        }
        Ok(())
    }

    fn add(&self, new: &Passphrase, kind: Kind) -> Outcome {
        let duress = kind == Kind::Duress;
        let call = || AddPassphrase { passphrase: self.passphrase.clone(), new: new.clone(), duress };
        let slot = self.once(|unlock| peers::send(unlock, call()))??;
        let kind = if duress { "duress" } else { "passphrase" };
        self.context.output.done(&Row { slot, kind }, || format!("{slot}  {kind}"), LOST)
    }

    fn add_recovery(&self) -> Outcome {
        let call = || AddRecovery { passphrase: self.passphrase.clone() };
        let recovery = self.once(|unlock| peers::send(unlock, call()))??;
        let row = Words { slot: recovery.slot, kind: "recovery", words: &recovery.words };
        // They are shown once, and nobody has seen these.
        let next = format!("remove it with `privatus slot remove {}` and add another", recovery.slot);
        self.context.output.done(&row, || recovery.words.to_string(), &next)
    }

    fn change(&self, new: &Passphrase, slot: u8) -> Outcome {
        let change = || ChangeSlot { passphrase: self.passphrase.clone(), slot, new: new.clone() };
        self.once(|unlock| peers::send(unlock, change()))??;
        self.context.output.done(&Row { slot, kind: "changed" }, || format!("slot {slot} is changed"), LOST)
    }

    fn remove(&self, slot: u8) -> Outcome {
        let remove = || RemoveSlot { passphrase: self.passphrase.clone(), slot };
        self.once(|unlock| peers::send(unlock, remove()))??;
        self.context.output.done(&Row { slot, kind: "empty" }, || format!("slot {slot} opens no more"), LOST)
    }

    /// Calls keyvault and does not repeat it by itself: it may have been done when its answer was lost.
    fn once<T, E: Refused, F: Future<Output = Result<Result<T, E>, PeerError>>>(
        &self,
        call: impl Fn(unlock::Client) -> F,
    ) -> Outcome<Result<T, E>> {
        let call = |unlock| {
            let answer = call(unlock);
            async move {
                match answer.await {
                    Err(PeerError::Lost) => Ok(None),
                    answer => answer.map(Some),
                }
            }
        };
        let answer = sockets::block_on(talk::with_passphrase(&self.context.profile, self.patience, call))?;
        answer.ok_or_else(|| {
            Failure::NotSettled("the answer was lost: see `privatus slot list` whether it was done".into())
        })
    }
}
