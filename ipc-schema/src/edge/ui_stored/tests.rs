//! Calls and outcomes through a message and back.

use capnp::message::Builder as Bytes;

use super::*;
use crate::Timestamp;
use crate::edge::stored_mediad::Pixels;
use crate::edge::stored_onion::ROUTE_MAX;
use crate::edge::trial::{read_back, streamed_back, told_back};
use crate::edges::ui_stored_capnp::{event, search_match};
use crate::limits::{
    BEGINNING_MAX_CHARS, CONTEXT_MAX_CHARS, EMOJI_MAX_BYTES, FILE_MAX_BYTES, FILE_NAME_MAX_BYTES, FILES_MAX,
    HITS_MAX, LINK_MAX_CHARS, MESSAGE_ID_MAX_CHARS, NOTE_MAX_BYTES, PEOPLE_MAX, SHOWN_TEXT_MAX_BYTES,
    TEXT_MAX_BYTES, TYPED_TEXT_MAX_BYTES, UPLOAD_CHUNK_MAX_BYTES,
};
use crate::relay::RelayId;

fn typed(length: usize) -> String {
    "x".repeat(length)
}

fn contact() -> Contact {
    Contact {
        id: "00000000000000c1".into(),
        name: typed(NAME_MAX_BYTES),
        state: ContactState::Connected,
        verified: true,
        route: "onion".into(),
        unread: 3,
        last_at: Timestamp(4),
        their_name: "Ann".into(),
        last_text: "\u{1F600}".repeat(BEGINNING_MAX_CHARS),
        notice: Notice::InviteAgain,
        held: true,
        pinned: true,
        muted_until: MUTED_FOR_EVER,
        note: typed(NOTE_MAX_BYTES),
        has_draft: true,
        first_unread: typed(MESSAGE_ID_MAX_CHARS),
        receipts: true,
        typing: false,
        is_typing: true,
        timer_s: TIMER_LONGEST_S,
        retention_s: RETENTION_LONGEST_S,
        comparing: ShortState::Asked,
        files: 7,
    }
}

fn message() -> Message {
    Message {
        id: typed(MESSAGE_ID_MAX_CHARS),
        contact: "00000000000000c1".into(),
        mine: false,
        sent_at: Timestamp(1),
        received_at: Some(Timestamp(2)),
        body: typed(SHOWN_TEXT_MAX_BYTES),
        state: Delivery::Delivered,
        reply_to: "m0".into(),
        edited: true,
        route: vec![RelayId([7; 32]); ROUTE_MAX],
        note: Note::OlderCopyThere,
        gap: true,
        position: -7,
        held: true,
        reactions: [true, false].map(|mine| Reaction { mine, emoji: typed(EMOJI_MAX_BYTES) }).to_vec(),
        deleted: true,
        reason: Reason::Gone,
        expires_at: Some(Timestamp(3)),
        disappears_at: Some(Timestamp(4)),
        timer_s: 300,
        introduces: typed(NAME_MAX_BYTES),
        files: vec![file(); 2],
    }
}

fn info() -> Info {
    Info {
        id: typed(MESSAGE_ID_MAX_CHARS),
        contact: "00000000000000c1".into(),
        mine: true,
        state: Delivery::Expired,
        reason: Reason::InviteAgain,
        queued_at: Some(Timestamp(1)),
        relayed_at: Some(Timestamp(2)),
        expires_at: None,
        delivered_at: Some(Timestamp(4)),
        read_at: None,
        failed_at: Some(Timestamp(6)),
        received_at: None,
        sent_at: Timestamp(8),
        route: vec![RelayId([7; 32]); ROUTE_MAX],
        parts: 160,
        parts_relayed: 159,
    }
}

fn invite(link: usize) -> Invite {
    Invite {
        id: "00000000000000a1".into(),
        link: typed(link),
        contact: "00000000000000c1".into(),
        name: "bob".into(),
        expires: Timestamp(9),
        state: InviteState::Waiting,
    }
}

fn send(length: usize) -> SendText {
    SendText { who: "bob".into(), id: "m1".into(), text: typed(length), reply_to: String::new() }
}

fn through(event: &Event) -> Read<Event> {
    let mut bytes = Bytes::new_default();
    event.write(bytes.init_root::<event::Builder<'_>>());
    Event::read(bytes.get_root_as_reader().unwrap())
}

#[test]
fn the_words_of_the_contract_stand_as_they_are() {
    let words: Vec<_> = Delivery::ALL.iter().map(|state| state.word()).collect();
    assert_eq!(words, ["queued", "relayed", "delivered", "read", "failed", "expired"]);
    let words: Vec<_> = ContactState::ALL.iter().map(|state| state.word()).collect();
    assert_eq!(words, ["invited", "pending", "connected", "blocked", "self"]);
    let words: Vec<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(words, ["none", "invite-again", "queue-full", "gone"]);
    assert_eq!(Note::TimerChanged.word(), "timer-changed");
}

#[test]
fn each_call_is_read_as_it_was_written() {
    let name = MakeInvite { name: "bob".into() };
    assert!(read_back(&name) == Ok(name));
    let accept = AcceptInvite { link: typed(LINK_MAX_CHARS), name: "ann".into() };
    assert!(read_back(&accept) == Ok(accept));
    let text = send(TEXT_MAX_BYTES);
    assert!(read_back(&text) == Ok(text));
    let settle = Settle { id: "m1".into(), want: Delivery::Read, timeout_ms: 5 };
    assert!(read_back(&settle) == Ok(settle));
    let compare = CompareCode { who: "bob".into(), code: "privatus:v#".into() };
    assert!(read_back(&compare) == Ok(compare));
    let same = ShortAction::Same(typed(TYPED_MAX_BYTES));
    for action in [ShortAction::Look, ShortAction::Join, same, ShortAction::Differ, ShortAction::Stop] {
        let short = CompareShort { who: "bob".into(), action, wait_ms: 5 };
        assert!(read_back(&short) == Ok(short));
    }
    let edit = EditText { id: "m1".into(), text: typed(TEXT_MAX_BYTES) };
    assert!(read_back(&edit) == Ok(edit));
    for both in [false, true] {
        let delete = DeleteText { id: "m1".into(), both };
        assert!(read_back(&delete) == Ok(delete));
    }
    let react = React { id: "m1".into(), emoji: "👍".into() };
    assert!(read_back(&react) == Ok(react));
    let ask = AskInfo { id: "m1".into() };
    assert!(read_back(&ask) == Ok(ask));
    let retry = RetryText { id: "m1".into() };
    assert!(read_back(&retry) == Ok(retry));
    let cancel = CancelText { id: "m1".into() };
    assert!(read_back(&cancel) == Ok(cancel));
    let forward = ForwardText { id: "m1".into(), who: "bob".into(), new_id: "m2".into() };
    assert!(read_back(&forward) == Ok(forward));
    for action in [
        ContactAction::Show,
        ContactAction::Rename("robert".into()),
        ContactAction::Block(true),
        ContactAction::Delete,
        ContactAction::Accept,
        ContactAction::Decline,
        ContactAction::Verify(Some("12345".into())),
        ContactAction::Verify(None),
        ContactAction::Resume,
        ContactAction::Pin(true),
        ContactAction::Mute(Timestamp(7)),
        ContactAction::Mute(MUTED_FOR_EVER),
        ContactAction::Note("met in Lyon".into()),
        ContactAction::Unread,
        ContactAction::Receipts(true),
        ContactAction::Typing(false),
        ContactAction::Timer(0),
        ContactAction::Timer(u32::MAX),
        ContactAction::Retention(u32::MAX),
        ContactAction::Files(u64::MAX),
    ] {
        let change = ChangeContact { who: "bob".into(), action };
        assert!(read_back(&change) == Ok(change));
    }
    for set in [true, false] {
        let draft = Draft { who: "bob".into(), set, text: "half a sent".into() };
        assert!(read_back(&draft) == Ok(draft));
    }
}

#[test]
fn every_end_of_a_short_string_is_read_as_it_was_written() {
    for (state, end) in
        ShortState::ALL.iter().flat_map(|state| ShortEnd::ALL.iter().map(move |end| (*state, *end)))
    {
        let short = ShortComparison {
            state,
            end,
            digits: "1234 5678".into(),
            words: vec!["lusab".into(); 2],
            runs: 3,
            ends_at: Timestamp(4),
            theirs: end,
        };
        assert_eq!(told_back::<CompareShort>(&Ok(short.clone())), Ok(Ok(short)));
    }
}

#[test]
fn each_outcome_is_read_as_it_was_written() {
    let state = State { access: Access::ScriptsOff, profile_name: "Ann".into() };
    assert_eq!(told_back::<LookState>(&Ok(state.clone())), Ok(Ok(state)));
    let clock = crate::clock::ClockOffset { seconds: -5_400, relays: 3 };
    for (proof_age_ms, clock, history) in
        [(None, Some(clock), History::Damaged), (Some(7), None, History::Ok)]
    {
        let stage = "slow".into();
        let counts =
            Counts { outbox: 1, unread: 2, proof_age_ms, stage, clock, history, ..Counts::default() };
        assert_eq!(told_back::<Count>(&Ok(counts.clone())), Ok(Ok(counts)));
    }
    let invites = vec![invite(LINK_MAX_CHARS), invite(0)];
    assert_eq!(told_back::<MakeInvite>(&Ok(invites[0].clone())), Ok(Ok(invites[0].clone())));
    assert_eq!(told_back::<MakeInvite>(&Err(InviteError::Network)), Ok(Err(InviteError::Network)));
    assert_eq!(told_back::<Invites>(&Ok(invites.clone())), Ok(Ok(invites)));
    assert_eq!(told_back::<Invites>(&Err(Closed::Locked)), Ok(Err(Closed::Locked)));
    assert_eq!(told_back::<Contacts>(&Ok(vec![contact()])), Ok(Ok(vec![contact()])));
    assert_eq!(told_back::<ChangeContact>(&Ok(contact())), Ok(Ok(contact())));
    let closed = AcceptError::Closed(Closed::ScriptsOff);
    assert_eq!(told_back::<AcceptInvite>(&Err(closed)), Ok(Err(closed)));
    assert_eq!(told_back::<SendText>(&Ok(message())), Ok(Ok(message())));
    assert_eq!(told_back::<EditText>(&Ok(message())), Ok(Ok(message())));
    assert_eq!(told_back::<EditText>(&Err(EditError::NotYours)), Ok(Err(EditError::NotYours)));
    assert_eq!(told_back::<DeleteText>(&Ok(())), Ok(Ok(())));
    assert_eq!(told_back::<DeleteText>(&Err(DeleteError::NotYours)), Ok(Err(DeleteError::NotYours)));
    assert_eq!(told_back::<React>(&Ok(message())), Ok(Ok(message())));
    assert_eq!(told_back::<React>(&Err(ReactError::BadEmoji)), Ok(Err(ReactError::BadEmoji)));
    assert_eq!(told_back::<Draft>(&Ok("half a sent".into())), Ok(Ok("half a sent".to_owned())));
    assert_eq!(told_back::<Draft>(&Err(DraftError::TooLong)), Ok(Err(DraftError::TooLong)));
    assert_eq!(told_back::<Settle>(&Ok(Delivery::Expired)), Ok(Ok(Delivery::Expired)));
    assert_eq!(told_back::<AskInfo>(&Ok(info())), Ok(Ok(info())));
    assert_eq!(told_back::<AskInfo>(&Err(SettleError::NoSuchMessage)), Ok(Err(SettleError::NoSuchMessage)));
    assert_eq!(told_back::<RetryText>(&Ok(message())), Ok(Ok(message())));
    assert_eq!(told_back::<RetryText>(&Err(RetryError::Blocked)), Ok(Err(RetryError::Blocked)));
    let under_way = CancelTextError::UnderWay;
    assert_eq!(told_back::<CancelText>(&Err(under_way)), Ok(Err(under_way)));
    assert_eq!(told_back::<ForwardText>(&Err(SendError::TooLong)), Ok(Err(SendError::TooLong)));
    assert_eq!(told_back::<Messages>(&Ok(())), Ok(Ok(())));
    assert_eq!(told_back::<MarkRead>(&Err(ReadError::NoSuchMessage)), Ok(Err(ReadError::NoSuchMessage)));
    assert_eq!(told_back::<Watch>(&Ok(8)), Ok(Ok(8)));
    let number = SafetyNumber {
        digits: "1".into(),
        words: vec!["w".into(); 8],
        verified: true,
        code: typed(LINK_MAX_CHARS),
    };
    assert_eq!(told_back::<AskSafetyNumber>(&Ok(number.clone())), Ok(Ok(number)));
    for told in Comparison::ALL {
        assert_eq!(told_back::<CompareCode>(&Ok(*told)), Ok(Ok(*told)));
    }
    let pixels = Pixels { width: 1, height: 2, rgb: vec![7; 6] };
    assert_eq!(told_back::<FinishPicture>(&Ok(pixels.clone())), Ok(Ok(pixels)));
    assert_eq!(told_back::<FinishPicture>(&Err(UploadError::Picture)), Ok(Err(UploadError::Picture)));
    for next in [String::new(), typed(MESSAGE_ID_MAX_CHARS)] {
        assert_eq!(told_back::<Search>(&Ok(next.clone())), Ok(Ok(next)));
    }
    assert_eq!(told_back::<Search>(&Err(SearchError::TooLong)), Ok(Err(SearchError::TooLong)));
}

#[test]
fn that_the_user_writes_is_read_as_it_was_written_and_bounded() {
    for on in [true, false] {
        let typing = TellTyping { who: "bob".into(), on };
        assert!(read_back(&typing) == Ok(typing));
    }
    for told in [Ok(()), Err(TypingError::NoSuchContact), Err(TypingError::Closed(Closed::ScriptsOff))] {
        assert_eq!(told_back::<TellTyping>(&told), Ok(told));
    }
    let to = |length| read_back(&TellTyping { who: typed(length), on: true }).is_ok();
    assert!(to(TYPED_MAX_BYTES) && !to(TYPED_MAX_BYTES + 1));
}

#[test]
fn what_is_asked_and_told_of_introductions_is_read_as_it_was_written() {
    let introduce = Introduce { who: "bob".into(), other: "cai".into() };
    assert!(read_back(&introduce) == Ok(introduce));
    for yes in [false, true] {
        let answer = AnswerIntroduction { id: "m1".into(), yes, name: "cai".into() };
        assert!(read_back(&answer) == Ok(answer));
    }
    assert_eq!(told_back::<Introduce>(&Ok(())), Ok(Ok(())));
    let open = IntroduceError::AlreadyOpen;
    assert_eq!(told_back::<Introduce>(&Err(open)), Ok(Err(open)));
    let none = AnswerError::NoIntroduction;
    assert_eq!(told_back::<AnswerIntroduction>(&Err(none)), Ok(Err(none)));
}

fn found(context: &str, hits: &[(usize, usize)]) -> Match {
    Match {
        id: typed(MESSAGE_ID_MAX_CHARS),
        contact: "00000000000000c1".into(),
        mine: true,
        sent_at: Timestamp(7),
        body: typed(SHOWN_TEXT_MAX_BYTES),
        context: context.into(),
        hits: hits.iter().map(|(from, to)| *from..*to).collect(),
    }
}

fn match_through(found: &Match) -> Read<Match> {
    let mut bytes = Bytes::new_default();
    found.write(bytes.init_root::<search_match::Builder<'_>>());
    Match::read(bytes.get_root_as_reader().unwrap())
}

#[test]
fn a_match_is_read_as_it_was_written_and_its_hits_are_whole_characters_of_its_context() {
    let every_other: Vec<_> = (0..HITS_MAX).map(|n| (8 * n, 8 * n + 4)).collect();
    let whole = found(&"\u{1F600}".repeat(CONTEXT_MAX_CHARS), &every_other);
    for good in [whole, found("", &[]), found("Café", &[(0, 5)])] {
        assert!(match_through(&good) == Ok(good));
    }
    let bad: [&[(usize, usize)]; 6] =
        [&[(0, 6)], &[(0, 4)], &[(2, 2)], &[(2, 3), (0, 1)], &[(0, 2), (2, 3)], &[(70_000, 70_001)]];
    for hits in bad {
        assert!(match_through(&found("Café", hits)) == Err(Malformed), "{hits:?}");
    }
    let long = typed(4 * CONTEXT_MAX_CHARS);
    assert!(match_through(&found(&format!("{long}x"), &[])) == Err(Malformed));
    let many: Vec<_> = (0..=HITS_MAX).map(|n| (2 * n, 2 * n + 1)).collect();
    assert!(match_through(&found(&long, &many)) == Err(Malformed));
}

#[test]
fn each_event_is_read_as_it_was_written() {
    for change in [
        Change::Message(message()),
        Change::Delivery { id: "m1".into(), contact: "c1".into(), state: Delivery::Read },
        Change::Contact(contact()),
        Change::Network("connected".into()),
        Change::Gone { id: "m1".into(), contact: "c1".into() },
        Change::Typing { who: "c1".into(), on: true },
        Change::Typing { who: "c1".into(), on: false },
        Change::File(file()),
    ] {
        let event = Event { seq: 5, at: Timestamp(6), change };
        assert_eq!(through(&event), Ok(event));
    }
}

/// A person may be wrong by a lot and is told what is wrong; only what nobody types closes the edge.
#[test]
fn what_is_asked_is_bounded_far_above_what_can_be_right() {
    let name = |length| read_back(&MakeInvite { name: typed(length) }).is_ok();
    assert!(name(NAME_MAX_BYTES + 1) && name(TYPED_MAX_BYTES) && !name(TYPED_MAX_BYTES + 1));
    let text = |length| read_back(&send(length)).is_ok();
    assert!(text(0) && text(TEXT_MAX_BYTES + 1) && text(TYPED_TEXT_MAX_BYTES));
    assert!(!text(TYPED_TEXT_MAX_BYTES + 1));
    let rename = |length| {
        let action = ContactAction::Rename(typed(length));
        read_back(&ChangeContact { who: "bob".into(), action }).is_ok()
    };
    assert!(rename(TYPED_MAX_BYTES) && !rename(TYPED_MAX_BYTES + 1));
    let note = |length| {
        let action = ContactAction::Note(typed(length));
        read_back(&ChangeContact { who: "bob".into(), action }).is_ok()
    };
    assert!(note(NOTE_MAX_BYTES + 1) && note(TYPED_MAX_BYTES) && !note(TYPED_MAX_BYTES + 1));
    let draft = |length| read_back(&Draft { who: "bob".into(), set: true, text: typed(length) }).is_ok();
    assert!(draft(0) && draft(TYPED_TEXT_MAX_BYTES) && !draft(TYPED_TEXT_MAX_BYTES + 1));
}

#[test]
fn what_is_told_is_bounded_by_what_can_be() {
    let named =
        |length| told_back::<ChangeContact>(&Ok(Contact { name: typed(length), ..contact() })).is_ok();
    assert!(named(NAME_MAX_BYTES) && !named(NAME_MAX_BYTES + 1));
    let body = |length| told_back::<SendText>(&Ok(Message { body: typed(length), ..message() })).is_ok();
    assert!(body(SHOWN_TEXT_MAX_BYTES) && !body(SHOWN_TEXT_MAX_BYTES + 1));
    let noted =
        |length| told_back::<ChangeContact>(&Ok(Contact { note: typed(length), ..contact() })).is_ok();
    assert!(noted(NOTE_MAX_BYTES) && !noted(NOTE_MAX_BYTES + 1));
    let draft = |length| told_back::<Draft>(&Ok(typed(length))).is_ok();
    assert!(draft(TEXT_MAX_BYTES) && !draft(TEXT_MAX_BYTES + 1));
    let introduces =
        |length| told_back::<SendText>(&Ok(Message { introduces: typed(length), ..message() })).is_ok();
    assert!(introduces(NAME_MAX_BYTES) && !introduces(NAME_MAX_BYTES + 1));
    let relays = |count| {
        told_back::<SendText>(&Ok(Message { route: vec![RelayId([7; 32]); count], ..message() })).is_ok()
    };
    assert!(relays(ROUTE_MAX) && !relays(ROUTE_MAX + 1));
    let reactions = |count, length| {
        let reactions = vec![Reaction { mine: false, emoji: typed(length) }; count];
        told_back::<SendText>(&Ok(Message { reactions, ..message() })).is_ok()
    };
    assert!(reactions(2, EMOJI_MAX_BYTES) && !reactions(3, 1) && !reactions(1, EMOJI_MAX_BYTES + 1));
    let link = |length| told_back::<MakeInvite>(&Ok(invite(length))).is_ok();
    assert!(link(LINK_MAX_CHARS) && !link(LINK_MAX_CHARS + 1));
    assert!(told_back::<Invites>(&Ok(vec![invite(1); PEOPLE_MAX + 1])).is_err());
    let pixels = Pixels { width: 1, height: 2, rgb: vec![7; 5] };
    assert!(told_back::<FinishPicture>(&Ok(pixels)).is_err());
}

/// A stored that is at fault says of an invitation what can only be said of a text.
#[test]
fn a_word_that_the_method_cannot_answer_is_malformed() {
    assert_eq!(told::<CancelError>(Refusal::Conflict), Err(Malformed));
    assert_eq!(told::<SendError>(Refusal::NotYours), Err(Malformed));
    assert_eq!(told::<Closed>(Refusal::NoSuchContact), Err(Malformed));
    assert_eq!(told::<SendError>(Refusal::Conflict), Ok(Err(SendError::Conflict)));
    assert_eq!(told::<SendError>(Refusal::Storage), Ok(Err(SendError::Closed(Closed::Storage))));
    assert_eq!(told::<SendError>(Refusal::None), Ok(Ok(())));
    let invited = |word| {
        let mut bytes = Bytes::new_default();
        bytes.init_root::<messenger::invite_results::Builder<'_>>().init_result().set_error(word);
        MakeInvite::read_outcome(bytes.get_root_as_reader().unwrap())
    };
    assert_eq!(invited(Refusal::NameTaken), Ok(Err(InviteError::NameTaken)));
    assert_eq!(invited(Refusal::LinkOwn), Err(Malformed));
    // A union's error that says that there is none.
    assert_eq!(invited(Refusal::None), Err(Malformed));
}

#[test]
fn a_mute_ends_at_its_moment_and_one_of_a_clock_that_was_wrong_has_ended() {
    let now = Timestamp(1_800_000_000_000);
    for (until, muted) in [
        (Timestamp(0), false),
        (now, false),
        (Timestamp(now.0 + 1), true),
        (now.after(MUTE_LONGEST), true),
        (Timestamp(now.after(MUTE_LONGEST).0 + 1), false),
        (MUTED_FOR_EVER, true),
    ] {
        assert_eq!(is_muted(until, now), muted, "{until:?}");
    }
}

struct Unheard;

impl crate::edges::ui_stored_capnp::message_sink::Server for Unheard {}

#[test]
fn at_most_one_place_of_a_conversation_is_asked_for() {
    let asked = |place| Messages::of("Robin".into(), 3, place, capnp_rpc::new_client(Unheard));
    let id = || "m1".to_owned();
    for place in
        [Place::Newest, Place::Before(id()), Place::After(id()), Place::Around(id()), Place::At(Timestamp(7))]
    {
        assert_eq!(asked(place.clone()).place(), Ok(place));
    }
    let both = Messages { around: id(), ..asked(Place::Before(id())) };
    assert_eq!(both.place(), Err(ReadError::Conflict));
    let three = Messages { at: 7, ..both };
    assert_eq!(three.place(), Err(ReadError::Conflict));
}

fn file() -> File {
    File {
        id: typed(MESSAGE_ID_MAX_CHARS),
        message: typed(MESSAGE_ID_MAX_CHARS),
        contact: "00000000000000c1".into(),
        mine: true,
        name: typed(FILE_NAME_MAX_BYTES),
        kind: FileKind::Picture,
        size: FILE_MAX_BYTES,
        state: FileState::Going,
        reason: FileReason::RelaysFull,
        done: 1,
        rate: 2,
        left_s: None,
        at: Timestamp(3),
    }
}

#[test]
fn a_file_is_told_as_it_is_within_its_bounds() {
    for file in [file(), File { left_s: Some(7), mine: false, ..file() }] {
        assert_eq!(told_back::<ActOnFile>(&Ok(file.clone())), Ok(Ok(file)));
    }
    for file in [File { name: typed(FILE_NAME_MAX_BYTES + 1), ..file() }, File { id: typed(65), ..file() }] {
        assert_eq!(told_back::<ActOnFile>(&Ok(file)), Err(Malformed));
    }
    for action in FileAction::ALL {
        let call = ActOnFile { id: "f1".into(), action: *action };
        assert!(read_back(&call) == Ok(call));
    }
}

#[test]
fn a_message_takes_as_many_files_as_it_may_and_bytes_come_in_pieces_of_a_bound() {
    let sent = |files: usize| SendFiles {
        who: "bob".into(),
        id: String::new(),
        files: vec![typed(MESSAGE_ID_MAX_CHARS); files],
        caption: typed(TYPED_TEXT_MAX_BYTES),
        reply_to: String::new(),
        with_metadata: true,
    };
    assert!(read_back(&sent(FILES_MAX)) == Ok(sent(FILES_MAX)));
    assert!(read_back(&sent(FILES_MAX + 1)) == Err(Malformed));
    let piece = |length: usize| FilePiece { chunk: vec![7; length] };
    assert!(streamed_back(&piece(UPLOAD_CHUNK_MAX_BYTES)) == Ok(piece(UPLOAD_CHUNK_MAX_BYTES)));
    assert!(streamed_back(&piece(UPLOAD_CHUNK_MAX_BYTES + 1)) == Err(Malformed));
    let part = |length: usize| Ok(FilePart { chunk: vec![7; length], last: true });
    assert!(told_back::<NextPart>(&part(UPLOAD_CHUNK_MAX_BYTES)) == Ok(part(UPLOAD_CHUNK_MAX_BYTES)));
    assert!(told_back::<NextPart>(&part(UPLOAD_CHUNK_MAX_BYTES + 1)) == Err(Malformed));
    let kept = KeptFile { file: "f1".into(), size: 5, carries: true };
    assert_eq!(told_back::<FinishUpload>(&Ok(kept.clone())), Ok(Ok(kept)));
    assert_eq!(told_back::<FinishUpload>(&Err(FinishError::SizeDiffers)), Ok(Err(FinishError::SizeDiffers)));
}
