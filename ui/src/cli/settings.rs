//! `privatus get|set [WHO] KEY [VALUE]`: of the keys only *scripts* is built.

use clap::Args;
use ipc_schema::edge::ui_keyvault::SetScripts;
use serde::Serialize;

use super::talk::{self, Patience};
use super::{Context, Failure, Outcome, passphrase, profile, sockets};
use crate::peers;

/// Keys of the contract that no code stands behind yet.
const NOT_BUILT: &[&str] = &["receipts", "typing", "route", "traffic", "retention", "lock"];

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Of one contact, and then the key
    #[arg(required = true, num_args = 1..=2, value_name = "[WHO] KEY")]
    words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Of one contact, then the key and its value
    #[arg(required = true, num_args = 2..=3, value_name = "[WHO] KEY VALUE")]
    words: Vec<String>,
    /// Take the passphrase from this descriptor: one line
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    key: &'a str,
    value: &'a str,
}

pub(super) fn get(arguments: &Get, context: &Context) -> Outcome {
    let [key] = arguments.words.as_slice() else {
        return Err(key_of(arguments.words.last()));
    };
    if key != "scripts" {
        return Err(key_of(Some(key)));
    }
    let value = if sockets::block_on(profile::scripts(context))? { "on" } else { "off" };
    context.output.row(&Row { key, value }, || value.to_owned())
}

pub(super) fn set(arguments: &Set, context: &Context) -> Outcome {
    let [key, value] = arguments.words.as_slice() else {
        return Err(key_of(arguments.words.get(1)));
    };
    if key != "scripts" {
        return Err(key_of(Some(key)));
    }
    let on = match value.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Failure::Usage("scripts are on or off: `privatus set scripts on`".into())),
    };
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let patience = Patience::of(arguments.passphrase_fd, None);
    let call = |unlock| peers::send(unlock, SetScripts { passphrase: passphrase.clone(), on });
    Ok(sockets::block_on(talk::with_passphrase(&context.profile, patience, call))??)
}

fn key_of(key: Option<&String>) -> Failure {
    match key {
        Some(key) if NOT_BUILT.contains(&key.as_str()) => Failure::not_built(key),
        _ => Failure::Usage(format!("the keys are scripts, {}", NOT_BUILT.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_contract_is_not_built_and_another_one_is_a_mistake() {
        assert_eq!(key_of(Some(&"typing".to_owned())).code(), 5);
        assert_eq!(key_of(Some(&"colour".to_owned())).code(), 2);
    }
}
