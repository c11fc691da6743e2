mod actions;
mod meeting;

use std::time::Duration;

use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{
    Access, Change, Comparison, Contact, ContactState, Counts, Delivery, History, Invite, InviteState, Match,
    Message, Place, Refusal, SafetyNumber, ShortAction,
};

use super::*;
use crate::model::action::SecretField;
use crate::model::chat::tests::{text, texts};
use crate::model::entry::Problem;
use crate::model::{
    Act, Command, FULL_LOCK_AFTER, Field, Focus, MessageAct, News, SCREEN_LOCK_AFTER, TextAct,
};
use crate::scene::Item;

mod composer;

const NOW: Timestamp = Timestamp(1_750_766_400_000);

/// Seven pixels a letter.
struct Seven;

impl Metrics for Seven {
    fn width(&self, _: Style, text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * 7
    }
}

fn picture(model: &Model, size: (i32, i32)) -> Scene {
    scene(model, &Surroundings { size, now: NOW, zone: &Zone::default(), metrics: &Seven, mirrored: false })
}

fn robin() -> Contact {
    Contact {
        name: "Robin".into(),
        state: ContactState::Connected,
        route: "onion".into(),
        last_at: NOW,
        last_text: "hello".into(),
        ..Contact::of("c1")
    }
}

fn inside() -> Model {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: false, state: VaultState::Ok });
    model.learn(NOW, News::Access(Access::Open, "Alex".into()));
    model
}

fn chatting() -> Model {
    let mut model = inside();
    model.learn(NOW, News::People(vec![robin()]));
    let messages = vec![text("a", false, Delivery::Delivered), text("b", true, Delivery::Relayed)];
    model.learn(NOW, News::Messages { who: "c1".into(), place: Place::Newest, result: Ok(messages) });
    model
}

fn sending(id: &str, text: &str) -> Command {
    Command::Send { who: "c1".into(), id: id.into(), text: text.into(), reply_to: String::new() }
}

fn says(scene: &Scene, words: &str) -> bool {
    scene.words().any(|line| line.contains(words))
}

#[test]
fn the_window_opens_on_the_newest_conversation_and_shows_states_in_words() {
    let scene = picture(&chatting(), (1200, 800));
    assert!(says(&scene, "text a") && says(&scene, "text b"));
    assert!(says(&scene, "At a relay, waiting for Robin."));
    assert!(says(&scene, "Not compared yet"));
}

#[test]
fn nobody_is_said_to_be_missing_before_the_history_is_open() {
    const NOBODY: &str = "No chats yet";
    let opening = |model: &Model| {
        let scene = picture(model, (1200, 800));
        assert!(!says(&scene, NOBODY) && !scene.hits.iter().any(|hit| hit.act == Act::Invite));
        assert_eq!(scene.words().filter(|line| *line == "Opening your history…").count(), 2, "list and card");
    };
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: false, state: VaultState::Ok });
    opening(&model);
    model.learn(NOW, News::Access(Access::Open, "Alex".into()));
    opening(&model);
    model.learn(NOW, News::People(Vec::new()));
    assert!(says(&picture(&model, (1200, 800)), NOBODY));
    model.learn(NOW, News::HistoryLost);
    assert!(says(&picture(&model, (1200, 800)), NOBODY), "what was told once is known");
    model.act(NOW, Act::Lock, "x");
    model.learn(NOW, News::Passphrase(Ok(())));
    opening(&model);
    // A search finds nobody among nobody.
    model.texts.set(Field::Search, "zz");
    opening(&model);
    model.learn(NOW, News::People(vec![robin()]));
    assert!(says(&picture(&model, (1200, 800)), "Nobody has that name"));
}

#[test]
fn a_missing_wall_is_said_for_as_long_as_the_window_is_there() {
    let mut model = chatting();
    assert!(!says(&picture(&model, (1200, 800)), "Without walls"));
    model.learn(NOW, News::WithoutWalls);
    let later = Timestamp(NOW.0 + 24 * 3_600_000);
    for now in [NOW, later] {
        let around =
            Surroundings { size: (1200, 800), now, zone: &Zone::default(), metrics: &Seven, mirrored: false };
        assert!(says(&scene(&model, &around), "Without walls"));
    }
}

fn number() -> SafetyNumber {
    SafetyNumber {
        digits: (10_000..10_012).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(" "),
        words: ["lusab", "babad"].map(Into::into).to_vec(),
        verified: false,
        code: "privatus:v#AQ".into(),
    }
}

/// What is asked when it is shown who Robin is.
fn what_is_compared() -> [Command; 2] {
    let who = || "c1".into();
    [Command::SafetyNumber { who: who() }, Command::Short { who: who(), action: ShortAction::Look }]
}

#[test]
fn who_somebody_is_can_be_compared_by_number_and_by_code() {
    let mut model = chatting();
    assert!(picture(&model, (1200, 800)).hits.iter().any(|hit| hit.act == Act::Compare("c1".into())));
    let asked = model.act(NOW, Act::Compare("c1".into()), "x");
    assert_eq!(asked, what_is_compared());
    assert_eq!(model.act(NOW, Act::Verify(true), "x"), [], "nothing was shown yet");
    model.learn(NOW, News::SafetyNumber { who: "c2".into(), result: Ok(number()) });
    assert!(!says(&picture(&model, (1200, 800)), "10000"), "somebody else's");
    model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number()) });
    for size in [(1200, 800), (700, 900), (360, 480)] {
        let scene = picture(&model, size);
        assert!(
            says(&scene, "10003") && says(&scene, "10011") && says(&scene, "lusab") && says(&scene, "babad")
        );
        assert!(scene.items.iter().any(|item| matches!(item, Item::Code(..))));
        assert!(scene.stops.contains(&Focus::Field(Field::TheirCode)), "{size:?}");
    }
    let digits = Some(number().digits);
    assert_eq!(model.act(NOW, Act::Verify(true), "x"), [Command::Verify { who: "c1".into(), digits }]);
    assert_eq!(model.act(NOW, Act::CompareCode, "x"), [], "nothing was scanned");
    model.texts.set(Field::TheirCode, " privatus:v#BB\n");
    let asked = model.act(NOW, Act::CompareCode, "x");
    assert_eq!(asked, [Command::CompareCode { who: "c1".into(), code: "privatus:v#BB".into() }]);
    model.learn(NOW, News::Compared { who: "c1".into(), result: Ok(Comparison::OtherPerson) });
    assert!(says(&picture(&model, (1200, 800)), "It does not match"));
    model.learn(NOW, News::Compared { who: "c1".into(), result: Ok(Comparison::Match) });
    assert!(says(&picture(&model, (1200, 800)), "It matches"));
    let verified = Contact { verified: true, ..robin() };
    let asked = model.learn(NOW, News::Changed(NOW, Change::Contact(verified)));
    assert_eq!(asked, what_is_compared(), "it may be another one by now");
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "You said that you compared it with Robin") && !says(&scene, "They are the same"));
    model.act(NOW, Act::Close, "x");
    assert_eq!(model.open_chat(), Some("c1"), "back to where one came from");
}

#[test]
fn what_waits_is_told_where_one_writes_and_goes_with_one_press() {
    let mut model = chatting();
    let held = Contact { verified: true, held: true, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(held.clone())));
    for size in [(1200, 800), (700, 900), (360, 480)] {
        let scene = picture(&model, size);
        assert!(says(&scene, "What you write waits"), "{size:?}");
        assert!(scene.stops.contains(&Focus::Act(Act::Resume("c1".into()))));
        assert!(scene.stops.contains(&Focus::Act(Act::Compare("c1".into()))));
    }
    assert_eq!(model.act(NOW, Act::Resume("c1".into()), "x"), [Command::Resume { who: "c1".into() }]);
    model.act(NOW, Act::Compare("c1".into()), "x");
    model.learn(NOW, News::SafetyNumber { who: "c1".into(), result: Ok(number()) });
    assert!(says(&picture(&model, (1200, 800)), "They are the same"), "verified, and compared once more");
    model.act(NOW, Act::Close, "x");
    model.learn(NOW, News::Changed(NOW, Change::Contact(Contact { held: false, ..held })));
    let scene = picture(&model, (1200, 800));
    assert!(!says(&scene, "What you write waits"));
    assert!(!scene.stops.contains(&Focus::Act(Act::Resume("c1".into()))));
}

#[test]
fn the_same_model_is_the_same_picture_so_that_nothing_is_drawn_twice() {
    let mut model = chatting();
    assert!(picture(&model, (1200, 800)) == picture(&model, (1200, 800)));
    let before = picture(&model, (1200, 800));
    model.act(NOW, Act::NextTheme, "x");
    assert!(picture(&model, (1200, 800)) != before);
}

#[test]
fn nothing_of_a_conversation_is_left_after_a_lock() {
    let mut model = chatting();
    model.texts.set(Field::Composer, "half a thought");
    let asked = model.act(NOW, Act::Lock, "x");
    let kept = Command::KeepDraft { who: "c1".into(), text: "half a thought".into() };
    assert_eq!(asked, [kept, Command::Lock]);
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Privatus is locked") && !says(&scene, "Robin") && !says(&scene, "text a"));
    let all = format!("{model:?}");
    assert!(!all.contains("Robin") && !all.contains("text a") && !all.contains("half a thought"));
}

#[test]
fn an_idle_window_forgets_what_it_shows_and_after_an_hour_drops_the_keys() {
    let mut model = chatting();
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER - Duration::from_millis(1)), []);
    assert!(says(&picture(&model, (1200, 800)), "text a"));
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER), [Command::ScreenLock]);
    assert!(says(&picture(&model, (1200, 800)), "Privatus is locked"));
    let all = format!("{model:?}");
    assert!(!all.contains("Robin") && !all.contains("text a"));
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER), [], "once");
    assert_eq!(model.idle_for(FULL_LOCK_AFTER), [Command::Lock]);
    assert_eq!(model.idle_for(FULL_LOCK_AFTER), [], "once");

    // Away for an hour without a look between (the machine slept).
    assert_eq!(chatting().idle_for(FULL_LOCK_AFTER), [Command::Lock]);
    // Nothing to lock before the first passphrase.
    assert_eq!(Model::default().idle_for(FULL_LOCK_AFTER), []);
}

#[test]
fn the_passphrase_ends_a_screen_lock_and_a_new_one_can_follow() {
    let mut model = chatting();
    model.idle_for(SCREEN_LOCK_AFTER);
    model.learn(NOW, News::Passphrase(Err(Problem::Wrong)));
    assert!(matches!(model.screen, Screen::Locked(_)));
    model.learn(NOW, News::Passphrase(Ok(())));
    assert!(matches!(model.screen, Screen::Inside));
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER), [Command::ScreenLock]);
}

#[test]
fn a_sent_text_is_shown_at_once_and_said_to_be_kept_only_when_it_is() {
    let mut model = chatting();
    model.texts.set(Field::Composer, " on my way ");
    let asked = model.act(NOW, Act::Send, "id1");
    assert_eq!(asked, [sending("id1", "on my way")]);
    assert_eq!(model.texts.of(Field::Composer), "");
    assert!(!says(&picture(&model, (1200, 800)), "Waiting here"));
    let mut kept = text("id1", true, Delivery::Queued);
    kept.body = "on my way".into();
    model.learn(NOW, News::Sent { who: "c1".into(), id: "id1".into(), result: Ok(kept) });
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "on my way") && says(&scene, "Waiting here, leaves by itself."));
    let change = Change::Delivery { id: "id1".into(), contact: "c1".into(), state: Delivery::Delivered };
    model.learn(NOW, News::Changed(NOW, change));
    assert!(!says(&picture(&model, (1200, 800)), "Waiting here"));
}

#[test]
fn a_refused_text_stays_and_can_be_tried_again() {
    let mut model = chatting();
    model.texts.set(Field::Composer, "hm");
    model.act(NOW, Act::Send, "id1");
    let result = Err(privatus::peers::PeerError::Refused(Refusal::Storage));
    model.learn(NOW, News::Sent { who: "c1".into(), id: "id1".into(), result });
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Your text is safe here"));
    let again = Act::Message(MessageAct::Retry("id1".into()));
    assert!(scene.hits.iter().any(|hit| hit.act == again));
    assert_eq!(model.act(NOW, again.clone(), "id2"), [sending("id1", "hm")], "stored never took it");
    assert_eq!(model.act(NOW, again, "id3"), [], "it is under way");
}

#[test]
fn a_text_that_comes_for_another_chat_is_counted_and_one_for_this_chat_is_read() {
    let mut model = chatting();
    let mut other = robin();
    other.id = "c2".into();
    other.name = "Noor".into();
    model.learn(NOW, News::Changed(NOW, Change::Contact(other)));
    let mut message = text("n1", false, Delivery::Delivered);
    message.contact = "c2".into();
    assert!(model.learn(NOW, News::Changed(NOW, Change::Message(message.clone()))).is_empty());
    assert_eq!(model.unread(NOW), 1);
    // At least once: the same event again counts once.
    model.chats.entry("c2".into()).or_default().put(message.clone());
    model.learn(NOW, News::Changed(NOW, Change::Message(message)));
    assert_eq!(model.unread(NOW), 1);
    model.learn(NOW, News::Changed(NOW, Change::Message(text("z", false, Delivery::Delivered))));
    assert_eq!(model.unread(NOW), 2, "nobody has seen it yet");
    let seen = newest_seen(&picture(&model, (1200, 800))).map(str::to_owned);
    assert_eq!(seen.as_deref(), Some("z"));
    let read = Command::MarkRead { who: "c1".into(), up_to: "z".into() };
    assert_eq!((model.saw(NOW, "z"), model.unread(NOW)), (Some(read), 1));
    assert_eq!(model.saw(NOW, "z"), None, "once");
}

#[test]
fn a_text_that_is_too_long_to_edit_is_folded_goes_whole_and_what_was_written_before_comes_back() {
    let mut model = chatting();
    model.texts.set(Field::Composer, "as I said: ");
    let whole = format!("as I said: {}", "long words ".repeat(20_000));
    model.pasted_too_much(NOW, Field::Composer, whole.clone());
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "A long text, 220010 characters. It is sent as it is."));
    assert!(scene.written.is_none(), "it is not broken into lines");
    assert!(scene.stops.contains(&Focus::Field(Field::Composer)));
    assert!(scene.items.len() < 400);
    model.act(NOW, Act::TakeOut, "x");
    assert_eq!(model.texts.of(Field::Composer), "as I said: ");
    assert!(picture(&model, (1200, 800)).written.is_some());
    model.pasted_too_much(NOW, Field::Composer, whole.clone());
    let asked = model.act(NOW, Act::Send, "id1");
    let text = whole.trim().to_owned();
    assert_eq!(asked, [sending("id1", &text)]);
    assert!(model.texts.of(Field::Composer).is_empty() && !model.is_folded());
}

#[test]
fn a_text_over_the_limit_is_refused_with_a_word_and_stays() {
    let most = ipc_schema::limits::TEXT_MAX_BYTES;
    let mut model = chatting();
    model.pasted_too_much(NOW, Field::Composer, "x".repeat(most));
    assert_eq!(model.act(NOW, Act::Send, "id1").len(), 1, "up to the limit it goes");
    // Two bytes each.
    let long = "é".repeat(most / 2 + 7);
    model.pasted_too_much(NOW, Field::Composer, long.clone());
    assert!(says(&picture(&model, (1200, 800)), "Too long by 7 characters"));
    assert_eq!(model.act(NOW, Act::Send, "id2"), []);
    assert_eq!(model.texts.of(Field::Composer), long);
    let notice = model.notice.as_ref().map(|(line, _)| line.as_str()).unwrap_or_default();
    assert!(notice.contains("nothing was sent"), "{notice}");
    model.act(NOW, Act::TakeOut, "x");
    model.texts.set(Field::Composer, "short");
    model.pasted_too_much(NOW, Field::Composer, "x".repeat(4 * most));
    assert_eq!(model.texts.of(Field::Composer), "short", "refused whole");
    assert!(says(&picture(&model, (1200, 800)), "Nothing was pasted"));
}

#[test]
fn a_name_that_is_too_long_is_told_at_its_field_and_asked_of_nobody() {
    const LONG: &str = "Too long: at most 48 letters";
    let name = "é".repeat(25);
    let mut model = inside();
    model.act(NOW, Act::Invite, "x");
    model.texts.set(Field::InviteName, "é".repeat(24));
    assert!(!says(&picture(&model, (1200, 800)), LONG) && can_press(&model, &Act::MakeInvite));
    model.texts.set(Field::InviteName, name.as_str());
    assert!(says(&picture(&model, (1200, 800)), LONG) && !can_press(&model, &Act::MakeInvite));
    assert_eq!(model.act(NOW, Act::MakeInvite, "x"), []);
    let mut model = choosing("a b", "a b");
    model.learn(NOW, News::Passphrase(Ok(())));
    model.texts.set(Field::YourName, name.as_str());
    assert!(says(&picture(&model, (1200, 800)), LONG));
    for act in [Act::Enter, Act::Invite, Act::Accept] {
        assert_eq!(model.act(NOW, act, "x"), []);
        assert!(matches!(model.screen, Screen::FirstRun(_)), "the name is still to be mended");
    }
}

#[test]
fn of_a_long_text_only_what_is_seen_is_part_of_the_picture() {
    let mut model = chatting();
    let long = Message { body: "words ".repeat(40_000), ..text("long", false, Delivery::Delivered) };
    model.learn(NOW, News::Changed(NOW, Change::Message(long)));
    let scene = picture(&model, (1200, 800));
    assert!(scene.items.len() < 400, "{}", scene.items.len());
    assert!(scene.scroll.is_some_and(|(_, most)| most < 1_000), "it is folded");
    model.act(NOW, Act::Text(TextAct::ShowAll("long".into())), "x");
    let scene = picture(&model, (1200, 800));
    assert!(scene.items.len() < 400, "{}", scene.items.len());
    assert!(scene.scroll.is_some_and(|(_, most)| most > 10_000), "all of it can be scrolled to");
}

#[test]
fn a_draft_waits_in_its_own_chat() {
    let mut model = chatting();
    let mut other = robin();
    other.id = "c2".into();
    other.name = "Noor".into();
    model.learn(NOW, News::Changed(NOW, Change::Contact(other)));
    model.texts.set(Field::Composer, "half a thought");
    model.act(NOW, Act::Open("c2".into()), "x");
    assert_eq!(model.texts.of(Field::Composer), "");
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Draft:") && says(&scene, "half a thought"));
    model.act(NOW, Act::Open("c1".into()), "x");
    assert_eq!(model.texts.of(Field::Composer), "half a thought");
}

#[test]
fn a_new_profile_asks_for_the_passphrase_twice_then_for_a_name() {
    let mut model = Model::default();
    model.learn(NOW, News::Offer("privatus:i#x".into()));
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Missing });
    model.entry().unwrap().first.push("a b c");
    assert!(model.act(NOW, Act::UsePassphrase, "x").is_empty(), "only when both are the same");
    assert!(!picture(&model, (1200, 800)).hits.iter().any(|hit| hit.act == Act::UsePassphrase));
    model.entry().unwrap().again.push("a b c");
    assert!(
        matches!(&model.act(NOW, Act::UsePassphrase, "x")[..], [Command::Create(bytes)] if bytes.as_slice() == b"a b c")
    );
    assert!(model.act(NOW, Act::UsePassphrase, "x").is_empty(), "once is enough");
    model.learn(NOW, News::Passphrase(Ok(())));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "What should people call you?") && says(&scene, "Meet Echo"));
    model.texts.set(Field::YourName, "Alex");
    assert_eq!(model.act(NOW, Act::Enter, "x"), [Command::SetName("Alex".into())]);
    model.learn(NOW, News::People(Vec::new()));
    assert!(says(&picture(&model, (1200, 800)), "No chats yet"));
}

#[test]
fn a_wrong_passphrase_and_a_damaged_file_are_told_apart_and_what_was_typed_stays() {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    model.entry().unwrap().first.push("nope");
    model.act(NOW, Act::UsePassphrase, "x");
    model.learn(NOW, News::Passphrase(Err(Problem::Wrong)));
    assert!(says(&picture(&model, (1200, 800)), "That is not the passphrase."));
    assert!(!model.entry().unwrap().first.is_empty());
    model.learn(NOW, News::Passphrase(Err(Problem::Damaged)));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "The file is damaged.") && !says(&scene, "That is not"));
}

#[test]
fn letters_of_a_passphrase_are_never_plain_text_of_the_scene() {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    model.entry().unwrap().first.push("hunter2");
    assert!(!picture(&model, (1200, 800)).items.iter().any(|item| matches!(item, Item::Secret { .. })));
    model.act(NOW, Act::ShowSecret(SecretField::First), "x");
    let scene = picture(&model, (1200, 800));
    assert!(!says(&scene, "hunter2"));
    assert!(
        scene
            .items
            .iter()
            .any(|item| matches!(item, Item::Secret { text, .. } if text.as_str() == "hunter2"))
    );
}

const FIRST: Focus = Focus::Act(Act::Secret(SecretField::First));
const AGAIN: Focus = Focus::Act(Act::Secret(SecretField::Again));

fn choosing(first: &str, again: &str) -> Model {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Missing });
    model.type_secret(SecretField::First, first);
    model.type_secret(SecretField::Again, again);
    model
}

fn shows_letters(model: &Model) -> bool {
    picture(model, (1200, 800)).items.iter().any(|item| matches!(item, Item::Secret { .. }))
}

fn can_press(model: &Model, act: &Act) -> bool {
    picture(model, (1200, 800)).hits.iter().any(|hit| hit.act == *act)
}

#[test]
fn the_keyboard_goes_from_field_to_field_and_never_onto_what_shows_the_passphrase() {
    let mut model = choosing("correct horse", "correct horse");
    let stops = picture(&model, (1200, 800)).stops;
    assert_eq!(stops, [FIRST, AGAIN, Focus::Act(Act::UsePassphrase)]);
    assert!(can_press(&model, &Act::ShowSecret(SecretField::First)), "the pointer reaches it");
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    model.type_secret(SecretField::First, "x");
    assert_eq!(picture(&model, (1200, 800)).stops, [FIRST, Focus::Act(Act::UsePassphrase)]);
}

#[test]
fn a_passphrase_that_is_shown_is_covered_once_it_is_left_used_or_locked() {
    let show = |model: &mut Model| {
        model.act(NOW, Act::ShowSecret(SecretField::First), "x");
        assert!(shows_letters(model));
    };
    let mut model = choosing("correct horse", "correct horse");
    show(&mut model);
    model.act(NOW, Act::ShowSecret(SecretField::First), "x");
    assert!(!shows_letters(&model), "the second press covers it");
    show(&mut model);
    model.set_focus(AGAIN);
    assert!(!shows_letters(&model), "the next field");
    show(&mut model);
    assert_eq!(*model.focus(), FIRST, "what is typed next belongs to what is seen");
    model.cover_secret();
    assert!(!shows_letters(&model), "another window");
    show(&mut model);
    model.act(NOW, Act::UsePassphrase, "x");
    assert!(!shows_letters(&model), "it is being used");
    model.act(NOW, Act::ShowSecret(SecretField::First), "x");
    assert!(!shows_letters(&model), "and as long as it is");
    model.learn(NOW, News::Passphrase(Err(Problem::Wrong)));
    show(&mut model);
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    assert!(!shows_letters(&model));
}

#[test]
fn two_that_differ_are_told_at_the_field_and_nothing_is_made() {
    const DIFFER: &str = "The two differ";
    let mut model = choosing("correct horse", "correct h");
    model.set_focus(AGAIN);
    assert!(!says(&picture(&model, (1200, 800)), DIFFER), "it may become the same");
    assert_eq!(model.act(NOW, Act::UsePassphrase, "x"), []);
    assert!(says(&picture(&model, (1200, 800)), DIFFER), "Enter was pressed");
    model.type_secret(SecretField::Again, "o");
    assert!(!says(&picture(&model, (1200, 800)), DIFFER));
    model.type_secret(SecretField::Again, "u");
    assert!(says(&picture(&model, (1200, 800)), DIFFER), "it cannot become the same any more");
    model.untype_secret(SecretField::Again);
    model.set_focus(FIRST);
    assert!(says(&picture(&model, (1200, 800)), DIFFER), "left half typed");
    let mut empty = choosing("", "");
    assert_eq!(empty.act(NOW, Act::UsePassphrase, "x"), []);
    assert!(says(&picture(&empty, (1200, 800)), "Nothing stands here yet"));
}

#[test]
fn a_passphrase_that_is_too_long_is_told_while_it_is_typed() {
    const FULL: &str = "It is as long as it can be";
    let most = "x".repeat(ipc_schema::limits::PASSPHRASE_MAX_BYTES);
    let mut model = choosing(&most, "");
    assert!(!says(&picture(&model, (1200, 800)), FULL));
    model.type_secret(SecretField::First, "y");
    assert!(says(&picture(&model, (1200, 800)), FULL));
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    model.type_secret(SecretField::First, &most);
    model.type_secret(SecretField::First, "y");
    assert!(says(&picture(&model, (1200, 800)), FULL), "on the lock screen too");
}

#[test]
fn a_wait_after_wrong_passphrases_is_counted_down_with_its_reason_and_the_button_rests() {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    model.type_secret(SecretField::First, "right at last");
    let at = |model: &Model, ms: u64| {
        let now = Timestamp(NOW.0 + ms);
        scene(
            model,
            &Surroundings {
                size: (1200, 800),
                now,
                zone: &Zone::default(),
                metrics: &Seven,
                mirrored: false,
            },
        )
    };
    let rests = |scene: &Scene| !scene.hits.iter().any(|hit| hit.act == Act::UsePassphrase);
    model.learn(NOW, News::Passphrase(Err(Problem::Wait(Some(30)))));
    let scene = at(&model, 0);
    assert!(says(&scene, "Please wait 30 s") && says(&scene, "Too many wrong passphrases") && rests(&scene));
    assert!(!says(&scene, "restarted") && model.counts_down(NOW));
    let scene = at(&model, 12_500);
    assert!(says(&scene, "Please wait 18 s") && rests(&scene));
    let (before, after) = (Timestamp(NOW.0 + 29_999), Timestamp(NOW.0 + 30_000));
    assert_eq!(model.act(before, Act::UsePassphrase, "x"), [], "it would not be tried");
    assert!(!rests(&at(&model, 30_000)) && !model.counts_down(after));
    assert!(says(&at(&model, 30_000), "You can try again"));
    assert!(matches!(model.act(after, Act::UsePassphrase, "x")[..], [Command::Unlock(_)]));
    // Where nobody says how long, the longest wait is told, and a try may go before.
    model.learn(NOW, News::Passphrase(Err(Problem::Wait(None))));
    let scene = at(&model, 5_000);
    assert!(says(&scene, "55 s at most") && !rests(&scene));
}

#[test]
fn an_invitation_shows_its_code_and_gives_way_to_the_conversation() {
    let mut model = inside();
    model.act(NOW, Act::Invite, "x");
    model.texts.set(Field::InviteName, "Dana");
    assert_eq!(model.act(NOW, Act::MakeInvite, "x"), [Command::Invite("Dana".into())]);
    let dana = Contact { id: "d".into(), name: "Dana".into(), state: ContactState::Invited, ..robin() };
    model.learn(NOW, News::Changed(NOW, Change::Contact(dana.clone())));
    let invite = Invite {
        id: "i".into(),
        link: format!("privatus:i#{}", "x".repeat(300)),
        contact: "d".into(),
        name: "Dana".into(),
        expires: Timestamp(NOW.0 + 7 * 86_400_000),
        state: InviteState::Waiting,
    };
    model.learn(NOW, News::Invited(Ok(invite.clone())));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Invitation for Dana") && says(&scene, "7 days left"));
    assert!(scene.items.iter().any(|item| matches!(item, Item::Code(..))));
    assert_eq!(model.act(NOW, Act::CopyLink, "x"), [Command::Copy(invite.link)]);
    // She is called otherwise now, and somebody else has the name.
    let renamed = Contact { name: "Dana Ray".into(), ..dana.clone() };
    let other = Contact { id: "e".into(), ..dana.clone() };
    for contact in [&renamed, &other] {
        model.learn(NOW, News::Changed(NOW, Change::Contact(contact.clone())));
    }
    assert_eq!(model.invite_of(&renamed).map(|invite| invite.id.as_str()), Some("i"));
    assert!(model.invite_of(&other).is_none());
    model.learn(NOW, News::Changed(NOW, Change::Contact(Contact { state: ContactState::Connected, ..dana })));
    assert_eq!(model.open_chat(), Some("d"));
}

/// An invitation for Dana that waits, and is shown.
fn inviting_dana() -> (Model, Invite) {
    let mut model = inside();
    let dana = Contact { id: "d".into(), name: "Dana".into(), state: ContactState::Invited, ..robin() };
    let invite = Invite {
        id: "i".into(),
        link: "privatus:i#secret".into(),
        contact: "d".into(),
        name: "Dana".into(),
        expires: Timestamp(NOW.0 + 7 * 86_400_000),
        state: InviteState::Waiting,
    };
    model.learn(NOW, News::Invites(vec![invite.clone()]));
    model.learn(NOW, News::People(vec![dana]));
    model.act(NOW, Act::Open("d".into()), "x");
    (model, invite)
}

#[test]
fn an_invitation_is_taken_back_only_after_a_question_whose_safe_answer_has_the_keyboard() {
    let (mut model, _) = inviting_dana();
    let cancel = Act::CancelInvite("i".into());
    assert!(can_press(&model, &cancel));
    assert_eq!(model.act(NOW, cancel.clone(), "x"), [], "asked first");
    for size in [(1200, 800), (400, 480)] {
        let scene = picture(&model, size);
        assert!(says(&scene, "Cancel this invitation?") && says(&scene, "stops working"));
        let acts: Vec<_> = scene.hits.iter().map(|hit| hit.act.clone()).collect();
        assert_eq!(acts, [Act::Keep, Act::GoOn], "nothing else can be pressed");
        assert_eq!(scene.stops, [Focus::Act(Act::Keep), Focus::Act(Act::GoOn)]);
        assert!(scene.fields.is_empty());
    }
    assert_eq!(*model.focus(), Focus::Act(Act::Keep));
    assert_eq!(model.act(NOW, Act::Keep, "x"), []);
    assert!(!says(&picture(&model, (1200, 800)), "Cancel this invitation?") && can_press(&model, &cancel));
    assert_eq!(model.act(NOW, Act::GoOn, "x"), [], "nothing is asked any more");
    model.act(NOW, cancel.clone(), "x");
    assert_eq!(model.act(NOW, Act::GoOn, "x"), [Command::CancelInvite("i".into()), Command::Invites]);
    // A question goes with what it is about.
    let (mut model, _) = inviting_dana();
    model.act(NOW, cancel, "x");
    model.act(NOW, Act::Add, "x");
    assert_eq!(model.act(NOW, Act::GoOn, "x"), []);
}

#[test]
fn a_copied_link_is_said_to_stay_on_the_clipboard_and_is_taken_from_it_when_it_is_over() {
    const STAYS: &str = "It stays in the clipboard";
    let over = |model: &mut Model, invite: &Invite, state| {
        model.learn(NOW, News::Invites(vec![Invite { state, ..invite.clone() }]))
    };
    for state in [InviteState::Cancelled, InviteState::Accepted, InviteState::Expired] {
        let (mut model, invite) = inviting_dana();
        assert!(!says(&picture(&model, (1200, 800)), STAYS));
        assert_eq!(model.act(NOW, Act::CopyLink, "x"), [Command::Copy(invite.link.clone())]);
        assert!(says(&picture(&model, (1200, 800)), STAYS));
        assert_eq!(over(&mut model, &invite, InviteState::Waiting), []);
        assert_eq!(over(&mut model, &invite, state), [Command::Uncopy(invite.link.clone())]);
        assert_eq!(over(&mut model, &invite, state), [], "once");
        assert!(!says(&picture(&model, (1200, 800)), STAYS));
    }
    let (mut model, invite) = inviting_dana();
    model.act(NOW, Act::CopyLink, "x");
    let came = Contact { id: "d".into(), name: "Dana".into(), ..robin() };
    let asked = model.learn(NOW, News::Changed(NOW, Change::Contact(came)));
    assert!(asked.contains(&Command::Uncopy(invite.link.clone())), "Dana is there");
    let (mut model, invite) = inviting_dana();
    model.act(NOW, Act::CopyLink, "x");
    assert_eq!(model.idle_for(SCREEN_LOCK_AFTER), [Command::Uncopy(invite.link), Command::ScreenLock]);
    assert!(!format!("{model:?}").contains("secret"));
}

#[test]
fn a_link_that_was_used_says_so_and_the_form_stays() {
    let mut model = inside();
    model.act(NOW, Act::Accept, "x");
    let link = "privatus:i#AQFM9oKaqTco6PPJffkT-xv6lf5YEOKTOgWUP4MSqY2c8jfncC5c5EnBIl-hs7Ptji3_NdJEZNkmSkwr6_Pg3u4Fa0nSAACTtayr";
    model.texts.set(Field::Link, format!("Hello, here it is:\n{link}\nKim").as_str());
    assert!(model.act(NOW, Act::AcceptLink, "x").is_empty(), "a name is needed");
    model.texts.set(Field::AcceptName, "Kim");
    let accept = Command::Accept { link: link.into(), name: "Kim".into() };
    assert_eq!(model.act(NOW, Act::AcceptLink, "x"), [accept]);
    let used = Err(privatus::peers::PeerError::Refused(Refusal::LinkUsed));
    model.learn(NOW, News::Accepted(used));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Already used"));
    assert!(scene.fields.iter().any(|field| field.field == Field::Link));
}

#[test]
fn a_text_that_holds_no_sound_link_says_why_and_cannot_be_accepted() {
    let link = "privatus:i#AQFM9oKaqTco6PPJffkT-xv6lf5YEOKTOgWUP4MSqY2c8jfncC5c5EnBIl-hs7Ptji3_NdJEZNkmSkwr6_Pg3u4Fa0nSAACTtayr";
    let other = "privatus:i#AQG4MbM-DAW0XhW73Zs7-kOCX-4KoLblpU4x4r2LBzt2t2TyMmEKpk5PfwPFFyi1BQ2C0pS1XDBAcE8OXYPBKbjwa0nSAABBcpNz";
    for (text, title) in [
        (link.to_lowercase(), "Changed on its way"),
        (link[..60].to_owned(), "Cut short"),
        (format!("{link} {other}"), "More than one invitation"),
        ("hello".to_owned(), "Not an invitation"),
    ] {
        let mut model = inside();
        model.act(NOW, Act::Accept, "x");
        model.texts.set(Field::Link, text.as_str());
        model.texts.set(Field::AcceptName, "Kim");
        let scene = picture(&model, (1200, 800));
        assert!(says(&scene, title), "{title}");
        assert!(!scene.hits.iter().any(|hit| hit.act == Act::AcceptLink), "{title}");
        assert!(model.act(NOW, Act::AcceptLink, "x").is_empty(), "{title}");
    }
}

#[test]
fn connected_comes_with_its_proof_and_a_lost_part_is_told() {
    let mut model = chatting();
    // A window that was just started has not heard of any change.
    let counts = Counts { stage: "connected".into(), ..Counts::default() };
    model.learn(NOW, News::Counts(counts));
    assert!(says(&picture(&model, (1200, 800)), "Route built"));
    model.learn(NOW, News::Counts(Counts { proof_age_ms: Some(20_000), ..Counts::default() }));
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "Connected") && says(&scene, "ago"));
    model.learn(NOW, News::Changed(NOW, Change::Network("offline".into())));
    assert!(says(&picture(&model, (1200, 800)), "Offline"));
    model.learn(NOW, News::HistoryLost);
    let scene = picture(&model, (1200, 800));
    assert!(says(&scene, "The history part is opening") && says(&scene, "text a"), "what is shown stays");
}

#[test]
fn a_history_that_is_not_whole_is_told_and_never_as_one_that_opens() {
    let mut model = inside();
    model.learn(NOW, News::HistoryLost);
    assert!(says(&picture(&model, (1200, 800)), "The history part is opening"));
    for history in History::ALL {
        model.learn(NOW, News::Counts(Counts { history: *history, ..Counts::default() }));
        let scene = picture(&model, (1200, 800));
        let Some(told) = crate::model::words::history(*history) else { continue };
        assert!(says(&scene, &told.title) && says(&scene, "Your history cannot be read"), "{history:?}");
        assert!(!says(&scene, "No chats yet") && !says(&scene, "is opening"), "{history:?}");
    }
}

#[test]
fn everything_that_can_be_pressed_has_a_name_and_a_place_inside_the_window() {
    let (first_run, mut locked) = (Model::default(), Model::default());
    locked.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    for model in [&chatting(), &inside(), &first_run, &locked] {
        for size in [(1200, 800), (900, 600), (720, 560), (400, 480)] {
            let scene = picture(model, size);
            for hit in &scene.hits {
                assert!(!hit.label.is_empty(), "{:?}", hit.act);
                assert!(hit.rect.x >= 0 && hit.rect.right() <= size.0, "{:?} at {size:?}", hit.act);
            }
            let clips = scene.items.iter().filter(|item| matches!(item, Item::Clip(_))).count();
            assert_eq!(clips, scene.items.iter().filter(|item| matches!(item, Item::Unclip)).count());
        }
    }
}

#[test]
fn a_long_conversation_measures_only_what_is_near_the_window() {
    let mut model = chatting();
    let many = (0..5_000).map(|n| text(&format!("m{n}"), false, Delivery::Delivered)).collect();
    model.learn(NOW, News::Messages { who: "c1".into(), place: Place::Newest, result: Ok(many) });
    let scene = picture(&model, (1200, 800));
    assert!(scene.items.len() < 400, "{}", scene.items.len());
    assert!(scene.scroll.is_some_and(|(_, most)| most > 800));
}

#[test]
fn the_keyboard_reaches_the_field_where_one_writes() {
    let model = chatting();
    assert_eq!(*model.focus(), Focus::Field(Field::Composer));
    let scene = picture(&model, (1200, 800));
    assert!(
        scene.stops.contains(&Focus::Field(Field::Composer))
            && scene.stops.contains(&Focus::Field(Field::Search))
    );
}

mod messages;
mod reading;
mod short;
