//! The session against an independent model in Python (`tests/vectors/ratchet_model.py`): its transcripts, byte for byte, and
//! the other way round.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipc_schema::Timestamp;
use keyvault::agreement_key::AgreementSecret;
use keyvault::memory::Secret32;
use keyvault::pqxdh::Agreed;
use keyvault::ratchet::{RatchetError, Session};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng, TryRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Gives out what a transcript holds, or notes what a generator gave.
enum Draws {
    Given { all: Vec<u8>, taken: usize },
    Noted { source: Box<ChaCha20Rng>, all: Vec<u8> },
}

impl Draws {
    fn given(step: &Value) -> Self {
        Self::Given { all: bytes(step.get("random").unwrap_or(&json!(""))), taken: 0 }
    }

    fn noted(source: &mut ChaCha20Rng) -> Self {
        Self::Noted { source: Box::new(ChaCha20Rng::from_rng(source)), all: Vec::new() }
    }

    /// All that was drawn, in hexadecimal. A transcript's has to be used up.
    fn drawn(&self) -> String {
        match self {
            Self::Given { all, taken } => hex::encode(&all[..*taken]),
            Self::Noted { all, .. } => hex::encode(all),
        }
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("the ratchet draws bytes");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the ratchet draws bytes");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self {
            Self::Given { all, taken } => {
                out.copy_from_slice(&all[*taken..*taken + out.len()]);
                *taken += out.len();
            }
            Self::Noted { source, all } => {
                source.fill_bytes(out);
                all.extend_from_slice(out);
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Draws {}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn secret(value: &Value) -> Secret32 {
    Secret32::copy_of(&bytes(value)).unwrap()
}

/// Both sides of a transcript, step by step.
struct Replay {
    sides: [Session; 2],
    messages: Vec<Vec<u8>>,
    saved: BTreeMap<String, (usize, Session)>,
}

impl Replay {
    fn new(start: &Value, draws: &mut Draws) -> Self {
        let of = |name: &str| secret(&start["agreed"][name]);
        let agreed = Agreed {
            transcript: *of("transcript").expose(),
            root: of("root"),
            initiator_header: of("initiator_header"),
            responder_header: of("responder_header"),
            post_quantum: of("post_quantum"),
            repair: Secret32::zero(),
        };
        let prekey = AgreementSecret::from_secret(&secret(&start["prekey"]));
        let initiator = Session::initiator(agreed.clone(), &prekey.public(), draws).unwrap();
        let responder = Session::responder(agreed, prekey).unwrap();
        Self { sides: [initiator, responder], messages: Vec::new(), saved: BTreeMap::new() }
    }

    /// Does what a step says; returns what has to stand in it.
    fn take(&mut self, step: &Value, draws: &mut Draws) -> Value {
        let number = |name: &str| usize::try_from(step[name].as_u64().unwrap()).unwrap();
        let side = number("side");
        match step["do"].as_str().unwrap() {
            "save" => {
                let name = step["as"].as_str().unwrap().to_owned();
                self.saved.insert(name, (side, self.sides[side].clone()));
                json!({})
            }
            "restore" => {
                self.sides[side] = self.saved[step["as"].as_str().unwrap()].1.clone();
                json!({})
            }
            "seal" => {
                let content = bytes(&step["content"]);
                let mut message = self.sides[side].seal(&content, number("length"), draws).unwrap();
                // A forged header changes the message, not what its sender does next.
                if let Some(forged) = step.get("forged") {
                    message = bytes(forged);
                }
                let hash = hex::encode(Sha256::digest(&message));
                self.messages.push(message);
                json!({ "random": draws.drawn(), "sha256": hash })
            }
            "open" => {
                let mut message = self.messages[number("message")].clone();
                if step.get("flip").is_some() {
                    message[number("flip")] ^= 1;
                }
                let now = Timestamp(step["now"].as_u64().unwrap());
                let answer = self.open(side, &message, now, draws);
                json!({ "random": draws.drawn(), "answer": answer })
            }
            other => panic!("{other}"),
        }
    }

    fn open(&mut self, side: usize, message: &[u8], now: Timestamp, draws: &mut Draws) -> Value {
        match self.sides[side].open(message, now, draws) {
            Ok(accepted) => {
                self.sides[side] = accepted.session;
                json!({ "content": hex::encode(&*accepted.content), "needs_repair": accepted.needs_repair })
            }
            Err(error) => json!({ "error": name(error) }),
        }
    }
}

fn name(error: RatchetError) -> &'static str {
    match error {
        RatchetError::NoHeaderKey => "NoHeaderKey",
        RatchetError::Used { .. } => "Used",
        RatchetError::RolledBack => "RolledBack",
        RatchetError::Stalled => "Stalled",
        RatchetError::TooManySkipped => "TooManySkipped",
        RatchetError::BadHeader => "BadHeader",
        RatchetError::BadCommitment => "BadCommitment",
        RatchetError::BadBody => "BadBody",
        RatchetError::Malformed => "Malformed",
        RatchetError::CannotSend => "CannotSend",
    }
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn model(arguments: &[&str], input: &str) -> Option<String> {
    python("ratchet_model.py", arguments, input)
}

/// What Python with PyCA cryptography says to a model; `None`, told on stderr, where there is none.
fn python(model: &str, arguments: &[&str], input: &str) -> Option<String> {
    let can = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: python3 with the package cryptography (Debian: python3-cryptography) is not here"
        );
        return None;
    }
    let mut child = Command::new("python3")
        .arg(vectors().join(model))
        .args(arguments)
        // The folder stays as it is.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_transcript_of_the_model_is_reproduced_byte_for_byte() {
    let text = std::fs::read_to_string(vectors().join("ratchet.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let transcripts = document["transcripts"].as_array().unwrap();
    assert!(transcripts.len() >= 60);
    for transcript in transcripts {
        let mut draws = Draws::given(transcript);
        let mut replay = Replay::new(transcript, &mut draws);
        assert_eq!(draws.drawn(), transcript["random"]);
        for (at, step) in transcript["steps"].as_array().unwrap().iter().enumerate() {
            let told = replay.take(step, &mut Draws::given(step));
            for (name, value) in told.as_object().unwrap() {
                assert_eq!(&step[name], value, "{}, step {at}: {name}", transcript["name"]);
            }
        }
    }
}

#[test]
fn the_model_still_writes_the_transcripts_that_are_kept() {
    let kept = std::fs::read_to_string(vectors().join("ratchet.json")).unwrap();
    if let Some(made) = model(&["generate"], "") {
        assert!(made == kept, "tests/vectors/ratchet.json is not what ratchet_model.py generates");
    }
}

#[test]
fn the_model_of_labels_still_writes_the_values_that_are_kept() {
    let kept = std::fs::read_to_string(vectors().join("labels.json")).unwrap();
    if let Some(made) = python("label_model.py", &["generate"], "") {
        assert!(made == kept, "tests/vectors/labels.json is not what label_model.py generates");
    }
}

/// A random walk: sealed, lost, opened in any order, repeated, altered, and sides put back to old states.
fn walk(seed: u64, steps: usize) -> Value {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut key = || {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        json!(hex::encode(key))
    };
    let names = ["transcript", "root", "initiator_header", "responder_header", "post_quantum"];
    let agreed: serde_json::Map<_, _> = names.iter().map(|name| (name.to_string(), key())).collect();
    let mut transcript = json!({ "name": format!("walk {seed}"), "agreed": agreed, "prekey": key() });
    let mut draws = Draws::noted(&mut rng);
    let mut replay = Replay::new(&transcript, &mut draws);
    transcript["random"] = draws.drawn().into();

    let (mut waiting, mut done, mut saves) = (Vec::new(), Vec::new(), Vec::new());
    let mut made = Vec::new();
    for at in 0..steps {
        let below = |rng: &mut ChaCha20Rng, limit: usize| rng.next_u32() as usize % limit;
        let side = below(&mut rng, 2);
        let now = 1_800_000_000_000_u64 + at as u64 * 1_000;
        let open = |(side, message): (usize, usize)| json!({ "do": "open", "side": side, "message": message, "now": now });
        let mut step = match below(&mut rng, 100) {
            0..45 if replay.sides[side].can_send() => {
                waiting.push((1 - side, replay.messages.len()));
                json!({ "do": "seal", "side": side, "content": hex::encode(format!("text {at}")), "length": 1_470 })
            }
            45..85 if !waiting.is_empty() => {
                let which = below(&mut rng, waiting.len().min(4));
                done.push(waiting.remove(which));
                open(done[done.len() - 1])
            }
            85..89 if !waiting.is_empty() => {
                let which = below(&mut rng, waiting.len());
                waiting.remove(which);
                continue;
            }
            89..92 if !waiting.is_empty() => {
                let mut step = open(waiting[0]);
                step["flip"] = below(&mut rng, 1_470).into();
                step
            }
            92..96 if !done.is_empty() => open(done[below(&mut rng, done.len())]),
            96..98 => {
                saves.push(side);
                json!({ "do": "save", "side": side, "as": saves.len().to_string() })
            }
            98..100 if !saves.is_empty() => {
                let which = below(&mut rng, saves.len());
                json!({ "do": "restore", "side": saves[which], "as": (which + 1).to_string() })
            }
            _ => continue,
        };
        let mut draws = Draws::noted(&mut rng);
        let told = replay.take(&step, &mut draws);
        step.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
        made.push(step);
    }
    transcript["steps"] = made.into();
    transcript
}

#[test]
fn the_model_reproduces_transcripts_of_this_code() {
    let walks: Vec<Value> = (0..3).map(|seed| walk(seed, 250)).collect();
    model(&["verify", "-"], &json!({ "transcripts": walks }).to_string());
}

#[test]
#[ignore = "long: 100 walks of 400 steps through the model"]
fn the_model_reproduces_many_transcripts_of_this_code() {
    let walks: Vec<Value> = (1_000..1_100).map(|seed| walk(seed, 400)).collect();
    model(&["verify", "-"], &json!({ "transcripts": walks }).to_string());
}
