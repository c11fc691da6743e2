//! A hostile neighbour on each edge: whatever it sends, the process behind its walls neither dies nor swells, only that edge
//! closes, and the next one that is granted works.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use capnp::message::Builder;
use capnp_rpc::rpc_capnp::message;
use ipc_schema::grant::Settings;
use ipc_schema::limits::{MESSAGE_MAX_BYTES, OUTSIDE_CONNECTIONS_MAX};
use ipc_schema::topology::{CLIENT, Caller, Edge, RELAY, Topology};
use nix::sys::wait::WaitStatus;
use privatus_tests::{Neighbour, Part, until};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use stored::serve::Pictures;

/// More than any of them uses, far less than the hostile bytes ask for.
const MEMORY_MAX_KIB: u64 = 96 * 1024;
const NETWORK: [u8; 32] = [4; 32];

/// A process of a topology by itself, with what it needs to start.
fn part(topology: &Topology, name: &str) -> Part {
    let relay = topology.name == RELAY.name;
    let settings = Settings {
        relay,
        network_name: "threats".into(),
        network_id: NETWORK,
        listen: if relay { vec!["/ip4/127.0.0.1/udp/0/quic-v1".into()] } else { vec![] },
        headless: true,
        queues_max: 1_000,
        disk_max_bytes: 1 << 30,
        ..Settings::default()
    };
    let file = || tempfile::tempfile().unwrap().into();
    let files = match name {
        "keyvault" => vec![("vault", file())],
        "onion" | "netd" if relay => vec![("state", file())],
        _ => vec![],
    };
    Part::start(name, settings, files)
}

/// A capnp message of one segment.
fn framed(words: &[u64]) -> Vec<u8> {
    let mut bytes = 0_u32.to_le_bytes().to_vec();
    bytes.extend(u32::try_from(words.len()).unwrap().to_le_bytes());
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

fn rpc(fill: impl FnOnce(message::Builder<'_>)) -> Vec<u8> {
    let mut built = Builder::new_default();
    fill(built.init_root());
    capnp::serialize::write_message_to_words(&built)
}

fn bootstrap(question: u32) -> Vec<u8> {
    rpc(|message| message.init_bootstrap().set_question_id(question))
}

/// A call of any method on the capability that question 0 asked for.
fn call(question: u32, (interface, method): (u64, u16), content: &[u8]) -> Vec<u8> {
    rpc(|message| {
        let mut call = message.init_call();
        call.set_question_id(question);
        call.set_interface_id(interface);
        call.set_method_id(method);
        call.reborrow().init_target().init_promised_answer().set_question_id(0);
        let content: capnp::data::Reader<'_> = content;
        call.init_params().get_content().set_as::<capnp::data::Owned>(content).unwrap();
    })
}

/// What a neighbour that was taken over may send; each is tried on a socket of its own.
fn hostile_bytes() -> Vec<(&'static str, Vec<u8>)> {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let mut noise = vec![0; 200_000];
    rng.fill_bytes(&mut noise);
    // A struct of one pointer to the next, and so on: 4,000 deep.
    let nested = framed(&vec![1 << 48; 4_000]);
    // A list of 2^29 empty structs in one word: cheap to send, endless to walk.
    let amplified = framed(&[1 << 48, 0x0000_0007_ffff_ffff_u64 << 3 | 1, 0xffff_fffc]);
    let zeroes = call(1, (7, 0), &vec![0; MESSAGE_MAX_BYTES]);
    vec![
        ("noise", noise),
        ("more segments than there are", vec![0xff; 64]),
        ("a segment of 16 GiB", [0_u32.to_le_bytes(), 0x7fff_ffff_u32.to_le_bytes()].concat()),
        ("a message over the limit", [bootstrap(0), zeroes].concat()),
        ("deep nesting", nested),
        ("a small message that reads as a huge one", amplified),
        ("a pointer out of its segment", framed(&[0x0001_0001_7fff_fff0, 0])),
        ("a far pointer to itself", framed(&[2])),
        ("no message, then the end", vec![0; 8]),
        ("an answer to no question", rpc(|message| message.init_return().set_answer_id(77))),
        ("the release of what was never held", rpc(|message| message.init_release().set_id(5))),
        ("the same question twice", [bootstrap(0), bootstrap(0)].concat()),
        ("a call on no capability", call(0, (0, 0), b"x")),
        ("the abort of a strange peer", rpc(|message| message.init_abort().set_reason("bye"))),
    ]
}

/// Asks for the one interface of the edge and calls a method that it does not have: a living callee says so.
fn answers(mut edge: Neighbour) -> bool {
    edge.write_all(&[bootstrap(0), call(1, (0xdead_beef, 9), b"")].concat()).unwrap();
    // Two returns come, the second an exception; either is more than 16 bytes.
    edge.read_exact(&mut [0; 64]).is_ok()
}

/// Sends and waits until the process has taken a stand: closed the edge, answered, or read all of it.
fn attack(mut edge: Neighbour, bytes: &[u8]) {
    match edge.write_all(bytes) {
        Ok(()) => {}
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "the edge neither closes nor reads: {error}"
        ),
    }
    edge.finish();
    let mut rest = Vec::new();
    let end = edge.read_to_end(&mut rest).map_err(|error| error.kind());
    assert!(!matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "the edge stays open");
}

fn memory_kib(part: &Part) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", part.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

fn edges() -> impl Iterator<Item = (&'static Topology, &'static Edge)> {
    [&CLIENT, &RELAY].into_iter().flat_map(|topology| topology.edges.iter().map(move |edge| (topology, edge)))
}

/// mediad ends after one job by design; each attack has one to itself.
fn lives_on(part: &mut Part, what: &str) {
    let ended = part.ended();
    assert!(ended.is_none(), "{what}: {ended:?}");
}

#[test]
fn no_caller_can_kill_or_swell_the_process_that_serves_it() {
    for (topology, edge) in edges() {
        let outside = matches!(edge.caller, Caller::Socket(_));
        let mut part = part(topology, edge.callee);
        let grant = |part: &Part| part.edge(edge.name, false, outside);
        for (what, bytes) in hostile_bytes() {
            attack(grant(&part), &bytes);
            lives_on(&mut part, &format!("{} of {}: {what}", edge.name, topology.name));
        }
        assert!(answers(grant(&part)), "{} of {} is not served any more", edge.name, topology.name);
        assert!(memory_kib(&part) < MEMORY_MAX_KIB, "{}: {} KiB", edge.name, memory_kib(&part));
        assert_eq!(part.said(), "", "{}: nothing of what it was sent is said", edge.name);
    }
}

#[test]
fn no_callee_can_kill_or_swell_the_process_that_calls_it() {
    for (topology, edge) in edges() {
        let Caller::Process(caller) = edge.caller else { continue };
        // The window needs a display; its edges are tried with it.
        if caller == "ui" {
            continue;
        }
        let mut part = part(topology, caller);
        for (what, bytes) in hostile_bytes() {
            attack(part.edge(edge.name, true, false), &bytes);
            lives_on(&mut part, &format!("{} of {}: {what}", edge.name, topology.name));
        }
        // It still turns to a callee that comes back.
        let mut back = part.edge(edge.name, true, false);
        assert!(back.read_exact(&mut [0; 16]).is_ok(), "{} of {} asks no more", edge.name, topology.name);
        assert!(memory_kib(&part) < MEMORY_MAX_KIB, "{}: {} KiB", edge.name, memory_kib(&part));
    }
}

#[test]
fn a_caller_that_asks_without_end_and_reads_no_answer_does_not_fill_the_memory() {
    for (topology, edge) in edges() {
        let mut part = part(topology, edge.callee);
        let mut caller = part.edge(edge.name, false, matches!(edge.caller, Caller::Socket(_)));
        caller.patience = Duration::from_secs(2);
        let flood: Vec<u8> = (0..1_000).flat_map(bootstrap).collect();
        let taken = (0..200).take_while(|_| caller.write_all(&flood).is_ok()).count();
        lives_on(&mut part, edge.name);
        assert!(memory_kib(&part) < MEMORY_MAX_KIB, "{}: {taken} thousand", edge.name);
        drop(caller);
        let again = || answers(part.edge(edge.name, false, false)).then_some(());
        until("it serves again", again);
    }
}

/// Every edge whose caller is a local program.
fn doors() -> impl Iterator<Item = (&'static Topology, &'static Edge)> {
    edges().filter(|(_, edge)| matches!(edge.caller, Caller::Socket(_)))
}

/// Reads one message (Cap'n Proto, "Serialization Over a Stream").
fn read_message(edge: &mut Neighbour) -> std::io::Result<()> {
    let mut word = [0; 4];
    edge.read_exact(&mut word)?;
    let segments = u32::from_le_bytes(word) as usize + 1;
    // An even number of sizes is padded to a whole word.
    let mut sizes = vec![0; (segments + usize::from(segments.is_multiple_of(2))) * 4];
    edge.read_exact(&mut sizes)?;
    let words = sizes.chunks(4).take(segments).map(|size| u32::from_le_bytes(size.try_into().unwrap()));
    edge.read_exact(&mut vec![0; words.sum::<u32>() as usize * 8])
}

/// Calls on a connection and waits for the answer.
fn is_answered(edge: &mut Neighbour, question: u32) -> bool {
    edge.write_all(&call(question, (0xdead_beef, 9), b"")).is_ok() && read_message(edge).is_ok()
}

#[test]
fn a_local_program_beyond_the_bound_is_hung_up_on_and_those_at_work_go_on() {
    for (topology, edge) in doors() {
        let mut part = part(topology, edge.callee);
        let mut held: Vec<_> = (0..OUTSIDE_CONNECTIONS_MAX)
            .map(|_| {
                let mut one = part.edge(edge.name, false, true);
                one.write_all(&bootstrap(0)).unwrap();
                read_message(&mut one).unwrap();
                assert!(is_answered(&mut one, 1), "{}", edge.name);
                one
            })
            .collect();
        let mut beyond = part.edge(edge.name, false, true);
        let end = beyond.read(&mut [0; 8]);
        assert!(matches!(end, Ok(0)), "{}: {end:?}", edge.name);
        for one in &mut held {
            assert!(is_answered(one, 2), "{}", edge.name);
        }
        drop(held.pop());
        // Its place is free as soon as the part has seen its end.
        until("there is room again", || answers(part.edge(edge.name, false, true)).then_some(()));
        lives_on(&mut part, edge.name);
    }
}

#[test]
fn local_programs_that_only_hold_connections_make_room_for_one_that_asks() {
    for (topology, edge) in doors() {
        let mut part = part(topology, edge.callee);
        let mut held: Vec<_> = (0..300).map(|_| part.edge_when_taken(edge.name)).collect();
        assert!(answers(part.edge_when_taken(edge.name)), "{} is held shut", edge.name);
        let end = held[0].read(&mut [0; 8]);
        assert!(matches!(end, Ok(0)), "{}: the oldest is hung up on: {end:?}", edge.name);
        lives_on(&mut part, edge.name);
    }
}

/// As root: lets a process open no more, or as many as its table says.
fn leave_descriptors(part: &Part, most: u64) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = Pid::from_raw(i32::try_from(part.pid()).unwrap());
    let limit = Rlimit { current: Some(most), maximum: Some(256) };
    prlimit(pid, Resource::Nofile, limit).unwrap();
}

#[test]
fn a_lost_connection_is_closed_and_a_lost_edge_ends_the_part() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let mut part = part(&CLIENT, "keyvault");
    let door = |part: &Part| part.edge("ui-keyvault", false, true);
    assert!(answers(door(&part)));
    leave_descriptors(&part, 0);
    for _ in 0..3 {
        let end = door(&part).read(&mut [0; 8]);
        assert!(matches!(end, Ok(0)), "{end:?}");
    }
    lives_on(&mut part, "keyvault");
    leave_descriptors(&part, 256);
    assert!(answers(door(&part)));
    leave_descriptors(&part, 0);
    let _edge = part.edge("stored-keyvault", false, false);
    let ended = until("it ends", || part.ended());
    assert!(matches!(ended, WaitStatus::Exited(_, 1)), "{ended:?}");
}

/// What comes of one job: the pixels' size, or none.
fn decode(part: &Part, bytes: &[u8]) -> Option<(u16, u16)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let decoded = async {
        let pictures = Pictures::default();
        pictures.connected(part.callers_ends("stored-mediad")).unwrap();
        let picture = pictures.begin().await.unwrap();
        picture.bytes(bytes.to_vec()).await.unwrap();
        picture.show(64).await.unwrap().ok().map(|pixels| (pixels.width, pixels.height))
    };
    tokio::task::LocalSet::new().block_on(&runtime, decoded)
}

#[test]
fn a_decoder_does_one_job_and_is_gone() {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 128, 64);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[7; 128 * 64 * 3]).unwrap();
    let damaged = &png[..png.len() / 2];
    for (bytes, expected) in [(&png[..], Some((64, 32))), (damaged, None), (b"GIF89a", None)] {
        let mut decoder = part(&CLIENT, "mediad");
        assert_eq!(decode(&decoder, bytes), expected);
        let ended = until("it is gone", || decoder.ended());
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
    }
}
