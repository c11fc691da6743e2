//! Looking for words in what was said, the newest first. One look is a bounded piece of work, since all else waits for it; whoever wants
//! more asks for the next.

use std::ops::ControlFlow;

use ipc_schema::edge::ui_stored::SearchError;

use super::names::{self, Found};
use super::requests::{FirstMatches, Matches, NextMatches, Search};
use crate::error::StoreError;
use crate::search::Wanted;
use crate::store::Store;

/// Messages of one look, of which some are of another conversation or hold only a part of what is looked for.
const EXAMINED_MAX: usize = 1_024;
/// Their bodies, bytes: a peer may have filled each with 294,400.
const EXAMINED_MAX_BYTES: usize = 4 << 20;

/// The first look.
pub(super) fn first(store: &Store, ask: &FirstMatches) -> Found<Matches, SearchError> {
    let FirstMatches { text, who, before, limit } = ask;
    let Ok(wanted) = Wanted::parse(text) else { return Ok(Err(SearchError::TooLong)) };
    let contact = match who.as_str() {
        "" => None,
        who => match names::called(store, who)? {
            Some(contact) => Some(contact.id),
            None => return Ok(Err(SearchError::NoSuchContact)),
        },
    };
    let before = match before.as_str() {
        "" => i64::MAX,
        id => match store.place_of(id)? {
            Some(place) => place,
            None => return Ok(Err(SearchError::NoSuchMessage)),
        },
    };
    next(store, NextMatches { search: Search { wanted, contact }, before, limit: *limit }).map(Ok)
}

/// A look.
pub(super) fn next(store: &Store, ask: NextMatches) -> Result<Matches, StoreError> {
    let NextMatches { search, before, limit } = ask;
    let (mut messages, mut examined, mut bytes) = (Vec::new(), 0, 0);
    let (mut at, mut last) = (None, String::new());
    let mut look = |place| {
        if messages.len() >= limit || bytes >= EXAMINED_MAX_BYTES || examined >= EXAMINED_MAX {
            return Ok(ControlFlow::Break(()));
        }
        at = Some(place);
        examined += 1;
        if let Some(message) = store.message_at(place)? {
            last.clone_from(&message.id);
            bytes += message.body.len();
            let is_there = search.contact.is_none_or(|contact| contact == message.contact);
            if is_there && search.wanted.is_held_by(&message.body) {
                messages.push(message);
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let looked = if search.wanted.is_empty() {
        ControlFlow::Continue(())
    } else {
        store.look_before(before, &search.wanted, &mut look)?
    };
    let next = at.filter(|_| looked.is_break());
    Ok(Matches { search, messages, examined, next, last })
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;

    use super::*;
    use crate::content::WireId;
    use crate::ids::ContactId;
    use crate::store::{ContactState, Message, StoreKey};

    const ANN: ContactId = ContactId(1);
    const BOB: ContactId = ContactId(2);

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
        store.add_contact(ANN, "Ann", ContactState::Connected, Timestamp(1)).unwrap();
        store.add_contact(BOB, "Bob", ContactState::Connected, Timestamp(1)).unwrap();
        store
    }

    fn say(store: &Store, contact: ContactId, number: u32, body: String) {
        let message = Message {
            mine: true,
            position: i64::from(number),
            sent_at: Timestamp(2),
            body,
            ..Message::new(format!("m{number}"), contact, WireId(u128::from(number).to_be_bytes()))
        };
        store.add_message(&message).unwrap();
    }

    fn ask(text: &str, who: &str, before: &str, limit: usize) -> FirstMatches {
        FirstMatches { text: text.into(), who: who.into(), before: before.into(), limit }
    }

    fn ids(matches: &Matches) -> Vec<&str> {
        matches.messages.iter().map(|message| message.id.as_str()).collect()
    }

    /// All looks until the last: what each examined, and all that was found.
    fn looks(store: &Store, ask: &FirstMatches) -> (Vec<usize>, Vec<String>) {
        let (mut examined, mut found) = (Vec::new(), Vec::new());
        let mut matches = first(store, ask).unwrap().unwrap();
        loop {
            examined.push(matches.examined);
            found.extend(matches.messages.iter().map(|message| message.id.clone()));
            let Some(before) = matches.next else { return (examined, found) };
            let ask = NextMatches { search: matches.search, before, limit: ask.limit };
            matches = next(store, ask).unwrap();
        }
    }

    #[test]
    fn a_search_is_of_all_or_of_one_and_goes_on_before_a_message() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        for number in 0..10 {
            say(&store, if number % 2 == 0 { ANN } else { BOB }, number, format!("text {number}"));
        }
        let found = |ask: &FirstMatches| first(&store, ask).unwrap().unwrap();
        let all = found(&ask("text", "", "", 3));
        assert_eq!((ids(&all), all.last.as_str()), (vec!["m9", "m8", "m7"], "m7"));
        assert_eq!(ids(&found(&ask("text", "", &all.last, 3))), ["m6", "m5", "m4"]);
        let ann = found(&ask("text", "Ann", "m7", 2));
        assert_eq!((ids(&ann), ann.next.is_some()), (vec!["m6", "m4"], true));
        let rest = found(&ask("text", "Ann", "m4", 2));
        assert_eq!((ids(&rest), rest.next), (vec!["m2", "m0"], None));
        // A message of another conversation is a place as well.
        assert_eq!(ids(&found(&ask("text", "Ann", "m1", 2))), ["m0"]);
        let none = found(&ask("?!", "", "", 3));
        assert!(none.messages.is_empty() && none.next.is_none() && none.examined == 0);
    }

    #[test]
    fn what_cannot_be_looked_for_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let refused = |ask: &FirstMatches| first(&store, ask).unwrap().map(drop);
        assert_eq!(refused(&ask("text", "Eve", "", 1)), Err(SearchError::NoSuchContact));
        assert_eq!(refused(&ask("text", "", "m7", 1)), Err(SearchError::NoSuchMessage));
        assert_eq!(refused(&ask(&"x ".repeat(20), "", "", 1)), Err(SearchError::TooLong));
        assert_eq!(refused(&ask("text", "", "", 1)), Ok(()));
    }

    #[test]
    fn one_look_is_bounded_and_the_looks_together_find_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        store.begin().unwrap();
        for number in 0..3_000 {
            say(&store, if number == 5 { ANN } else { BOB }, number, format!("日本 text {number}"));
        }
        store.commit().unwrap();
        for text in ["text", "日本", "日本 text"] {
            let (examined, found) = looks(&store, &ask(text, "Ann", "", 50));
            assert_eq!((examined, found), (vec![1_024, 1_024, 952], vec!["m5".to_owned()]), "{text}");
        }
        let (_, found) = looks(&store, &ask("text", "Bob", "", 5_000));
        assert_eq!(found.len(), 2_999);
        // Bodies count as well.
        for number in 3_000..3_100 {
            say(&store, BOB, number, format!("long {}", "x ".repeat(60_000)));
        }
        let (examined, found) = looks(&store, &ask("long", "Ann", "", 50));
        assert_eq!((examined, found.len()), (vec![35, 35, 30], 0));
    }
}
