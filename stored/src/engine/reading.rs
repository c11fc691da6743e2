//! What a contact said: each content is taken once, under its number, and shown where the sender said it
//! (docs/protocol/content.md, "Numbers").

use std::time::Duration;

use ipc_schema::Timestamp;

use super::event::{
    ArrivalEvent, ClaimEvent, ComparisonEvent, EndEvent, FileSendEvent, OutboxEvent, ReceiptEvent, Sign,
    TypingEvent,
};
use super::received::{Place, message_id};
use super::turn::Turn;
use super::{claims, files, hold, introductions, newer, places, their_changes, timers};
use crate::content::{self, Content, Kind, Link, TextPart, WireId};
use crate::error::StoreError;
use crate::ids::ContactId;
use crate::store::{Contact, ContactState, Delivery, EventKind, Message, ReceiveChain, UNREAD};

/// Reads one content, authenticated as the contact's. The numbers of its chain, where it counts.
pub(super) fn read(
    turn: &mut Turn,
    id: ContactId,
    untrusted_content: &[u8],
) -> Result<Option<ReceiveChain>, StoreError> {
    let Ok(content) = content::decode(untrusted_content) else { return Ok(None) };
    let Some(contact) = turn.store.contact(id)? else { return Ok(None) };
    if contact.state != ContactState::Connected && !contact.blocked {
        turn.store.set_contact_state(id, ContactState::Connected)?;
        turn.event(&EventKind::Contact { contact: id })?;
        places::take(turn, id)?;
        turn.wish(ClaimEvent::LookAt(id));
    }
    turn.wish(OutboxEvent::Pump(id));
    // Whatever its own number is worth: where older copies of both are in use, each learns it from the other's acks.
    if let Some(acks) = &content.acks {
        turn.wish(OutboxEvent::Acked(id, acks.clone()));
    }
    if !contact.blocked {
        turn.wish(TypingEvent::Heard(id, content.sent_at, sign_of(&content)));
    }
    turn.wish(FileSendEvent::Heard(id));
    turn.wish(ArrivalEvent::Heard(id));
    let mut chain = turn.store.receive_chain(id)?;
    if content.link.chain > chain.chain {
        if chain.chain != Timestamp(0) {
            hold::older_copy(turn, id)?;
        }
        chain = ReceiveChain::begun(content.link.chain);
    }
    if content.link.chain < chain.chain {
        // Said before the peer numbered anew, or by an older copy of it, which learns that from the acks.
        if content.link.numbered {
            show_now(turn, id, content)?;
        }
        return Ok(None);
    }
    chain.highest = chain.highest.max(content.link.sequence);
    if content.link.numbered {
        // Also for one that came before: the peer seems not to know that it did.
        turn.store.set_ack_due(id, true)?;
        take(turn, &contact, &mut chain, content, &content::hash(untrusted_content))?;
    } else if differs(turn, id, &content.link)? {
        conflict(turn, id, &mut chain, content.link.sequence)?;
    } else if let Kind::GapRequest(gaps) = content.kind {
        turn.wish(OutboxEvent::Missing(id, gaps));
    } else if let Kind::Receipt(Some(text)) = content.kind
        && !contact.blocked
    {
        // Behind the acks that came with it, which may be of that text.
        turn.wish(ReceiptEvent::Theirs(id, text));
    } else if let Kind::FileChunks(chunks) = content.kind {
        if !contact.blocked {
            turn.wish(FileSendEvent::Told(id, chunks));
        }
    } else if let Kind::Comparison(said) = content.kind
        && !contact.blocked
    {
        turn.wish(ComparisonEvent::Heard { contact: id, sent_at: content.sent_at, said });
    }
    turn.store.set_receive_chain(id, &chain)?;
    Ok(Some(chain))
}

/// What it says of the sender's writing. One that takes a number is none of those that may be lost.
fn sign_of(content: &Content) -> Sign {
    match content.kind {
        Kind::Typing(on) if !content.link.numbered => Sign::Typing(on),
        Kind::Text(_) | Kind::FileOffer(_) => Sign::Text,
        _ => Sign::None,
    }
}

/// What an earlier version held until what came before it was there is shown.
pub(super) fn show_held(turn: &mut Turn) -> Result<(), StoreError> {
    for contact in turn.store.contacts()? {
        for bytes in turn.store.take_held(contact.id)? {
            if let Ok(content) = content::decode(&bytes) {
                show_now(turn, contact.id, content)?;
            }
        }
    }
    Ok(())
}

/// Takes a numbered content once, and shows it, also where numbers before it are missing.
fn take(
    turn: &mut Turn,
    contact: &Contact,
    chain: &mut ReceiveChain,
    content: Content,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    let (id, number) = (contact.id, content.link.sequence);
    // What was done to a text, or the timer, has no name that outlives its number.
    let again = content.kind.is_change() && chain.refused.contains(number);
    if !chain.numbers.contains(number) && (again || refused(turn, contact, &content)?) {
        chain.refused.insert(number);
        return close_gap(turn, id, chain, number);
    }
    if let Some(other) = other_under(turn, id, &content.link, hash)? {
        conflict(turn, id, chain, other)?;
        return show_now(turn, id, content);
    }
    if !chain.numbers.insert(number) {
        return Ok(());
    }
    if turn.store.note_received(id, content.id, &content.link, hash)? {
        show_in_turn(turn, id, chain, content)?;
        chain.shown = chain.shown.max(number);
    }
    close_gap(turn, id, chain, number)
}

/// Whether somebody who is blocked wrote it, or did it to a text: it does not come in, then or later.
fn refused(turn: &Turn, contact: &Contact, content: &Content) -> Result<bool, StoreError> {
    let name = match &content.kind {
        Kind::Text(part) => part.message,
        Kind::Edit(edit) => edit.name,
        Kind::Introduction(said) => said.id,
        Kind::FileOffer(offer) => offer.message,
        Kind::Meeting(said) => said.id,
        Kind::Later(_) => content.id,
        kind => return Ok(kind.is_change() && contact.blocked),
    };
    if contact.blocked {
        turn.store.refuse(contact.id, name)?;
    }
    turn.store.is_refused(contact.id, name)
}

/// What was said under `number` is not missing any more before what was said next.
fn close_gap(
    turn: &mut Turn,
    contact: ContactId,
    chain: &ReceiveChain,
    number: u64,
) -> Result<(), StoreError> {
    match turn.store.close_gap(contact, chain.chain, number.saturating_add(1))? {
        Some(id) => changed(turn, contact, id),
        None => Ok(()),
    }
}

/// The number under which something else came than what this content or its neighbours are: the peer went back in time, and
/// numbers from there.
fn other_under(turn: &Turn, id: ContactId, link: &Link, hash: &[u8; 32]) -> Result<Option<u64>, StoreError> {
    let under = |number| turn.store.received_under(id, link.chain, number);
    let (before, after) = (link.sequence.saturating_sub(1), link.sequence.saturating_add(1));
    if under(link.sequence)?.is_some_and(|here| here.hash != *hash) {
        Ok(Some(link.sequence))
    } else if under(before)?.is_some_and(|below| link.previous != Some(below.hash)) {
        Ok(Some(before))
    } else if under(after)?.is_some_and(|above| above.previous != Some(*hash)) {
        Ok(Some(after))
    } else {
        Ok(None)
    }
}

/// Whether the last number that the peer says it has used is another content here.
fn differs(turn: &Turn, id: ContactId, link: &Link) -> Result<bool, StoreError> {
    let last = turn.store.received_under(id, link.chain, link.sequence)?;
    Ok(last.is_some_and(|last| link.previous != Some(last.hash)))
}

/// The peer learns from the next acks what lies under that number here: it begins a new chain, and says again what is missing.
fn conflict(turn: &mut Turn, id: ContactId, chain: &mut ReceiveChain, number: u64) -> Result<(), StoreError> {
    chain.conflict = number;
    turn.store.set_ack_due(id, true)?;
    hold::older_copy(turn, id)
}

/// A content that has no place in the chain, and is not acked: what it says is not lost, whether it comes again or not.
fn show_now(turn: &mut Turn, id: ContactId, content: Content) -> Result<(), StoreError> {
    turn.store.set_ack_due(id, true)?;
    let Some(contact) = turn.store.contact(id)? else { return Ok(()) };
    if refused(turn, &contact, &content)? {
        return Ok(());
    }
    let place =
        Place { chain: Timestamp(0), sequence: 0, position: turn.store.last_position(id)?, gap: false };
    show(turn, id, content, place)
}

/// What could not be read when it came is shown, where the line stands that told so.
pub(super) fn show_again(
    turn: &mut Turn,
    id: ContactId,
    content: Content,
    position: i64,
) -> Result<(), StoreError> {
    show(turn, id, content, Place { chain: Timestamp(0), sequence: 0, position, gap: false })
}

/// Shows a content where the sender said it.
fn show_in_turn(
    turn: &mut Turn,
    id: ContactId,
    chain: &ReceiveChain,
    content: Content,
) -> Result<(), StoreError> {
    let number = content.link.sequence;
    let first = match &content.kind {
        Kind::Text(part) => number.saturating_sub(part.part.into()).max(1),
        Kind::FileOffer(offer) => number.saturating_sub(offer.part.into()).max(1),
        _ => number,
    };
    let late = number < chain.shown;
    let position = if late {
        turn.store.late_position(id, chain.chain, number)?
    } else {
        turn.store.last_position(id)?
    };
    let gap = first > 1 && !chain.known().contains(first - 1);
    show(turn, id, content, Place { chain: chain.chain, sequence: first, position, gap })?;
    // The list of contacts tells what stands last, not what came last.
    if late { turn.store.refresh_contact(id) } else { Ok(()) }
}

/// A text of which all is here.
struct Whole {
    wire: WireId,
    body: String,
    reply_to: Option<WireId>,
    life: u32,
}

/// What is said, where that is a text of which this was the last part. All else is done.
fn said(
    turn: &mut Turn,
    contact: ContactId,
    content: Content,
    place: Place,
) -> Result<Option<Whole>, StoreError> {
    match content.kind {
        Kind::Text(part) => {
            let (wire, reply_to, life) = (part.message, part.reply_to, part.life_s);
            if turn.store.is_wire_gone(contact, wire)? {
                return Ok(None);
            }
            let body = whole(turn, contact, part)?;
            return Ok(body.map(|body| Whole { wire, body, reply_to, life }));
        }
        Kind::Later(bytes) => {
            let came = newer::Came { id: content.id, sent_at: content.sent_at, bytes };
            newer::keep(turn, contact, place.position, came)?;
        }
        Kind::Introduction(said) => {
            introductions::take(turn, contact, (place.position, content.sent_at), said)?;
        }
        Kind::Meeting(said) => claims::take(turn, contact, &said)?,
        Kind::Profile(name) => {
            turn.store.set_their_name(contact, &name)?;
            turn.event(&EventKind::Contact { contact })?;
        }
        kind @ (Kind::Edit(_) | Kind::Delete(_) | Kind::Reaction { .. }) => {
            their_changes::take(turn, contact, &content.link, kind)?;
        }
        Kind::Timer(timer) => timers::take(turn, contact, (timer, content.sent_at), place)?,
        Kind::FileOffer(offer) => {
            let (wire, reply_to, life) = (offer.message, offer.reply_to, offer.life_s);
            if turn.store.is_wire_gone(contact, wire)? {
                return Ok(None);
            }
            let body = files::offered(turn, contact, offer)?;
            return Ok(body.map(|body| Whole { wire, body, reply_to, life }));
        }
        Kind::FileAnswer { file, word } => {
            files::answered(turn, contact, &content.link, (file, word))?;
        }
        Kind::FileChunks(_)
        | Kind::QueueChange
        | Kind::Receipt(_)
        | Kind::Typing(_)
        | Kind::KeepAlive
        | Kind::SessionRepair
        | Kind::Comparison(_)
        | Kind::GapRequest(_) => {}
    }
    Ok(None)
}

fn show(turn: &mut Turn, contact: ContactId, content: Content, place: Place) -> Result<(), StoreError> {
    let sent_at = content.sent_at;
    let Some(Whole { wire, body, reply_to, life }) = said(turn, contact, content, place)? else {
        return Ok(());
    };
    let reply_to = answered(turn, contact, reply_to)?;
    if let Some(shown) = turn.store.message_by_wire(contact, wire)? {
        return place_anew(turn, &shown, &place);
    }
    let id = message_id(contact, wire);
    let disappears_at = (life > 0).then(|| turn.now.after(UNREAD + Duration::from_secs(life.into())));
    disappears_at.into_iter().for_each(|at| turn.wish(EndEvent::Begun(at)));
    turn.store.add_message(&Message {
        position: place.position,
        chain: place.chain,
        sequence: place.sequence,
        gap: place.gap,
        sent_at,
        received_at: turn.now,
        body: body.clone(),
        state: Delivery::Delivered,
        reply_to: reply_to.unwrap_or_default(),
        timer_s: life,
        disappears_at,
        ..Message::new(id.clone(), contact, wire)
    })?;
    turn.store.touch_contact(contact, turn.now, &body, 1)?;
    turn.event(&EventKind::Message { id: id.clone() })?;
    files::placed(turn, contact, wire, &id)?;
    their_changes::catch_up(turn, contact, wire)
}

/// The id of the text that one answers, where that is here.
fn answered(turn: &Turn, contact: ContactId, wire: Option<WireId>) -> Result<Option<String>, StoreError> {
    let Some(wire) = wire else { return Ok(None) };
    Ok(turn.store.message_by_wire(contact, wire)?.map(|message| message.id))
}

/// A text that is shown already is numbered by a new chain: it stands behind what that says before it.
fn place_anew(turn: &mut Turn, shown: &Message, place: &Place) -> Result<(), StoreError> {
    if shown.mine || place.sequence == 0 || shown.chain == place.chain {
        return Ok(());
    }
    let before = turn.store.position_before(shown.contact, place.chain, place.sequence)?;
    let position = if shown.position > before { shown.position } else { place.position };
    turn.store.place_message(&Message {
        position,
        chain: place.chain,
        sequence: place.sequence,
        gap: place.gap,
        ..shown.clone()
    })?;
    changed(turn, shown.contact, shown.id.clone())
}

/// A text that was told before is told again; whoever takes it for a new one learns from the contact how things are.
fn changed(turn: &mut Turn, contact: ContactId, id: String) -> Result<(), StoreError> {
    turn.event(&EventKind::Message { id })?;
    turn.event(&EventKind::Contact { contact })
}

/// A text, once all its parts are here.
fn whole(turn: &Turn, contact: ContactId, part: TextPart) -> Result<Option<String>, StoreError> {
    if part.parts == 1 {
        return Ok(Some(part.body));
    }
    // It has to be whole to be deleted, and the words are not needed for that.
    let known = turn.store.message_by_wire(contact, part.message)?;
    let deleted =
        known.is_some_and(|known| known.deleted) || turn.store.is_deleted_early(contact, part.message)?;
    let body = if deleted { "" } else { part.body.as_str() };
    turn.store.add_part(contact, part.message, (part.part, part.parts), body)
}

#[cfg(test)]
mod tests {
    use super::super::conversations;
    use ipc_schema::edge::ui_stored::Place;

    use super::super::requests::FirstPage;
    use super::*;
    use crate::store::{Note, Store, StoreKey};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const ANN: ContactId = ContactId(1);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    struct Said {
        chain: u64,
        sequence: u64,
        name: u8,
        previous: Option<[u8; 32]>,
    }

    fn said(said: &Said) -> Vec<u8> {
        let Said { chain, sequence, name, previous } = *said;
        let id = WireId([name; 16]);
        let named = if name > 90 { format!(", named {name}") } else { String::new() };
        let body = format!("{sequence} of {chain}{named}");
        let part = TextPart { message: id, part: 0, parts: 1, body, reply_to: None, life_s: 0 };
        let link = Link { chain: Timestamp(chain), sequence, numbered: true, previous };
        content::encode(&Content { id, link, sent_at: NOW, acks: None, kind: Kind::Text(part) })
    }

    fn text(chain: u64, sequence: u64) -> Vec<u8> {
        let name = u8::try_from(10 * chain + sequence).unwrap();
        let previous = (sequence > 1).then(|| content::hash(&text(chain, sequence - 1)));
        said(&Said { chain, sequence, name, previous })
    }

    fn shown(turn: &Turn) -> Vec<String> {
        let ask = FirstPage { who: "Ann".into(), limit: 10, place: Place::Newest };
        let page = conversations::first_page(&turn.store, &ask).unwrap().unwrap();
        page.messages.into_iter().map(|message| message.body).collect()
    }

    fn turn(folder: &tempfile::TempDir) -> Turn {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, NOW).unwrap();
        let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
        turn.now = NOW;
        turn
    }

    fn gaps(turn: &Turn) -> Vec<bool> {
        let ask = FirstPage { who: "Ann".into(), limit: 10, place: Place::Newest };
        let page = conversations::first_page(&turn.store, &ask).unwrap().unwrap();
        page.messages.into_iter().map(|message| message.gap).collect()
    }

    #[test]
    fn what_comes_before_its_turn_is_shown_at_once_and_the_gap_is_marked_until_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        read(&mut turn, ANN, &text(1, 1)).unwrap();
        read(&mut turn, ANN, &text(1, 4)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false, true]);
        read(&mut turn, ANN, &text(1, 3)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "3 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false, true, false]);
        read(&mut turn, ANN, &text(1, 2)).unwrap();
        assert_eq!(shown(&turn), ["1 of 1", "2 of 1", "3 of 1", "4 of 1"]);
        assert_eq!(gaps(&turn), [false; 4]);
    }

    #[test]
    fn numbers_of_a_new_chain_do_not_compare_with_those_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        for (chain, number) in [(1, 1), (1, 3), (2, 2), (2, 1), (1, 2)] {
            read(&mut turn, ANN, &text(chain, number)).unwrap();
        }
        let texts: Vec<_> =
            shown(&turn).into_iter().filter(|body| *body != Note::OlderCopyThere.sentence()).collect();
        assert_eq!(
            texts,
            ["1 of 1", "3 of 1", "1 of 2", "2 of 2", "2 of 1"],
            "the last comes late, and is not lost"
        );
    }

    #[test]
    fn other_words_under_a_number_are_shown_and_told_and_not_acked() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        for number in [1, 2, 3] {
            read(&mut turn, ANN, &text(1, number)).unwrap();
        }
        let first = content::hash(&text(1, 1));
        let other = said(&Said { chain: 1, sequence: 2, name: 99, previous: Some(first) });
        read(&mut turn, ANN, &other).unwrap();
        let chain = turn.store.receive_chain(ANN).unwrap();
        assert_eq!(chain.conflict, 2);
        let here = turn.store.received_under(ANN, Timestamp(1), 2).unwrap().unwrap();
        assert_eq!(here.hash, content::hash(&text(1, 2)), "what was acked stays");
        assert_eq!(shown(&turn)[3], Note::OlderCopyThere.sentence());
        assert_eq!(shown(&turn)[4], "2 of 1, named 99");
        // One number on, where its neighbour is another.
        let next = said(&Said { chain: 1, sequence: 4, name: 98, previous: Some(content::hash(&other)) });
        read(&mut turn, ANN, &next).unwrap();
        assert_eq!(turn.store.receive_chain(ANN).unwrap().conflict, 3);
        assert!(!turn.store.receive_chain(ANN).unwrap().numbers.contains(4));
        // The new chain says in which order they were written.
        let first = said(&Said { chain: 2, sequence: 1, name: 98, previous: None });
        let second = said(&Said { chain: 2, sequence: 2, name: 99, previous: Some(content::hash(&first)) });
        read(&mut turn, ANN, &first).unwrap();
        read(&mut turn, ANN, &second).unwrap();
        assert_eq!(shown(&turn)[4..], ["4 of 1, named 98", "2 of 1, named 99"]);
    }

    #[test]
    fn what_an_older_copy_says_under_the_number_of_a_text_that_was_told_again_does_not_pass_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut turn = turn(&folder);
        read(&mut turn, ANN, &text(1, 1)).unwrap();
        let again = said(&Said { chain: 2, sequence: 1, name: 11, previous: None });
        read(&mut turn, ANN, &again).unwrap();
        let other = said(&Said { chain: 2, sequence: 1, name: 97, previous: None });
        let next = said(&Said { chain: 2, sequence: 2, name: 96, previous: Some(content::hash(&other)) });
        read(&mut turn, ANN, &other).unwrap();
        read(&mut turn, ANN, &next).unwrap();
        let chain = turn.store.receive_chain(ANN).unwrap();
        assert_eq!(chain.conflict, 1);
        assert!(!chain.numbers.contains(2), "acked it would stand for the one before, too");
        assert!(shown(&turn).contains(&"1 of 2, named 97".to_owned()));
    }
}
