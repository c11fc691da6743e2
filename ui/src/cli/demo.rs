//! `privatus demo`: a private network of its own, two people, texts both ways and a file; or the window with Echo to talk to.

mod file;

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use clap::Args;
use ipc_schema::edge::Call;
use ipc_schema::edge::ui_stored::{
    AcceptInvite, Delivery, MakeInvite, Message, Place, Refusal, SendText, SetProfileName, Settle,
};
use ipc_schema::edges::ui_stored_capnp::messenger;
use ipc_schema::grant::Settings;
use ipc_schema::relay::RelayId;
use serde::Serialize;
use supervisor::options::Gifts;

use super::embedded::{self, Relays, Signals};
use super::exit::{Doing, Failure, Outcome};
use super::launch::Launch;
use super::paths::Profile;
use super::{Context, Output, echo, sockets, talk};
use crate::peers::messenger::Messenger;

/// From a person's start to `ready`; the passphrase is slow on purpose.
const READY_WAIT: Duration = Duration::from_secs(90);

/// How long one text may take, on a loaded machine.
const DELIVERY_WAIT: Duration = Duration::from_secs(60);

/// A call that waits for a delivery, and room for its answer.
const DELIVERY_CALL: Duration = Duration::from_secs(75);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Relays of the embedded network
    #[arg(long, value_name = "N", default_value_t = 5)]
    relays: u16,
    /// Open the window, with Echo to talk to
    #[arg(long)]
    window: bool,
    /// Skip the first run and open on a conversation
    #[arg(long, requires = "window")]
    filled: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    if arguments.window {
        echo::needs_display()?;
    }
    let stage = Stage::build(arguments.relays, context.output)?;
    if arguments.window { echo::run(&stage, arguments.filled) } else { two_people(&stage) }
}

/// The temporary folder, the network and its relays. All of it goes when it is dropped.
pub(super) struct Stage {
    folder: Folder,
    network: (String, [u8; 32]),
    relays: Relays,
    pub(super) signals: Signals,
    pub(super) output: Output,
}

/// Removed with everything in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Serialize)]
struct Step<'a> {
    step: &'a str,
    detail: &'a str,
}

impl Stage {
    fn build(count: u16, output: Output) -> Outcome<Self> {
        let signals = Signals::take().doing("wait for signals")?;
        let folder = nix::unistd::mkdtemp("/tmp/privatus-demo-XXXXXX").doing("make a temporary folder")?;
        let folder = Folder(folder);
        let network = embedded::random_network()?;
        let (network_name, network_id) = network.clone();
        let suite = Settings { network_name, network_id, ..Settings::default() };
        let relays = Relays::start(&folder.0.join("relays"), count, &suite, |address| {
            say(output, "relay ready", address)
        })?;
        Ok(Self { folder, network, relays, signals, output })
    }

    /// Tells one step.
    pub(super) fn say(&self, step: &str, detail: &str) -> Outcome {
        say(self.output, step, detail)
    }

    /// How a suite on this network starts.
    pub(super) fn settings(&self, headless: bool) -> Settings {
        Settings {
            headless,
            network_name: self.network.0.clone(),
            network_id: self.network.1,
            bootstraps: self.relays.addresses().to_vec(),
            ..Settings::default()
        }
    }

    /// A folder on this stage, made.
    pub(super) fn profile(&self, name: &str) -> Outcome<Profile> {
        Profile::at(Some(self.folder.0.join(name)))?.create()
    }
}

/// Exit 0 would say that all texts arrived: whoever stops reading before that gets another one.
fn say(output: Output, step: &str, detail: &str) -> Outcome {
    let words = || format!("{step:<13}{}", super::output::one_line(detail));
    super::output::print_line(&output.line(&Step { step, detail }, words)?).doing("tell how far the demo is")
}

/// A headless person. Stopped when it is dropped.
pub(super) struct Person {
    pub(super) profile: Profile,
    suite: Child,
}

impl Drop for Person {
    fn drop(&mut self) {
        embedded::stop(std::slice::from_mut(&mut self.suite));
    }
}

impl Person {
    /// A new profile, ready and unlocked, that calls itself `name`.
    pub(super) fn start(stage: &Stage, name: &str) -> Outcome<Self> {
        let profile = stage.profile(name)?;
        let gifts = Gifts { passphrase: Some(passphrase()?.0), offer: None };
        let launch =
            Launch { profile: profile.clone(), settings: stage.settings(true), gifts, with_parent: true };
        let mut suite = launch.spawn(Stdio::piped())?;
        let ready = wait_ready(&mut suite);
        let person = Self { profile, suite };
        ready.map_err(|()| Failure::Failed(format!("{name} does not get ready: see the lines above")))?;
        person.call(talk::SOON, SetProfileName { name: name.into() })?;
        Ok(person)
    }

    /// Asks its stored.
    pub(super) fn call<C>(&self, longest: Duration, call: C) -> Outcome<C::Answer>
    where
        C: Call<Client = messenger::Client, Error: Into<Refusal>> + Clone,
    {
        sockets::block_on(talk::call(&self.profile, longest, call))
    }
}

/// A passphrase for the demo's time: the reading end, and the text.
pub(super) fn passphrase() -> Outcome<(OwnedFd, String)> {
    let text = embedded::random_network()?.0;
    Ok((line(&text)?, text))
}

/// A descriptor that holds one line.
pub(super) fn line(text: &str) -> Outcome<OwnedFd> {
    let (read, write) = std::io::pipe().doing("make a pipe")?;
    let mut write = write;
    writeln!(write, "{text}").doing("fill a pipe")?;
    Ok(read.into())
}

fn wait_ready(suite: &mut Child) -> Result<(), ()> {
    let stdout = suite.stdout.take().ok_or(())?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = tell.send(line);
    });
    let line = told.recv_timeout(READY_WAIT).map_err(|_| ())?;
    if line.trim_end() == "ready" { Ok(()) } else { Err(()) }
}

fn two_people(stage: &Stage) -> Outcome {
    let (alice, bob) = (Person::start(stage, "Alice")?, Person::start(stage, "Bob")?);
    stage.say("people", "Alice and Bob run, each in a suite of their own")?;
    connect(stage, &alice, &bob)?;
    let there =
        deliver(stage, ("Alice", &alice), ("Bob", &bob), "Hello Bob. Nobody on the way can read this.")?;
    let back = deliver(
        stage,
        ("Bob", &bob),
        ("Alice", &alice),
        "Hello Alice. Nobody on the way knows that we talk.",
    )?;
    let again = deliver(stage, ("Alice", &alice), ("Bob", &bob), "Zażółć gęślą jaźń 🐢")?;
    file::give(stage, ("Alice", &alice), ("Bob", &bob))?;
    let slowest = there.max(back).max(again);
    let slowest = slowest.as_millis();
    stage.say("done", &format!("3 of 3 texts arrived, the slowest in {slowest} ms, and 1 of 1 files"))
}

/// Bob accepts Alice's invite, and both wait until they are connected.
fn connect(stage: &Stage, alice: &Person, bob: &Person) -> Outcome {
    let invite = alice.call(talk::OVER_THE_NETWORK, MakeInvite { name: "Bob".into() })?;
    stage.say("invite", &format!("Alice made a link of {} characters", invite.link.len()))?;
    let accept = AcceptInvite { link: invite.link, name: "Alice".into() };
    bob.call(talk::OVER_THE_NETWORK, accept)?;
    stage.say("accept", "Bob answered it")
}

/// Sends one text, waits until it is delivered and stands on the other side, and gives the time that it took.
fn deliver(stage: &Stage, from: (&str, &Person), to: (&str, &Person), text: &str) -> Outcome<Duration> {
    let id = embedded::random_network()?.0;
    let begun = now();
    let send = SendText { who: to.0.into(), id: id.clone(), text: text.into(), reply_to: String::new() };
    from.1.call(talk::SOON, send)?;
    let timeout_ms = u32::try_from(DELIVERY_WAIT.as_millis()).unwrap_or(u32::MAX);
    let state = from.1.call(DELIVERY_CALL, Settle { id, want: Delivery::Delivered, timeout_ms })?;
    let took = begun.elapsed();
    if !matches!(state, Delivery::Delivered | Delivery::Read) {
        return Err(Failure::Failed(format!(
            "the text from {} to {} is only {}",
            from.0,
            to.0,
            state.word()
        )));
    }
    let arrived = texts(to.1, from.0)?;
    if !arrived.iter().any(|message| !message.mine && message.body == text) {
        return Err(Failure::Failed(format!("the text from {} is not with {}", from.0, to.0)));
    }
    let sent = texts(from.1, to.0)?;
    let route =
        sent.iter().find(|message| message.mine && message.body == text).map(route).unwrap_or_default();
    stage.say("delivered", &format!("{} → {} in {} ms {route}: {text}", from.0, to.0, took.as_millis()))?;
    Ok(took)
}

/// The last texts that a person has with somebody.
pub(super) fn texts(person: &Person, who: &str) -> Outcome<Vec<Message>> {
    let texts = |m: Messenger| async move { m.messages(who, 50, Place::Newest).await };
    sockets::block_on(talk::messenger(&person.profile, talk::SOON, texts))
}

/// The relays of a text's path, by the first bytes of their ids.
fn route(message: &Message) -> String {
    let short =
        |relay: &RelayId| relay.0.iter().take(3).map(|byte| format!("{byte:02x}")).collect::<String>();
    let hops: Vec<String> = message.route.iter().map(short).collect();
    if hops.is_empty() { String::new() } else { format!("by {}", hops.join(" → ")) }
}

#[allow(clippy::disallowed_methods, reason = "a latency is measured by the monotonic clock")]
fn now() -> Instant {
    Instant::now()
}
