//! A walk over everything that is about people, at the sizes that small screens leave: what can be pressed lies in the window, and no two
//! texts lie on each other.

use std::process::Command;
use std::rc::Rc;

use fltk::app;
use fltk::prelude::{GroupExt, WidgetBase, WidgetExt, WindowExt};
use fltk::window::DoubleWindow;
use ipc_schema::edge::ui_keyvault::VaultState;
use ipc_schema::edge::ui_stored::{
    Change, Comparison, Contact, ContactState, Invite, InviteState, MUTED_FOR_EVER, Refusal, SafetyNumber,
    ShortComparison, ShortEnd, ShortState,
};
use privatus::peers::PeerError;

use super::*;
use crate::model::action::{ContactAct, SecretField};
use crate::model::people::tests::{called, with};
use crate::model::{Act, Field, Focus, News, Part};
use crate::paint::Fonts;
use crate::scene::Item;
use crate::theme::Theme;

const NOW: Timestamp = Timestamp(1_750_766_400_000);

/// As wide as the letters of a wide face.
struct Wide;

impl Metrics for Wide {
    fn width(&self, style: Style, text: &str) -> i32 {
        i32::try_from(text.chars().count()).unwrap() * style.px() * 11 / 20
    }
}

/// Names the scale at which a run of these tests measures letters on the display that it has.
const ON_DISPLAY: &str = "WALK_ON_DISPLAY_PERCENT";

/// What letters are measured with: the faces of a display, where this run has one.
fn faces() -> Rc<dyn Metrics> {
    thread_local!(static FACES: Rc<dyn Metrics> = match display_percent() {
        Some(percent) => Rc::new(faces_of_display(percent)),
        None => Rc::new(Wide),
    });
    FACES.with(Rc::clone)
}

#[allow(clippy::disallowed_methods, reason = "a test's set-up, not the product's")]
fn display_percent() -> Option<u16> {
    std::env::var(ON_DISPLAY).ok()?.parse().ok()
}

/// They are measured as for a window there.
fn faces_of_display(percent: u16) -> Fonts {
    let _app = app::App::default();
    app::set_screen_scale(0, f32::from(percent) / 100.0);
    let mut window = DoubleWindow::new(0, 0, 400, 300, None);
    window.end();
    window.show();
    window.wait_for_expose();
    window.make_current();
    Fonts::load()
}

fn seen(model: &Model, size: (i32, i32)) -> Scene {
    scene(
        model,
        &Surroundings { size, now: NOW, zone: &Zone::default(), metrics: &*faces(), mirrored: false },
    )
}

/// The smallest window, a flat one and a small laptop's, in scaled pixels at each scale; a window is never smaller than its smallest,
/// but a screen may be.
fn sizes() -> Vec<(i32, i32)> {
    let mut sizes = Vec::new();
    for (w, h) in [(360, 480), (1200, 500), (1366, 768)] {
        for percent in [80, 100, 130, 200] {
            sizes.push(((w * 100 / percent).max(360), (h * 100 / percent).max(360)));
        }
    }
    sizes.extend([(720, 480), (960, 480), (1184, 480)]);
    sizes
}

/// What is seen of each text, by its place.
fn texts(scene: &Scene) -> Vec<(Rect, &str)> {
    let mut clips = vec![Rect::new(0, 0, 10_000, 10_000)];
    let mut texts = Vec::new();
    let faces = faces();
    for item in &scene.items {
        match item {
            Item::Clip(rect) => clips.push(rect.within(*clips.last().unwrap())),
            Item::Unclip => drop(clips.pop()),
            Item::Text { x, y, style, text, .. } if !text.is_empty() => {
                let whole = Rect::new(*x, *y, faces.width(*style, text), style.line());
                let rect = whole.within(*clips.last().unwrap());
                if !rect.is_empty() {
                    texts.push((rect, text.as_str()));
                }
            }
            _ => {}
        }
    }
    assert_eq!(clips.len(), 1, "every clip ends");
    texts
}

fn walk(what: &str, model: &mut Model) {
    for size in sizes() {
        let window = Rect::new(0, 0, size.0, size.1);
        for place in [Part::List, Part::Page, Part::Details] {
            model.scrolls.begin(place);
        }
        // From the top to the end of all that scrolls.
        for step in 0..40 {
            let scene = seen(model, size);
            for hit in &scene.hits {
                assert!(!hit.label.is_empty(), "{what} {size:?} {:?}", hit.act);
                assert!(
                    hit.rect.within(window) == hit.rect && !hit.rect.is_empty(),
                    "{what} {size:?} {hit:?}"
                );
            }
            for field in &scene.fields {
                assert!(field.rect.within(window) == field.rect, "{what} {size:?} {:?}", field.field);
            }
            let covered = model.is_covered() || model.over().is_some();
            let texts = texts(&scene);
            for (at, (one, text)) in texts.iter().enumerate().filter(|_| !covered) {
                let on = texts.iter().skip(at + 1).find(|(other, _)| !one.within(*other).is_empty());
                assert!(on.is_none(), "{what} {size:?} step {step}: {text:?} on {on:?}");
                assert!(one.x >= 0 && one.right() <= size.0, "{what} {size:?}: {text:?} is cut");
            }
            let mut more = false;
            for part in &scene.scrolled {
                assert!(part.area.within(window) == part.area, "{what} {size:?} {:?}", part.place);
                more |= model.scrolls.of(part.place) < part.most;
                model.scrolls.by(part.place, part.area.h.max(40) / 2, part.most);
            }
            if !more {
                break;
            }
            assert!(step < 39, "{what} {size:?} has no end");
        }
    }
}

/// Every stop of the keyboard can be brought into sight.
fn all_can_be_reached(what: &str, model: &mut Model, wanted: &[Focus]) {
    for size in sizes() {
        for focus in wanted {
            let scene = seen(model, size);
            let visible = |scene: &Scene| match focus {
                Focus::Act(act) => scene.hits.iter().any(|hit| hit.act == *act),
                Focus::Field(field) => scene.fields.iter().any(|shown| shown.field == *field),
                Focus::None | Focus::Message(_) | Focus::Over => true,
            };
            if let Some((place, by, most)) = scene.scrolled.iter().find_map(|part| {
                let (_, rect) = part.stops.iter().find(|(stop, _)| stop == focus)?;
                let ends = (part.area.y, part.area.bottom());
                let by = crate::model::scrolls::until_seen((rect.y - 8, rect.bottom() + 8), ends);
                Some((part.place, by, part.most))
            }) {
                model.scrolls.by(place, by, most);
            }
            assert!(visible(&seen(model, size)), "{what} {size:?} {focus:?}");
        }
    }
}

const LONG: &str = "Maximiliane Hohenlohe-Waldenburg the Younger";

fn number() -> SafetyNumber {
    SafetyNumber {
        digits: (10_000..10_012).map(|n: u32| n.to_string()).collect::<Vec<_>>().join(" "),
        words: ["harbor", "velvet", "lemon", "orbit", "candle", "meadow", "saddle", "timber"]
            .map(Into::into)
            .to_vec(),
        verified: false,
        code: "privatus:v#AQ".into(),
    }
}

fn people() -> Vec<Contact> {
    let mut people = vec![
        Contact {
            pinned: true,
            verified: true,
            muted_until: MUTED_FOR_EVER,
            held: true,
            note: "Met at the reading room. Prefers mornings.\nHas the blue index cards.".into(),
            ..called("c1", LONG, "Maxi H. with a name of her own that is long")
        },
        Contact { last_at: Timestamp(5), ..called("c2", "Robin", "") },
        Contact { last_at: Timestamp(4), has_draft: true, ..called("c3", "R0bin", "") },
        Contact { last_at: Timestamp(3), state: ContactState::Blocked, ..called("c4", "Kim", "") },
        Contact { last_at: Timestamp(2), state: ContactState::Invited, ..called("c5", "Dana", "") },
        Contact { last_at: Timestamp(1), state: ContactState::Oneself, ..called("c6", "Notes", "") },
        Contact { last_at: Timestamp(1), ..called("c7", "kim", "") },
    ];
    let more =
        |n: u64| Contact { last_at: Timestamp(0), ..called(&format!("m{n}"), &format!("Person {n}"), "") };
    people.extend((0..30).map(more));
    people
}

fn invite(contact: &str, state: InviteState) -> Invite {
    Invite {
        id: format!("i-{contact}"),
        link: format!("privatus:i#{}", "x".repeat(200)),
        contact: contact.into(),
        name: "Dana".into(),
        expires: Timestamp(NOW.0 + 6 * 86_400_000),
        state,
    }
}

fn peopled() -> Model {
    let mut model = with(people());
    model.learn(
        NOW,
        News::Invites(vec![invite("c5", InviteState::Waiting), invite("c2", InviteState::OpenedTwice)]),
    );
    model
}

fn on(who: &str, what: ContactAct) -> Act {
    Act::Contact(who.into(), what)
}

/// Letters of a real face are narrower and wider than ours, and differ from scale to scale. A process opens one display once: each test of
/// these is a run of its own.
#[test]
fn all_of_it_holds_on_a_display_at_any_scale() {
    let display = privatus_tests::XServer::start(&[]);
    let own = |arguments: &[&str]| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(arguments).env("DISPLAY", &display.name).env("FLTK_BACKEND", "x11");
        command
    };
    let listed = own(&["view::walk::", "--list", "--format", "terse"]).output().unwrap().stdout;
    let listed = String::from_utf8(listed).unwrap();
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let names: Vec<&str> = names.filter(|name| !name.contains("on_a_display")).collect();
    assert!(names.len() > 8, "{listed}");
    for percent in ["80", "100", "150", "200"] {
        for name in &names {
            let again = own(&["--exact", name]).env(ON_DISPLAY, percent).output().unwrap();
            let said = String::from_utf8_lossy(&again.stdout);
            assert!(again.status.success() && said.contains("ok. 1 passed"), "{name} at {percent} %: {said}");
        }
    }
}

#[test]
fn details_of_everybody_can_be_read_and_pressed_at_any_size() {
    for who in ["c1", "c2", "c3", "c4", "c5", "c6"] {
        let mut model = peopled();
        model.act(NOW, on(who, ContactAct::Details), "x");
        walk(who, &mut model);
        model.act(NOW, on(who, ContactAct::Rename), "x");
        model.texts.set(Field::ContactName, "é".repeat(25));
        walk("a name that is too long", &mut model);
        model.act(NOW, on(who, ContactAct::Note), "x");
        walk("a note", &mut model);
    }
    for name in ["", "nobody is called so"] {
        let mut model = peopled();
        model.act(NOW, on("c1", ContactAct::Introduce), "x");
        model.texts.set(Field::Whom, name);
        assert!(model.purpose().is_some());
        walk("introducing somebody", &mut model);
    }
    let mut model = peopled();
    model.act(NOW, on("c1", ContactAct::Details), "x");
    let last = [on("c1", ContactAct::Delete), on("c1", ContactAct::Block), on("c1", ContactAct::Rename)]
        .map(Focus::Act);
    all_can_be_reached("details", &mut model, &last);
    model.act(NOW, on("c1", ContactAct::Note), "x");
    all_can_be_reached("a note", &mut model, &[Focus::Field(Field::ContactNote), Focus::Act(Act::KeepEdit)]);
}

/// A short string in every state, one that was never any last.
fn shorts() -> Vec<ShortComparison> {
    let ended = ShortEnd::ALL.iter().map(|end| (ShortState::Over, *end));
    let states =
        [ShortState::Asked, ShortState::Waiting, ShortState::Shown].map(|state| (state, ShortEnd::None));
    let short = |(state, end)| ShortComparison {
        state,
        end,
        digits: "0042 5678".into(),
        words: ["gutih", "dosal"].map(Into::into).to_vec(),
        runs: 7,
        theirs: ShortEnd::Different,
        ..ShortComparison::none()
    };
    states.into_iter().chain(ended).map(short).chain([ShortComparison::none()]).collect()
}

#[test]
fn who_somebody_is_can_be_compared_at_any_size() {
    for who in ["c1", "c2"] {
        let mut model = peopled();
        model.act(NOW, Act::Compare(who.into()), "x");
        model.learn(NOW, News::SafetyNumber { who: who.into(), result: Ok(number()) });
        walk("compare", &mut model);
        let stops = [Focus::Act(Act::Differ), Focus::Act(Act::NotNow), Focus::Field(Field::TheirCode)];
        all_can_be_reached("compare", &mut model, &stops);
        for short in shorts() {
            model.learn(NOW, News::Short { who: who.into(), result: Ok(short) });
            walk("a short string", &mut model);
            all_can_be_reached("a short string", &mut model, &[Focus::Act(Act::NotNow)]);
        }
        model.learn(NOW, News::Compared { who: who.into(), result: Ok(Comparison::OtherPerson) });
        walk("a code of somebody else", &mut model);
        model.act(NOW, Act::Differ, "x");
        walk("they differ", &mut model);
        all_can_be_reached("they differ", &mut model, &[Focus::Act(on(who, ContactAct::Block))]);
    }
}

#[test]
fn invitations_cards_and_questions_hold_at_any_size() {
    let mut model = peopled();
    model.act(NOW, Act::Open("c5".into()), "x");
    model.act(NOW, Act::CopyLink, "x");
    model.notice = None;
    walk("an invitation", &mut model);
    all_can_be_reached("an invitation", &mut model, &[Focus::Act(Act::CancelInvite("i-c5".into()))]);
    model.act(NOW, Act::Invite, "x");
    walk("inviting", &mut model);
    model.learn(NOW, News::Invited(Err(PeerError::Refused(Refusal::NameTaken))));
    walk("a name that is taken", &mut model);
    model.act(NOW, Act::Accept, "x");
    model.texts.set(Field::Link, "privatus:i#c_YBi");
    walk("a link that is cut", &mut model);
    all_can_be_reached(
        "accepting",
        &mut model,
        &[Focus::Act(Act::Clear(Field::Link)), Focus::Act(Act::NotNow)],
    );
    for act in [
        on("c1", ContactAct::Block),
        on("c1", ContactAct::Delete),
        Act::CancelInvite("i-c5".into()),
        Act::OwnName,
    ] {
        let mut model = peopled();
        model.act(NOW, act, "x");
        walk("a card", &mut model);
    }
}

#[test]
fn the_list_and_conversations_hold_at_any_size() {
    let mut model = peopled();
    model.act(NOW, Act::Add, "x");
    walk("two ways to reach somebody", &mut model);
    let ways = [Act::Invite, Act::Accept].map(Focus::Act);
    all_can_be_reached("two ways to reach somebody", &mut model, &ways);
    model.act(NOW, Act::Close, "x");
    model.learn(NOW, News::Offer("privatus:i#x".into()));
    walk("the list", &mut model);
    let rows = ["c2", "m29"].map(|id| Act::Open(id.into()));
    for act in rows.into_iter().chain([Act::AcceptOffer]) {
        let mut found = false;
        model.scrolls.begin(Part::List);
        for _ in 0..200 {
            let scene = seen(&model, (360, 480));
            found |= scene.hits.iter().any(|hit| hit.act == act);
            let most = scene.scrolled.iter().find(|part| part.place == Part::List).unwrap().most;
            model.scrolls.by(Part::List, 40, most);
        }
        assert!(found, "{act:?}");
    }
    for who in ["c1", "c2", "c4", "c6"] {
        let mut model = peopled();
        model.act(NOW, Act::Open(who.into()), "x");
        walk("a conversation", &mut model);
    }
    walk("nobody", &mut with(Vec::new()));
}

#[test]
fn the_first_run_and_the_lock_hold_at_any_size() {
    let mut model = Model::default();
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Missing });
    model.type_secret(SecretField::First, "correct horse");
    walk("a passphrase", &mut model);
    all_can_be_reached("a passphrase", &mut model, &[Focus::Act(Act::Secret(SecretField::Again))]);
    model.type_secret(SecretField::Again, "correct horse");
    all_can_be_reached("a passphrase", &mut model, &[Focus::Act(Act::UsePassphrase)]);
    model.learn(NOW, News::Offer("privatus:i#x".into()));
    model.learn(NOW, News::Passphrase(Ok(())));
    walk("a name", &mut model);
    let last = [Act::AcceptOffer, Act::Enter, Act::Accept].map(Focus::Act);
    all_can_be_reached("a name", &mut model, &last);
    model.learn(NOW, News::Vault { locked: true, state: VaultState::Locked });
    walk("the lock", &mut model);
}

#[test]
fn a_narrow_window_has_its_lock_and_its_menu() {
    let mut model = peopled();
    model.act(NOW, Act::Close, "x");
    let scene = seen(&model, (360, 480));
    let has = |scene: &Scene, act: &Act| scene.hits.iter().any(|hit| hit.act == *act);
    assert!(has(&scene, &Act::Lock) && has(&scene, &Act::OwnName));
    model.act(NOW, Act::OwnName, "x");
    let scene = seen(&model, (360, 480));
    assert!(has(&scene, &Act::NextTheme) && has(&scene, &Act::KeepOwnName) && has(&scene, &Act::CloseCard));
    assert!(!has(&scene, &Act::Add), "nothing behind the card");
    model.set_focus(Focus::Act(Act::Lock));
    // Where no other line has its colour.
    model.theme = Theme::Contrast;
    let ring = tokens(model.theme).focus;
    let scene = seen(&model, (360, 480));
    let sides = scene.items.iter().filter(|item| matches!(item, Item::Fill(_, colour) if *colour == ring));
    assert_eq!(sides.count(), 4, "one ring, and none at the lock behind the card");
}

#[test]
fn the_column_stands_beside_the_conversation_only_where_all_have_room() {
    let mut model = peopled();
    model.act(NOW, on("c2", ContactAct::Details), "x");
    let says = |w: i32, words: &str| seen(&model, (w, 800)).words().any(|line| line.contains(words));
    assert!(says(1184, "About this contact") && says(1184, "Message to Robin"));
    assert!(says(1183, "About this contact") && !says(1183, "Message to Robin"));
    assert!(says(400, "About this contact") && !says(400, "Message to Robin"));
    let beside = seen(&model, (1184, 800));
    let composer = beside.hits.iter().find(|hit| hit.act == Act::Send).unwrap().rect;
    assert_eq!(1184 - composer.right(), 352 + 12);
}

#[test]
fn rows_say_what_a_person_looks_for() {
    let mut model = peopled();
    model.act(NOW, Act::Open("c4".into()), "x");
    let unread = Contact { unread: 124, ..people().remove(0) };
    model.learn(NOW, News::Changed(NOW, Change::Contact(unread)));
    let scene = seen(&model, (1200, 800));
    let says = |words: &str| scene.words().any(|line| line.contains(words));
    assert!(says("99+") && says("Opened twice") && says("Looks like another") && says("Draft"));
    assert!(says("You blocked Kim") && scene.hits.iter().any(|hit| hit.act == on("c4", ContactAct::Unblock)));
    assert!(scene.hits.iter().any(|hit| hit.act == on("c2", ContactAct::DeclineSecond)));
    let first = model.people.first().unwrap();
    assert!(first.pinned);
    let icons = |icon| {
        scene
            .items
            .iter()
            .filter(|item| matches!(item, Item::Icon { icon: shown, .. } if *shown == icon))
            .count()
    };
    assert_eq!((icons(crate::icon::Icon::Pin), icons(crate::icon::Icon::Mute)), (1, 1));
    let sees = |model: &Model, words: &str| seen(model, (1200, 800)).words().any(|line| line.contains(words));
    assert!(sees(&model, "What you write waits"));
    let mut kim = Contact { held: false, last_text: "**Bring** the `key`".into(), ..people().remove(0) };
    model.learn(NOW, News::Changed(NOW, Change::Contact(kim.clone())));
    assert!(sees(&model, "Bring the key") && !sees(&model, "**"));
    kim.is_typing = true;
    model.learn(NOW, News::Changed(NOW, Change::Contact(kim.clone())));
    assert!(sees(&model, "Writing …") && !sees(&model, "Bring the key"));
    kim.notice = ipc_schema::edge::ui_stored::Notice::InviteAgain;
    model.learn(NOW, News::Changed(NOW, Change::Contact(kim)));
    assert!(sees(&model, "Cannot reconnect") && !sees(&model, "Writing …"));
    let gone = Contact { name: String::new(), ..called("c1", "", "") };
    model.learn(NOW, News::Changed(NOW, Change::Contact(gone)));
    assert!(!seen(&model, (1200, 800)).words().any(|line| line.contains("99+")));
}

#[test]
fn what_is_shown_of_a_contact_is_never_taken_for_our_own_words() {
    let mut model = with(vec![called("c1", "Robin", "\u{202E}verified by Privatus")]);
    model.act(NOW, on("c1", ContactAct::Details), "x");
    let scene = seen(&model, (1200, 800));
    assert!(scene.words().all(|line| !line.contains('\u{202E}')));
    assert!(scene.words().any(|line| line.starts_with("Their own name: ")));
}

#[test]
fn the_offered_partner_stays_a_row_until_met() {
    const ECHO: &str = "Echo, a practice partner";
    let mut model = with(Vec::new());
    model.learn(NOW, News::Offer("privatus:i#x".into()));
    let shows = |model: &Model| seen(model, (1200, 800)).words().any(|line| line == ECHO);
    assert!(shows(&model));
    model.act(NOW, Act::Lock, "x");
    model.learn(NOW, News::Passphrase(Ok(())));
    model.learn(NOW, News::People(Vec::new()));
    assert!(shows(&model), "a lock does not use it");
    model.learn(NOW, News::Changed(NOW, Change::Contact(called("e", "Echo", ""))));
    assert!(!shows(&model));
}

#[test]
fn a_form_that_is_closed_forgets_what_was_typed_and_a_name_that_is_taken_is_told_at_the_name() {
    let link = "privatus:i#AQFM9oKaqTco6PPJffkT-xv6lf5YEOKTOgWUP4MSqY2c8jfncC5c5EnBIl-hs7Ptji3_NdJEZNkmSkwr6_Pg3u4Fa0nSAACTtayr";
    let mut model = with(vec![called("c1", "Kim", "")]);
    model.act(NOW, Act::Accept, "x");
    model.texts.set(Field::Link, link);
    model.texts.set(Field::AcceptName, "Kim");
    model.act(NOW, Act::AcceptLink, "x");
    model.learn(NOW, News::Accepted(Err(PeerError::Refused(Refusal::NameTaken))));
    let scene = seen(&model, (1200, 800));
    let says = |words: &str| scene.words().any(|line| line.contains(words));
    assert!(says("This name is taken") && says("This invitation is complete"), "the link is not to blame");
    model.act(NOW, Act::Clear(Field::Link), "x");
    assert_eq!((model.texts.of(Field::Link), model.focus()), ("", &Focus::Field(Field::Link)));
    model.texts.set(Field::Link, "privatus:i#old");
    model.act(NOW, Act::Close, "x");
    model.act(NOW, Act::Accept, "x");
    assert_eq!((model.texts.of(Field::Link), model.texts.of(Field::AcceptName)), ("", ""));
}
