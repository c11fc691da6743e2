//! Files between two people, through relays that lose, repeat, swap and garble their chunks, and ends that are killed.

use ipc_schema::edge::ui_stored::{
    self, ActOnFile, ContactAction, DeleteText, FileAction, FileActionError, FileReason, FileState,
    SendFiles, SendFilesError,
};
use ipc_schema::limits::{FILE_MAX_BYTES, PIECE_BYTES};
use rand_core::Rng;

use super::world::World;
use super::world::chunks::Faults;
use super::*;
use crate::content::FileKind;
use crate::files::{BlobError, Cut, Import};

const PIECE: usize = PIECE_BYTES;
const NAMES: [&str; 2] = ["bob", "ann"];

fn some_bytes(world: &mut World, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    world.rng.fill_bytes(&mut bytes);
    bytes
}

/// Hands a file in, as the shell does.
fn hand_in(world: &mut World, who: usize, name: &str, bytes: &[u8]) -> String {
    let cut = Cut::of(bytes.len() as u64).unwrap();
    let TakenIn { id, blob } = world.request(who, TakeIn { cut }).unwrap();
    let shelf = world.people[who].engine.turn.store.shelf();
    let mut import = Import::new(shelf.make(blob).unwrap());
    import.push(bytes, &mut world.rng).unwrap();
    let (_, root) = import.finish(&mut world.rng).unwrap();
    let (name, kind) = (name.to_owned(), FileKind::File);
    let id = world.request(who, KeepIn { blob: id, name, kind, root, carries: false }).unwrap();
    crate::ids::hex(&id.0.to_be_bytes())
}

fn send(world: &mut World, who: usize, files: Vec<String>, caption: &str) -> Result<String, SendFilesError> {
    send_as(world, who, "", (files, caption))
}

fn send_as(
    world: &mut World,
    who: usize,
    id: &str,
    (files, caption): (Vec<String>, &str),
) -> Result<String, SendFilesError> {
    let call = SendFiles {
        who: NAMES[who].into(),
        id: id.into(),
        files,
        caption: caption.into(),
        reply_to: String::new(),
        with_metadata: false,
    };
    world.request(who, call).map(|message| message.id)
}

fn send_bytes(world: &mut World, bytes: &[u8]) -> String {
    let file = hand_in(world, 0, "plan.txt", bytes);
    send(world, 0, vec![file], "look").unwrap()
}

fn all(world: &mut World, who: usize) -> Vec<ui_stored::File> {
    let ask = FilesBefore { who: String::new(), before: String::new(), limit: 100 };
    world.request(who, ask).unwrap()
}

fn only(world: &mut World, who: usize) -> ui_stored::File {
    let mut files = all(world, who);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

fn act(world: &mut World, who: usize, action: FileAction) -> Result<ui_stored::File, FileActionError> {
    let id = only(world, who).id;
    world.request(who, ActOnFile { id, action })
}

/// What is kept of a file that is here whole.
fn bytes_of(world: &mut World, who: usize, id: &str) -> Result<Vec<u8>, BlobError> {
    let blob = world.request(who, BytesOf { id: id.to_owned() }).unwrap();
    let kept = world.people[who].engine.turn.store.shelf().open(blob)?;
    let mut bytes = Vec::new();
    for number in 1..=kept.cut().pieces() {
        bytes.extend(kept.read(number)?);
    }
    Ok(bytes)
}

fn blobs(world: &World, who: usize) -> u64 {
    world.people[who].engine.turn.store.blob_counts().unwrap().blobs
}

fn offered(world: &mut World) {
    world.until(|world| !all(world, 1).is_empty());
}

fn is(world: &mut World, who: usize, state: FileState) -> bool {
    all(world, who).iter().all(|file| file.state == state)
}

#[test]
fn a_file_comes_whole_once_the_other_wants_it_and_nothing_is_left_at_relays() {
    let mut world = World::new(900, 2, 3);
    world.introduce();
    let bytes = some_bytes(&mut world, 40 * PIECE + 7);
    let message = send_bytes(&mut world, &bytes);
    offered(&mut world);
    let theirs = only(&mut world, 1);
    assert_eq!((theirs.state, theirs.size, theirs.mine), (FileState::Offered, bytes.len() as u64, false));
    assert_eq!(world.bodies(1, "ann", false), ["look"]);
    world.run_for(300_000);
    assert_eq!(world.chunk_puts(), 0, "nothing travels before a yes");
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.until(|world| is(world, 0, FileState::Saved) && is(world, 1, FileState::Saved));
    assert_eq!(only(&mut world, 0).message, message);
    for who in 0..2 {
        let id = only(&mut world, who).id;
        assert!(bytes_of(&mut world, who, &id).unwrap() == bytes);
    }
    world.run_for(60_000);
    assert_eq!((world.chunk_puts(), world.chunks_left(1)), (48, 0));
    let told = world.messages(1, "ann").into_iter().find(|message| message.body == "look").unwrap();
    assert_eq!(told.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["plan.txt"]);
}

#[test]
fn several_files_and_empty_ones_come_as_one_message_without_words() {
    let mut world = World::new(901, 2, 3);
    world.introduce();
    let lengths = [0, 1, PIECE, 3 * PIECE + 1];
    let contents: Vec<Vec<u8>> = lengths.map(|length| some_bytes(&mut world, length)).to_vec();
    let names: Vec<String> = contents
        .iter()
        .enumerate()
        .map(|(n, bytes)| hand_in(&mut world, 0, &format!("{n}"), bytes))
        .collect();
    send(&mut world, 0, names.clone(), "").unwrap();
    assert_eq!(send(&mut world, 0, names, ""), Err(SendFilesError::NoSuchFile), "a message has them");
    offered(&mut world);
    let files = all(&mut world, 1);
    assert_eq!(files.len(), 4);
    for file in &files {
        world.request(1, ActOnFile { id: file.id.clone(), action: FileAction::Accept }).unwrap();
    }
    world.until(|world| is(world, 0, FileState::Saved) && is(world, 1, FileState::Saved));
    for file in files {
        let number: usize = file.name.parse().unwrap();
        assert!(bytes_of(&mut world, 1, &file.id).unwrap() == contents[number]);
    }
    assert_eq!(world.bodies(1, "ann", false), [""]);
}

/// Losses, kills and a relay's faults by seeds; no chunk is sent more than twice on average.
fn through_all(seed: u64, pieces: usize, faults: Faults) {
    let mut world = World::new(seed, 2, 4);
    world.introduce();
    let bytes = some_bytes(&mut world, pieces * PIECE);
    send_bytes(&mut world, &bytes);
    offered(&mut world);
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.chunk_faults(faults);
    world.losses = 10;
    let mut kills = 0;
    for _ in 0..2_000 {
        for _ in 0..40 {
            world.step();
        }
        if kills < 8 {
            kills += 1;
            let who = world.rng.next_u32() as usize % 2;
            world.kill(who);
        }
        if is(&mut world, 1, FileState::Saved) && is(&mut world, 0, FileState::Saved) {
            break;
        }
    }
    let id = only(&mut world, 1).id;
    let state = only(&mut world, 1);
    assert_eq!(state.state, FileState::Saved, "{} of {} (seed {seed})", state.done, state.size);
    assert!(bytes_of(&mut world, 1, &id).unwrap() == bytes, "seed {seed}");
    world.losses = 0;
    world.chunk_faults(Faults::default());
    // What came under another's name could not be acked: a start looks for it.
    world.kill(1);
    world.run_for(180_000);
    assert_eq!(world.chunks_left(1), 0, "seed {seed}");
    assert!(
        world.chunk_puts() <= 2 * 64 * (pieces as u64).div_ceil(64),
        "{} puts (seed {seed})",
        world.chunk_puts()
    );
}

#[test]
fn whatever_relays_do_to_chunks_and_whoever_is_killed_each_byte_is_right() {
    for seed in 910..914 {
        through_all(seed, 64, Faults { dropped: 100, garbled: 50, repeated: 100, swapped: 50 });
    }
}

#[test]
fn a_file_rests_and_goes_on_and_what_is_refused_or_cancelled_leaves_nothing_here() {
    let mut world = World::new(902, 2, 3);
    world.introduce();
    let bytes = some_bytes(&mut world, 200 * PIECE);
    send_bytes(&mut world, &bytes);
    offered(&mut world);
    assert_eq!(act(&mut world, 1, FileAction::Pause).err(), Some(FileActionError::NotNow));
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.until(|world| only(world, 1).done > 20 * PIECE_BYTES as u64);
    act(&mut world, 0, FileAction::Pause).unwrap();
    world.until(|world| is(world, 1, FileState::Paused));
    assert_eq!(only(&mut world, 1).reason, FileReason::Them);
    world.run_for(600_000);
    let puts = world.chunk_puts();
    world.run_for(600_000);
    assert_eq!(world.chunk_puts(), puts);
    world.kill(0);
    world.kill(1);
    act(&mut world, 0, FileAction::Resume).unwrap();
    world.until(|world| only(world, 1).done > 60 * PIECE_BYTES as u64);
    assert_eq!(blobs(&world, 1), 1);
    act(&mut world, 1, FileAction::Cancel).unwrap();
    assert_eq!(blobs(&world, 1), 0);
    world.until(|world| is(world, 0, FileState::Cancelled));
    assert_eq!(act(&mut world, 1, FileAction::Resume).err(), Some(FileActionError::NotNow));
    world.run_for(300_000);
    assert_eq!(world.chunks_left(1), 0);
    let id = only(&mut world, 0).id;
    assert!(bytes_of(&mut world, 0, &id).unwrap() == bytes, "an own one stays");
}

#[test]
fn an_id_sends_the_same_files_once_and_no_others() {
    let mut world = World::new(905, 2, 3);
    world.introduce();
    let mut sent = |files: &[(&str, &[u8])]| {
        let files: Vec<String> =
            files.iter().map(|(name, bytes)| hand_in(&mut world, 0, name, bytes)).collect();
        let first = send_as(&mut world, 0, "mine", (files.clone(), "look"));
        // The answer was lost, and it is asked with what was handed in already.
        assert_eq!(send_as(&mut world, 0, "mine", (files, "look")), first);
        first
    };
    assert_eq!(sent(&[("a", b"one"), ("b", b"two")]), Ok("mine".into()));
    assert_eq!(sent(&[("a", b"one"), ("b", b"two")]), Ok("mine".into()), "handed in anew");
    for others in [
        &[("a", &b"one"[..])][..],
        &[("a", b"one"), ("b", b"TWO")],
        &[("a", b"one"), ("c", b"two")],
        &[("b", b"two"), ("a", b"one")],
    ] {
        assert_eq!(sent(others), Err(SendFilesError::Conflict), "{others:?}");
    }
    assert_eq!(all(&mut world, 0).len(), 2);
}

#[test]
fn a_file_goes_with_its_message_on_both_sides() {
    let mut world = World::new(903, 2, 3);
    world.introduce();
    let bytes = some_bytes(&mut world, 20 * PIECE);
    let message = send_bytes(&mut world, &bytes);
    offered(&mut world);
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.until(|world| is(world, 1, FileState::Saved));
    assert_eq!((blobs(&world, 0), blobs(&world, 1)), (1, 1));
    world.request(0, DeleteText { id: message, both: true }).unwrap();
    world.until(|world| all(world, 1).is_empty());
    world.run_for(1_000);
    for who in 0..2 {
        let store = &world.people[who].engine.turn.store;
        assert_eq!((blobs(&world, who), store.gone_blobs(9).unwrap().len()), (0, 0));
        assert_eq!(store.shelf().sweep(|_| Ok(false)).unwrap(), 0, "its bytes are removed");
    }
}

#[test]
fn a_relay_that_goes_for_good_takes_no_piece_along() {
    let mut world = World::new(904, 2, 4);
    world.introduce();
    let bytes = some_bytes(&mut world, 150 * PIECE);
    send_bytes(&mut world, &bytes);
    offered(&mut world);
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.until(|world| only(world, 1).done > 30 * PIECE_BYTES as u64);
    let queues = world.people[1].engine.turn.store.receive_queues().unwrap();
    let relay = queues.iter().find_map(|queue| queue.relay.filter(|_| queue.contact.is_some())).unwrap();
    world.relay_down(relay.0);
    world.until(|world| is(world, 1, FileState::Saved));
    let id = only(&mut world, 1).id;
    assert!(bytes_of(&mut world, 1, &id).unwrap() == bytes);
}

#[test]
fn to_somebody_who_is_away_no_more_than_relays_hold_is_left_and_a_week_later_it_goes_on() {
    let mut world = World::new(905, 2, 3);
    world.introduce();
    let bytes = some_bytes(&mut world, 400 * PIECE);
    send_bytes(&mut world, &bytes);
    offered(&mut world);
    act(&mut world, 1, FileAction::Accept).unwrap();
    world.until(|world| world.chunk_puts() > 0);
    world.go_offline(1);
    world.run_for(3_600_000);
    assert!(world.chunk_puts() <= 192 + 32, "{}", world.chunk_puts());
    assert_eq!(only(&mut world, 0).reason, FileReason::Away);
    world.days(8);
    world.go_online(1);
    world.until(|world| is(world, 1, FileState::Saved));
    let id = only(&mut world, 1).id;
    assert!(bytes_of(&mut world, 1, &id).unwrap() == bytes);
}

#[test]
fn what_is_small_comes_by_itself_from_whom_one_has_compared_and_from_nobody_else() {
    let mut world = World::new(906, 2, 3);
    world.introduce();
    let most = FILE_MAX_BYTES.min(100_000);
    assert_eq!(world.change(1, "", ContactAction::Files(most)).unwrap().files, most);
    assert_eq!(world.contacts(1)[0].files, 0, "they were not compared");
    world.verify(1, "ann");
    assert_eq!(world.contacts(1)[0].files, most);
    let (small, large) = (some_bytes(&mut world, 100_000), some_bytes(&mut world, 100_001));
    send_bytes(&mut world, &small);
    world.until(|world| is(world, 0, FileState::Saved));
    send_bytes(&mut world, &large);
    world.until(|world| all(world, 1).len() == 2);
    world.run_for(300_000);
    let states: Vec<FileState> = all(&mut world, 1).into_iter().map(|file| file.state).collect();
    assert_eq!(states, [FileState::Offered, FileState::Saved]);
    assert_eq!(world.change(1, "ann", ContactAction::Files(0)).unwrap().files, 0);
}
