//! What only a later version can read: Ann (person 0) sends it to Bob.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{ContactAction, Count, MarkRead};

use super::Input;
use super::world::World;
use crate::content::{self, Content, Kind, Link, TextPart, WireId};
use crate::ids::ContactId;
use crate::store::{Message, Note};

const BOB: usize = 1;

/// Two who are connected, and the id of the one at the other.
fn two(seed: u64) -> (World, ContactId) {
    let mut world = World::new(seed, 2, 3);
    world.introduce();
    let ann = world.contacts(BOB)[0].id;
    (world, ann)
}

/// A text of a later version: this one reads neither.
fn newer(number: u64, length: usize, previous: Option<&[u8]>) -> Vec<u8> {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let (id, text) = (WireId(id), "x".repeat(length));
    let link = Link {
        chain: Timestamp(u64::from(u32::MAX) << 10),
        sequence: number,
        numbered: true,
        previous: previous.map(content::hash),
    };
    let mut message = id;
    message.0[15] ^= 1;
    let part = TextPart { message, part: 0, parts: 1, body: text, reply_to: None, life_s: 0 };
    let kind = Kind::Text(part);
    content::encode(&Content { id, link, sent_at: Timestamp(5), acks: None, kind })
}

/// Where the version stands: a number that no version of this program has. The first word behind the framing is the root's pointer.
fn of_a_later_version(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[16] = 99;
    assert!(matches!(content::decode(&bytes).unwrap().kind, Kind::Later(_)));
    bytes
}

fn read(world: &mut World, contact: ContactId, bytes: &[u8]) {
    let turn = &mut world.people[BOB].engine.turn;
    turn.store.begin().unwrap();
    super::reading::read(turn, contact, bytes).unwrap();
    turn.store.commit().unwrap();
    turn.take_wishes();
}

fn newer_lines(world: &mut World) -> Vec<Message> {
    world.messages(BOB, "ann").into_iter().filter(|message| message.note == Note::Newer).collect()
}

#[test]
fn what_a_later_version_sends_is_acked_counted_in_a_line_and_bounded() {
    let (mut world, ann) = two(490);
    let mut last: Option<Vec<u8>> = None;
    for number in 1..=100 {
        let bytes = of_a_later_version(newer(number, 1_500, last.as_deref()));
        read(&mut world, ann, &bytes);
        read(&mut world, ann, &bytes);
        last = Some(bytes);
    }
    let lines = newer_lines(&mut world);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].body.contains("newer version") && lines[0].body.contains("100"), "{}", lines[0].body);
    let store = &world.people[BOB].engine.turn.store;
    let kept = store.bytes_of_newer(ann).unwrap();
    assert!((60 << 10..=64 << 10).contains(&kept), "{kept}");
    assert_eq!(store.receive_chain(ann).unwrap().numbers.complete_up_to(), 100, "all of it is acked");
    assert_eq!(world.request(BOB, Count {}).unwrap().unread, 1, "as one");
    // A text between them: another line.
    let text = newer(101, 3, last.as_deref());
    read(&mut world, ann, &text);
    read(&mut world, ann, &of_a_later_version(newer(102, 3, Some(&text))));
    assert_eq!(newer_lines(&mut world).len(), 2);
    // Or what was read: nothing new hides behind it.
    world.request(BOB, MarkRead { who: "ann".into(), up_to: String::new() }).unwrap();
    read(&mut world, ann, &of_a_later_version(newer(103, 3, None)));
    assert_eq!(newer_lines(&mut world).len(), 3);
    assert_eq!(world.request(BOB, Count {}).unwrap().unread, 1);
}

#[test]
fn a_later_version_shows_what_an_earlier_one_kept_where_its_line_stood() {
    let (mut world, ann) = two(491);
    let mut last: Option<Vec<u8>> = None;
    for number in 1..=3 {
        let bytes = of_a_later_version(newer(number, 3, last.as_deref()));
        read(&mut world, ann, &bytes);
        last = Some(bytes);
    }
    read(&mut world, ann, &newer(4, 4, last.as_deref()));
    world.kill(BOB);
    assert_eq!(newer_lines(&mut world).len(), 1, "this is no later version");
    // As if this one were that, for two of them.
    let store = &world.people[BOB].engine.turn.store;
    let kept = store.newer_after(0, 9).unwrap();
    assert_eq!(kept.len(), 3);
    for (id, later) in kept.into_iter().take(2) {
        let content = [&later.content[..16], &[1], &later.content[17..]].concat();
        store.newer_rewritten(id, &content).unwrap();
    }
    world.kill(BOB);
    let left = newer_lines(&mut world);
    assert!(left.len() == 1 && !left[0].body.contains("of them"), "one is left");
    let texts = world.bodies(BOB, "ann", false);
    assert_eq!(texts, ["xxx", "xxx", "xxxx"]);
    let store = &world.people[BOB].engine.turn.store;
    let (id, later) = store.newer_after(0, 9).unwrap().remove(0);
    let content = [&later.content[..16], &[1], &later.content[17..]].concat();
    store.newer_rewritten(id, &content).unwrap();
    world.kill(BOB);
    assert!(newer_lines(&mut world).is_empty());
    assert_eq!(world.bodies(BOB, "ann", false).len(), 4);
}

#[test]
fn what_a_line_stands_for_is_as_old_as_the_newest_of_it() {
    const DAY: u64 = 86_400_000;
    let (mut world, ann) = two(493);
    let first = of_a_later_version(newer(1, 3, None));
    read(&mut world, ann, &first);
    world.now = Timestamp(world.now.0 + 20 * DAY);
    world.input(BOB, Input::Tick);
    read(&mut world, ann, &of_a_later_version(newer(2, 3, Some(&first))));
    let mut lines = newer_lines(&mut world);
    let line = lines.remove(0);
    assert!(lines.is_empty(), "it counts both");
    let store = &world.people[BOB].engine.turn.store;
    store.set_retention(30 * 86_400).unwrap();
    let goes_after = |days: u64| {
        let old = store.too_old(Timestamp(world.now.0 + days * DAY), 99).unwrap();
        old.iter().any(|ended| ended.id == line.id)
    };
    assert!(!goes_after(15), "half of it is of today");
    assert!(goes_after(31));
}

#[test]
fn of_somebody_blocked_no_line_tells_that_a_newer_version_is_needed() {
    let (mut world, ann) = two(492);
    world.change(BOB, "ann", ContactAction::Block(true)).unwrap();
    let bytes = of_a_later_version(newer(1, 3, None));
    read(&mut world, ann, &bytes);
    world.change(BOB, "ann", ContactAction::Block(false)).unwrap();
    read(&mut world, ann, &bytes);
    assert!(newer_lines(&mut world).is_empty());
}
