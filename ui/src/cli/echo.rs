//! `privatus demo --window`: the window on an embedded network, and Echo, who answers each text.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use ipc_schema::edge::ui_keyvault::SetScripts;
use ipc_schema::edge::ui_stored::{AcceptInvite, Contacts, MakeInvite, SendText, SetProfileName};
use supervisor::options::Gifts;
use zeroize::Zeroizing;

use super::demo::{self, Person, Stage};
use super::exit::{Doing, Failure, Outcome};
use super::launch::Launch;
use super::paths::{self, Profile};
use super::{embedded, sockets, talk};
use crate::peers;

/// How often Echo looks for texts, and the window's end is looked for. A person waits for the answer.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a filled window's vault may take to open; its passphrase is slow on purpose.
const OPEN_WAIT: Duration = Duration::from_secs(60);

/// Asked before anything is started.
pub(super) fn needs_display() -> Outcome {
    if paths::has_display() {
        return Ok(());
    }
    Err(Failure::Failed("no display is there: `privatus demo` shows the same in words".into()))
}

pub(super) fn run(stage: &Stage, filled: bool) -> Outcome {
    let echo = Person::start(stage, "Echo")?;
    let invite = echo.call(talk::OVER_THE_NETWORK, MakeInvite { name: "You".into() })?;
    stage.say("echo", "Echo runs and waits for you")?;
    let profile = stage.profile("you")?;
    let (mut window, passphrase) = open(stage, &profile, &invite.link, filled)?;
    stage.say("window", "close it to end the demo")?;
    if let Some(passphrase) = &passphrase {
        // Of a vault that is deleted with the demo.
        stage.say("passphrase", &format!("{passphrase}, when the window locks itself"))?;
    }
    let filling = passphrase.map_or(Ok(()), |passphrase| fill(&profile, &invite.link, passphrase.as_bytes()));
    let outcome = filling.and_then(|()| converse(stage, &echo, &mut window));
    embedded::stop(std::slice::from_mut(&mut window));
    outcome
}

/// Starts the window's suite: for its first run with Echo's invite on the last page, or with a vault already open.
fn open(stage: &Stage, profile: &Profile, link: &str, filled: bool) -> Outcome<(Child, Option<String>)> {
    let (gifts, passphrase) = if filled {
        let (descriptor, text) = demo::passphrase()?;
        (Gifts { passphrase: Some(descriptor), offer: None }, Some(text))
    } else {
        (Gifts { passphrase: None, offer: Some(demo::line(link)?) }, None)
    };
    let launch =
        Launch { profile: profile.clone(), settings: stage.settings(false), gifts, with_parent: true };
    Ok((launch.spawn(Stdio::null())?, passphrase))
}

/// Accepts Echo's invite and writes to it. Local programs may use the profile only for that long.
fn fill(profile: &Profile, link: &str, passphrase: &[u8]) -> Outcome {
    let mut waited = Duration::ZERO;
    while profile.running().is_err() {
        if waited > OPEN_WAIT {
            return Err(sockets::away());
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
    let scripts = |on: bool| {
        let set = |vault| {
            let passphrase = Zeroizing::new(passphrase.to_vec());
            peers::send(vault, SetScripts { passphrase, on })
        };
        sockets::block_on(talk::with_passphrase(profile, talk::Patience::of(None, Some(OPEN_WAIT)), set))?
            .map_err(|error| Failure::Failed(format!("the demo's vault does not open to it: {error:?}")))
    };
    scripts(true)?;
    let text = "Hello Echo. This went over three relays, a mailbox, and three more.";
    let filled = sockets::block_on(async {
        talk::call(profile, talk::SOON, SetProfileName { name: "You".into() }).await?;
        let accept = AcceptInvite { link: link.into(), name: "Echo".into() };
        talk::call(profile, talk::OVER_THE_NETWORK, accept).await?;
        talk::call(profile, talk::SOON, send("Echo", "hello".into(), text)).await
    });
    scripts(false)?;
    filled.map(drop)
}

/// Answers each text until the window is closed, or a signal says stop.
fn converse(stage: &Stage, echo: &Person, window: &mut Child) -> Outcome {
    let mut answered = BTreeSet::new();
    loop {
        if let Some(status) = window.try_wait().doing("wait for the window")? {
            return match status.code().and_then(|code| u8::try_from(code).ok()) {
                Some(0) => Ok(()),
                code => Err(Failure::Silent(code.unwrap_or(1))),
            };
        }
        if stage.signals.came() {
            return Ok(());
        }
        // What fails now is tried again at the next look: the same id makes an answer one answer.
        let _ = answer(echo, &mut answered);
        std::thread::sleep(LOOK_EVERY);
    }
}

fn answer(echo: &Person, answered: &mut BTreeSet<String>) -> Outcome {
    let contacts = echo.call(talk::SOON, Contacts {})?;
    for contact in contacts {
        for message in demo::texts(echo, &contact.id)? {
            if !message.is_theirs() || answered.contains(&message.id) {
                continue;
            }
            let id = format!("echo-{}", short(&message.id));
            echo.call(talk::SOON, send(&contact.id, id, &message.body))?;
            answered.insert(message.id);
        }
    }
    Ok(())
}

fn send(who: &str, id: String, text: &str) -> SendText {
    SendText { who: who.into(), id, text: text.into(), reply_to: String::new() }
}

/// An id that fits the contract's 64 characters with room for a prefix.
fn short(id: &str) -> &str {
    id.char_indices().nth(56).map_or(id, |(end, _)| id.get(..end).unwrap_or(id))
}
