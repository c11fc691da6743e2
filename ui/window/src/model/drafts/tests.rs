use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{Access, Contact, ContactState, Delivery, Place, Refusal};
use privatus::peers::PeerError;

use super::super::chat::tests::text as message;
use super::super::{Act, Composing, Field, MessageAct, News, SCREEN_LOCK_AFTER, Stroke, words};
use super::*;

const NOW: Timestamp = Timestamp(1_750_766_400_000);

fn later(ms: u64) -> Timestamp {
    Timestamp(NOW.0 + ms)
}

fn person(id: &str, has_draft: bool) -> Contact {
    Contact {
        name: id.into(),
        state: ContactState::Connected,
        route: "onion".into(),
        last_at: NOW,
        last_text: "hello".into(),
        has_draft,
        ..Contact::of(id)
    }
}

/// The conversation with `a` is open; there is `b` too.
fn open(has_draft: bool) -> (Model, Vec<Command>) {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: false, state: VaultState::Ok });
    model.learn(NOW, News::Access(Access::Open, "Alex".into()));
    let asked = model.learn(NOW, News::People(vec![person("a", has_draft), person("b", false)]));
    assert_eq!(model.open_chat(), Some("a"));
    (model, asked)
}

fn keep(who: &str, text: &str) -> Command {
    Command::KeepDraft { who: who.into(), text: text.into() }
}

fn write(model: &mut Model, text: &str) {
    model.texts.writing_mut().type_text(text).unwrap();
}

fn written(model: &Model) -> &str {
    model.texts.of(Field::Composer)
}

fn told(model: &mut Model, text: &str) {
    model.learn(NOW, News::Draft { who: "a".into(), text: text.into() });
}

#[test]
fn what_stored_keeps_is_asked_for_when_a_chat_is_opened_and_shown() {
    let (mut model, asked) = open(true);
    assert!(asked.contains(&Command::Draft { who: "a".into() }));
    told(&mut model, "half a thought");
    assert_eq!(written(&model), "half a thought");
    assert_eq!(model.keep_drafts(later(5_000)), [], "it is kept already");
    let (_, asked) = open(false);
    assert!(!asked.contains(&Command::Draft { who: "a".into() }), "there is none");
}

#[test]
fn what_is_typed_before_it_is_known_what_was_left_goes_on_from_that() {
    let (mut model, _) = open(true);
    write(&mut model, "new");
    told(&mut model, "old ");
    assert_eq!(written(&model), "old new");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "old new")]);
    // It was on its way to stored, which had answered before.
    let (mut model, _) = open(true);
    write(&mut model, "new");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "new")]);
    told(&mut model, "old ");
    assert_eq!(written(&model), "old new");
    // It came there first.
    let (mut model, _) = open(true);
    write(&mut model, "new");
    told(&mut model, "new");
    assert_eq!(written(&model), "new");
}

#[test]
fn what_is_typed_meanwhile_stays() {
    let (mut model, _) = open(true);
    told(&mut model, "old");
    model.act(NOW, Act::Open("b".into()), "x");
    assert!(model.act(NOW, Act::Open("a".into()), "x").contains(&Command::Draft { who: "a".into() }));
    write(&mut model, "er");
    told(&mut model, "old");
    assert_eq!(written(&model), "older");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "older")]);
}

#[test]
fn who_types_on_and_on_loses_a_second_at_most_and_who_stops_nothing() {
    let (mut model, _) = open(false);
    assert_eq!((model.keep_drafts(NOW), model.keep_in(NOW)), (vec![], None));
    let mut kept = 0;
    for ms in (0..5_000).step_by(100) {
        write(&mut model, "x");
        let asked = model.keep_drafts(later(ms));
        kept += asked.len();
        assert!(asked.iter().all(|asked| *asked == keep("a", written(&model))));
        assert!(model.keep_in(later(ms)).is_none_or(|left| left <= KEPT_AFTER));
    }
    assert!((4..=5).contains(&kept), "{kept}");
    assert_eq!(model.keep_drafts(later(9_000)), [keep("a", &"x".repeat(50))]);
    assert_eq!((model.keep_drafts(later(9_001)), model.keep_in(later(9_001))), (vec![], None));
    write(&mut model, "y");
    model.keep_drafts(later(20_000));
    assert_eq!(model.keep_drafts(NOW).len(), 1, "the clock was set back");
}

#[test]
fn what_is_left_or_locked_is_kept_before() {
    let (mut model, _) = open(false);
    write(&mut model, "half");
    model.act(NOW, Act::Open("b".into()), "x");
    assert_eq!(model.keep_drafts(NOW), [keep("a", "half")]);
    write(&mut model, "other");
    assert_eq!(model.act(NOW, Act::Lock, "x"), [keep("b", "other"), Command::Lock]);
    let (mut model, _) = open(false);
    write(&mut model, "half");
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER), [keep("a", "half"), Command::ScreenLock]);
    assert!(!format!("{model:?}").contains("half"));
    let (mut model, _) = open(false);
    write(&mut model, "half");
    assert_eq!(model.last_drafts(), [keep("a", "half")]);
    assert_eq!(model.last_drafts(), []);
}

#[test]
fn a_draft_is_emptied_once_its_text_was_taken_and_not_before() {
    let (mut model, _) = open(false);
    write(&mut model, "on my way");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "on my way")]);
    model.act(NOW, Act::Send, "id1");
    model.keep_drafts(later(1_100));
    assert_eq!(model.keep_drafts(later(9_000)), [], "nobody has it yet");
    let refused = Err(PeerError::Refused(Refusal::Storage));
    model.learn(NOW, News::Sent { who: "a".into(), id: "id1".into(), result: refused });
    model.keep_drafts(later(9_100));
    assert_eq!(model.keep_drafts(later(19_000)), [], "it is nowhere else");
    model.act(NOW, Act::Message(MessageAct::Retry("id1".into())), "id2");
    let taken = Ok(message("id1", true, Delivery::Queued));
    model.learn(NOW, News::Sent { who: "a".into(), id: "id1".into(), result: taken });
    assert_eq!(model.keep_drafts(later(19_100)), [keep("a", "")]);
    assert_eq!(model.keep_drafts(later(29_000)), []);
}

#[test]
fn a_refused_text_that_is_deleted_leaves_no_draft() {
    let (mut model, _) = open(false);
    write(&mut model, "on my way");
    model.keep_drafts(NOW);
    model.keep_drafts(later(1_000));
    model.act(NOW, Act::Send, "id1");
    let refused = Err(PeerError::Refused(Refusal::Storage));
    model.learn(NOW, News::Sent { who: "a".into(), id: "id1".into(), result: refused });
    model.act(NOW, Act::Message(MessageAct::Delete("id1".into())), "x");
    model.act(NOW, Act::GoOn, "x");
    model.keep_drafts(later(1_100));
    assert_eq!(model.keep_drafts(later(9_000)), [keep("a", "")]);
}

#[test]
fn other_words_for_an_old_text_are_no_draft_and_what_was_begun_before_is() {
    let (mut model, _) = open(false);
    let messages = vec![message("old", true, Delivery::Delivered)];
    model.learn(NOW, News::Messages { who: "a".into(), place: Place::Newest, result: Ok(messages) });
    write(&mut model, "half");
    model.act(NOW, Act::Message(MessageAct::Edit("old".into())), "x");
    assert_eq!((model.composing(), written(&model)), (&Composing::Edit("old".into()), "text old"));
    write(&mut model, ", in other words");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "half")]);
    told(&mut model, "half a thought");
    assert_eq!(written(&model), "text old, in other words");
    assert_eq!(model.act(NOW, Act::Open("b".into()), "x").len(), 1, "nothing is to be kept");
    assert_eq!(model.last_drafts(), []);
    model.act(NOW, Act::Open("a".into()), "x");
    assert_eq!(written(&model), "text old, in other words", "it is gone on with");
    model.stroke(NOW, Stroke::Escape, "x");
    assert_eq!(written(&model), "half a thought");
}

#[test]
fn what_is_written_while_a_text_is_on_its_way_is_the_draft() {
    let (mut model, _) = open(false);
    write(&mut model, "one");
    model.act(NOW, Act::Send, "id1");
    write(&mut model, "two");
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(1_000)), [keep("a", "two")]);
    let taken = Ok(message("id1", true, Delivery::Queued));
    model.learn(NOW, News::Sent { who: "a".into(), id: "id1".into(), result: taken });
    assert_eq!(model.keep_drafts(later(2_000)), []);
    assert_eq!(written(&model), "two");
}

#[test]
fn a_draft_that_was_changed_elsewhere_is_shown_when_the_chat_is_opened_again() {
    let (mut model, _) = open(false);
    write(&mut model, "half");
    model.act(NOW, Act::Open("b".into()), "x");
    model.keep_drafts(NOW);
    let asked = model.act(NOW, Act::Open("a".into()), "x");
    assert!(asked.contains(&Command::Draft { who: "a".into() }));
    assert_eq!(written(&model), "half", "meanwhile");
    told(&mut model, "a whole sentence");
    assert_eq!(written(&model), "a whole sentence");
}

#[test]
fn a_draft_that_is_too_long_to_be_edited_is_folded_and_one_over_the_limit_is_not_kept() {
    let (mut model, _) = open(true);
    let long = "x".repeat(EDITED_MAX_BYTES + 1);
    told(&mut model, &long);
    assert!(model.is_folded() && written(&model) == long);
    model.act(NOW, Act::TakeOut, "x");
    assert!(!model.is_folded() && written(&model).is_empty());
    model.pasted_too_much(NOW, Field::Composer, "x".repeat(TEXT_MAX_BYTES + 1));
    model.keep_drafts(NOW);
    assert_eq!(model.keep_drafts(later(5_000)), []);
}

#[test]
fn the_list_tells_of_drafts_that_were_not_read_yet() {
    let (mut model, _) = open(false);
    let row = |model: &Model, contact: &Contact| {
        let words::Preview { label, line, .. } = words::preview(model, contact, NOW);
        format!("{label} {line}").trim().to_owned()
    };
    assert_eq!(row(&model, &person("b", true)), "Draft");
    assert_ne!(row(&model, &person("b", false)), "Draft");
    assert_ne!(row(&model, &person("a", true)), "Draft", "it is open");
    write(&mut model, "half");
    model.act(NOW, Act::Open("b".into()), "x");
    assert_eq!(row(&model, &person("a", true)), "Draft: half");
}
