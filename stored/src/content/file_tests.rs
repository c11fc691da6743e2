use ipc_schema::Timestamp;

use super::super::{Content, Kind, Link, decode, encode};
use super::*;

pub(in crate::content) fn offer() -> FileOffer {
    FileOffer {
        file: WireId([1; 16]),
        name: FileName::clean("plan.tar.gz"),
        kind: FileKind::Voice,
        size_bytes: 7,
        key: Secret::of([3; 32]),
        root: [4; 32],
        preview: None,
        message: WireId([5; 16]),
        part: 1,
        parts: 3,
        reply_to: Some(WireId([6; 16])),
        life_s: 300,
    }
}

pub(in crate::content) fn largest_offer() -> FileOffer {
    let rgb = vec![8; PREVIEW_MAX_PIXELS * 3];
    FileOffer {
        name: FileName::clean(&"x".repeat(FILE_NAME_MAX_BYTES)),
        kind: FileKind::Picture,
        size_bytes: FILE_MAX_BYTES,
        preview: Preview::new(24, rgb),
        ..offer()
    }
}

/// With so many gaps.
pub(in crate::content) fn chunks(gaps: u64) -> FileChunks {
    let missing = (1..=gaps).map(|n| Range { first: n * 10, last: n * 10 + 3 }).collect();
    FileChunks { file: WireId([1; 16]), up_to: 65_536, missing, again: 7 }
}

fn said(kind: Kind) -> Option<Kind> {
    let link = Link { chain: Timestamp(5), sequence: 9, numbered: kind.numbered(), previous: Some([7; 32]) };
    let content = Content { id: WireId([2; 16]), link, sent_at: Timestamp(9), acks: None, kind };
    decode(&encode(&content)).ok().map(|content| content.kind)
}

fn read(offer: FileOffer) -> Option<FileOffer> {
    match said(Kind::FileOffer(offer))? {
        Kind::FileOffer(offer) => Some(offer),
        _ => None,
    }
}

#[test]
fn a_preview_is_whole_rows_and_not_too_many() {
    let preview = |width, bytes| Preview::new(width, vec![1; bytes]).is_some();
    assert!(preview(1, 3) && preview(24, 24 * 20 * 3) && preview(255, 255 * 3));
    assert!(!preview(0, 0) && !preview(0, 3) && !preview(2, 3) && !preview(2, 0) && !preview(255, 3));
    assert!(!preview(24, 24 * 21 * 3));
    assert!(read(largest_offer()).unwrap().preview.unwrap().width() == 24);
}

#[test]
fn an_offer_too_large_or_out_of_its_place_is_refused() {
    assert!(read(FileOffer { size_bytes: 0, ..offer() }).is_some());
    assert!(read(FileOffer { size_bytes: FILE_MAX_BYTES, ..offer() }).is_some());
    assert!(read(FileOffer { size_bytes: FILE_MAX_BYTES + 1, ..offer() }).is_none());
    for (part, parts, fine) in [
        (0, 1, true),
        (1, 1, false),
        (0, 0, false),
        (FILES_MAX - 1, PARTS_MAX, true),
        (FILES_MAX, PARTS_MAX, false),
        (0, PARTS_MAX + 1, false),
    ] {
        assert_eq!(read(FileOffer { part, parts, ..offer() }).is_some(), fine, "{part} of {parts}");
    }
}

/// An offer as somebody else writes it.
fn hostile(alter: impl FnOnce(wire::file_offer::Builder<'_>)) -> Option<FileOffer> {
    let allocator = capnp::message::HeapAllocator::new().first_segment_words(512);
    let mut message = capnp::message::Builder::new(allocator);
    let mut root = message.init_root::<wire::Builder<'_>>();
    root.set_version(1);
    root.set_id(&[2; 16]);
    root.set_sequence(1);
    root.set_numbered(true);
    let mut to = root.init_file_offer();
    write_offer(to.reborrow(), &offer());
    alter(to);
    match decode(&capnp::serialize::write_message_to_words(&message)).ok()?.kind {
        Kind::FileOffer(offer) => Some(offer),
        _ => None,
    }
}

#[test]
fn what_somebody_else_offers_is_bounded_and_its_name_cleaned() {
    assert!(hostile(|_| ()) == Some(offer()));
    let name = |name: &str| hostile(|mut offer| offer.set_name(name)).map(|offer| offer.name);
    assert_eq!(name("../../x\u{202e}gpj.exe").unwrap().as_str(), "xgpj.exe");
    assert_eq!(name("").unwrap().as_str(), "file");
    assert!(name(&"x".repeat(FILE_NAME_MAX_BYTES + 1)).is_none());
    for length in [0, 31, 33] {
        assert!(hostile(|mut offer| offer.set_key(&vec![1; length])).is_none(), "{length}");
        assert!(hostile(|mut offer| offer.set_root(&vec![1; length])).is_none(), "{length}");
    }
    for length in [0, 15, 17] {
        assert!(hostile(|mut offer| offer.set_file(&vec![1; length])).is_none(), "{length}");
        assert!(hostile(|mut offer| offer.set_message(&vec![1; length])).is_none(), "{length}");
    }
    assert!(hostile(|mut offer| offer.set_preview_width(3)).is_none(), "a width of nothing");
    assert!(hostile(|mut offer| offer.set_preview(&[1; 9])).is_none(), "rows of no width");
    let longest = ipc_schema::edge::ui_stored::TIMER_LONGEST_S;
    assert_eq!(hostile(|mut offer| offer.set_life_s(u32::MAX)).unwrap().life_s, longest);
}

#[test]
fn more_gaps_between_chunks_than_can_be_are_refused() {
    let most = u64::try_from(CHUNK_GAPS_MAX).unwrap();
    assert!(said(Kind::FileChunks(chunks(most))) == Some(Kind::FileChunks(chunks(most))));
    assert!(said(Kind::FileChunks(chunks(most + 1))).is_none());
    let nothing = FileChunks { missing: vec![Range { first: 0, last: 3 }], ..chunks(0) };
    assert!(said(Kind::FileChunks(nothing)).is_none());
}
