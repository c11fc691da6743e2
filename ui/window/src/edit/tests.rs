use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

/// Seven pixels a code point.
fn seven(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap() * 7
}

fn room(width: i32) -> Room<'static> {
    Room { width, measure: &seven }
}

fn with(text: &str) -> Editor {
    let mut editor = Editor::default();
    editor.set(text);
    editor
}

/// One key each.
fn typed(editor: &mut Editor, text: &str) {
    for character in text.graphemes(true) {
        editor.type_text(character).unwrap();
    }
}

fn lines_of(editor: &Editor, width: i32) -> Vec<String> {
    let room = room(width);
    let lines = editor.lines(&room);
    (0..lines.count()).map(|line| editor.text()[lines.range(line)].to_owned()).collect()
}

const FAMILY: &str = "👨\u{200D}👩\u{200D}👧";

#[test]
fn a_character_goes_whole_whatever_it_is_made_of() {
    for character in ["x", "e\u{301}", FAMILY, "🇩🇪", "한", "陽", "\n"] {
        let mut editor = with(&format!("a{character}b"));
        editor.put(editor.text().len() - 1, false);
        editor.delete(Take::Before);
        assert_eq!(editor.text(), "ab", "{character:?}");
        assert!(editor.undo());
        editor.put(1, false);
        editor.delete(Take::After);
        assert_eq!(editor.text(), "ab", "{character:?}");
    }
}

#[test]
fn words_are_gone_over_and_taken_whole() {
    let mut editor = with("One two, three  ");
    for start in [9, 4, 0, 0] {
        editor.go(Way::WordLeft, false, &room(1_000));
        assert_eq!(editor.caret(), start);
    }
    for end in [3, 7, 14, 16] {
        editor.go(Way::WordRight, false, &room(1_000));
        assert_eq!(editor.caret(), end);
    }
    editor.delete(Take::WordBefore);
    assert_eq!(editor.text(), "One two, ");
    editor.put(0, false);
    editor.delete(Take::WordAfter);
    assert_eq!(editor.text(), " two, ");
}

#[test]
fn what_is_typed_is_taken_back_word_by_word_and_comes_again() {
    let mut editor = Editor::default();
    typed(&mut editor, "to be or");
    for text in ["to be ", "to ", ""] {
        assert!(editor.undo());
        assert_eq!(editor.text(), text);
    }
    assert!(!editor.undo());
    for text in ["to ", "to be ", "to be or"] {
        assert!(editor.redo());
        assert_eq!((editor.text(), editor.caret()), (text, text.len()));
    }
    assert!(!editor.redo());
    (0..5).for_each(|_| editor.delete(Take::Before));
    assert_eq!(editor.text(), "to ");
    assert!(editor.undo());
    assert_eq!(editor.text(), "to be ", "the word that went last");
    typed(&mut editor, "x");
    assert!(!editor.redo(), "what was typed since is another future");
}

#[test]
fn a_place_that_was_gone_to_begins_another_step() {
    let mut editor = Editor::default();
    typed(&mut editor, "ab");
    editor.go(Way::Left, false, &room(100));
    typed(&mut editor, "c");
    assert_eq!(editor.text(), "acb");
    editor.undo();
    assert_eq!((editor.text(), editor.caret()), ("ab", 1));
}

#[test]
fn the_past_is_bounded_and_what_is_left_of_it_still_fits() {
    let mut editor = Editor::default();
    let long = "x".repeat(EDITED_MAX_BYTES);
    for _ in 0..10 {
        editor.select_all();
        editor.insert(&long).unwrap();
    }
    assert!(editor.history.bytes() <= 4 * EDITED_MAX_BYTES);
    while editor.undo() {
        assert_eq!(editor.text().len(), EDITED_MAX_BYTES);
    }
    editor.set("");
    for _ in 0..3_000 {
        editor.insert("y").unwrap();
    }
    let mut steps = 0;
    while editor.undo() {
        steps += 1;
    }
    assert_eq!(steps, 1_000);
}

#[test]
fn what_is_too_much_changes_nothing() {
    let mut editor = with(&"x".repeat(EDITED_MAX_BYTES - 1));
    assert_eq!(editor.insert("é"), Err(TooMuch));
    assert_eq!(editor.type_text("é"), Err(TooMuch));
    assert_eq!((editor.text().len(), editor.caret()), (EDITED_MAX_BYTES - 1, EDITED_MAX_BYTES - 1));
    assert_eq!(editor.insert("x"), Ok(()));
    editor.select_all();
    assert_eq!(editor.insert("é"), Ok(()));
    assert_eq!(editor.text(), "é");
}

#[test]
fn every_kind_of_line_break_is_one() {
    let mut editor = Editor::default();
    editor.insert("a\r\nb\rc\n").unwrap();
    assert_eq!(editor.text(), "a\nb\nc\n");
}

#[test]
fn an_input_method_changes_what_it_gave_and_it_is_one_step() {
    let mut editor = with("say ");
    editor.compose("に", 0, 3).unwrap();
    assert_eq!(editor.marked(), 4..7);
    editor.compose("にほ", 3, 6).unwrap();
    editor.compose("日本", 6, 0).unwrap();
    assert_eq!((editor.text(), editor.marked().is_empty()), ("say 日本", true));
    assert!(editor.undo());
    assert_eq!(editor.text(), "say ");
    assert!(!editor.undo());
    editor.compose("´", 0, 2).unwrap();
    editor.compose("", 2, 0).unwrap();
    assert_eq!(editor.text(), "say ");
    assert!(!editor.undo(), "nothing came of it");
}

#[test]
fn lines_end_between_words_and_one_goes_up_and_down_in_them() {
    let mut editor = with("one two three\nfour");
    assert_eq!(lines_of(&editor, 60), ["one two ", "three", "four"]);
    editor.put(5, false);
    let room = room(60);
    editor.go(Way::Down, false, &room);
    assert_eq!(editor.caret(), 13, "as far as the line goes");
    editor.go(Way::Down, true, &room);
    assert_eq!((editor.caret(), editor.selected()), (18, "\nfour"));
    editor.go(Way::Down, false, &room);
    assert_eq!(editor.caret(), 18);
    (0..2).for_each(|_| editor.go(Way::Up, false, &room));
    editor.go(Way::LineStart, false, &room);
    assert_eq!(editor.caret(), 0);
    editor.go(Way::LineEnd, false, &room);
    assert_eq!(editor.caret(), 7, "behind it begins the next line");
    editor.go(Way::End, false, &room);
    editor.go(Way::Start, true, &room);
    assert_eq!(editor.selected(), editor.text());
}

#[test]
fn a_line_break_at_the_end_begins_a_line_and_a_long_word_is_broken_inside() {
    assert_eq!(lines_of(&with(""), 60), [""]);
    assert_eq!(lines_of(&with("a\n"), 60), ["a", ""]);
    assert_eq!(lines_of(&with("abcdefgh"), 21), ["abc", "def", "gh"]);
    assert_eq!(lines_of(&with("x"), 1), ["x"]);
    assert_eq!(lines_of(&with("明日の午後"), 21), ["明日の", "午後"]);
}

#[test]
fn an_edit_changes_lines_far_above_where_one_word_goes_over_all_of_them() {
    // A mark belongs to the space before it, so that all of it is one word; without the mark the spaces hang over the edge.
    let mut editor = with(&format!("abcde{}\u{301}x", " ".repeat(20)));
    assert!(lines_of(&editor, 35).len() > 4);
    editor.delete(Take::Before);
    editor.delete(Take::Before);
    assert_eq!(lines_of(&editor, 35), lines_of(&with(editor.text()), 35));
    assert_eq!(lines_of(&editor, 35).len(), 1);
}

#[test]
fn lines_end_where_those_of_a_message_do() {
    assert_eq!(lines_of(&with("明日の、午後"), 21), ["明日", "の、午", "後"], "none begins with a comma");
    assert_eq!(lines_of(&with("one two-three"), 60), ["one two-", "three"]);
    assert_eq!(lines_of(&with("see (them) all"), 42), ["see ", "(them) ", "all"]);
    assert_eq!(lines_of(&with("so “it” is!"), 42), ["so ", "“it” ", "is!"]);
}

#[test]
fn the_caret_stands_at_the_left_end_of_what_is_written_from_the_right() {
    let mut editor = with("سلام");
    let room = room(100);
    let x = |editor: &Editor| editor.lines(&room).x(editor.caret());
    assert_eq!(x(&editor), 72);
    assert_eq!(editor.lines(&room).drawn(0), [Drawn { x: 72, text: "سلام".into() }]);
    editor.go(Way::Right, false, &room);
    assert_eq!((editor.caret(), x(&editor)), (6, 79), "right is back");
    editor.go(Way::LineStart, false, &room);
    assert_eq!((editor.caret(), x(&editor)), (0, 100));
    assert_eq!(editor.lines(&room).at(0, 85), 4);
    assert_eq!(editor.lines(&room).spans(0, &(0..4)), [(86, 14)]);
    // A name from the left within it.
    let mixed = with("ab سلام");
    let lines = mixed.lines(&room);
    assert_eq!(lines.x(2), 14);
    assert_eq!(lines.x(mixed.text().len()), 21, "the left end of the part that is written from the right");
}

/// Where the caret comes to, key by key.
fn walked(editor: &mut Editor, way: Way, room: &Room<'_>) -> Vec<(usize, i32)> {
    let mut places = Vec::new();
    for _ in 0..editor.text().len() + 2 {
        let before = editor.caret();
        editor.go(way, false, room);
        if editor.caret() == before {
            break;
        }
        places.push((editor.caret(), editor.lines(room).x(editor.caret())));
    }
    places
}

#[test]
fn the_caret_goes_as_it_is_seen_through_what_runs_both_ways() {
    let mut editor = with("ab סלם cd");
    let room = room(1_000);
    editor.put(0, false);
    // Never back, whichever way the word is written.
    let places = walked(&mut editor, Way::Right, &room);
    assert_eq!(places, [(1, 7), (2, 14), (3, 21), (7, 28), (5, 35), (10, 49), (11, 56), (12, 63)]);
    let back = walked(&mut editor, Way::Left, &room);
    assert_eq!(back, [(11, 56), (10, 49), (5, 35), (7, 28), (9, 21), (2, 14), (1, 7), (0, 0)]);
    let mut editor = with("שלום ab");
    editor.put(0, false);
    let left = walked(&mut editor, Way::Left, &room);
    assert!(left.windows(2).all(|pair| pair[1].1 < pair[0].1), "{left:?}");
    assert!(left.iter().any(|(at, _)| *at == editor.text().len() - 1), "through the name as well");
}

#[test]
fn all_lines_of_a_paragraph_begin_where_its_first_letter_says() {
    let editor = with("שלום שלום abc\nabc");
    let room = room(70);
    let lines = editor.lines(&room);
    assert_eq!(lines.count(), 3);
    let begins: Vec<_> = (0..3).map(|line| lines.is_from_the_right(line)).collect();
    assert_eq!(begins, [true, true, false]);
    assert_eq!(lines.drawn(1), [Drawn { x: 49, text: "abc".into() }]);
    // A selection ends where it is seen to.
    let mut editor = with("שלום");
    editor.select_all();
    editor.go(Way::Left, false, &room);
    assert_eq!(editor.caret(), 8, "the left end is the last letter");
}

#[test]
fn a_click_finds_the_nearest_place_and_two_and_three_select() {
    let mut editor = with("don't stop\nnow");
    {
        let room = room(1_000);
        let lines = editor.lines(&room);
        assert_eq!(lines.at(0, 3), 0);
        assert_eq!(lines.at(0, 4), 1);
        assert_eq!(lines.at(0, 9_999), 10);
        assert_eq!(lines.at(1, -5), 11);
    }
    editor.select_word(2);
    assert_eq!(editor.selected(), "don't");
    editor.select_word(5);
    assert_eq!(editor.selected(), " ");
    editor.select_word(10);
    assert_eq!(editor.selected(), "stop");
    editor.select_paragraph(3);
    assert_eq!(editor.selected(), "don't stop");
    editor.select_paragraph(14);
    assert_eq!(editor.selected(), "now");
}

#[test]
fn the_lines_that_are_seen_go_with_the_caret_and_not_with_the_wheel() {
    let mut editor = with(&"a\n".repeat(20));
    let room = room(100);
    let top = |editor: &Editor| editor.top(&editor.lines(&room), 6);
    assert_eq!(top(&editor), 15);
    editor.seen_from(15);
    editor.go(Way::Up, false, &room);
    assert_eq!(top(&editor), 15, "it is seen still");
    editor.go(Way::Start, false, &room);
    assert_eq!(top(&editor), 0);
    editor.seen_from(0);
    editor.scroll(4);
    assert_eq!(top(&editor), 4);
    editor.scroll(100);
    assert_eq!(top(&editor), 15);
    typed(&mut editor, "x");
    assert_eq!(top(&editor), 0, "where it is typed is seen");
}

/// Nothing is measured but the characters that there are, and a key measures none.
#[test]
fn the_longest_text_is_broken_without_measuring_it_and_a_key_in_it_breaks_a_few_lines() {
    let seen = std::cell::Cell::new(0);
    let measure = |text: &str| {
        seen.set(seen.get() + 1);
        seven(text)
    };
    let room = Room { width: 500, measure: &measure };
    for text in ["words of some letters ".repeat(2_900), "x".repeat(60_000), "陽".repeat(20_000)] {
        let mut editor = with(&text);
        seen.set(0);
        assert!(editor.lines(&room).count() > 250);
        assert!(seen.get() <= 60, "{}", seen.get());
        editor.put(text.len() / 2, false);
        editor.type_text("x").unwrap();
        seen.set(0);
        assert!(editor.lines(&room).count() > 250);
        assert!(seen.get() <= 1, "{}", seen.get());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Type(String),
    Insert(String),
    Compose(String, usize, usize),
    Delete(Take),
    Go(Way, bool),
    Put(usize, bool),
    Word(usize),
    Undo,
    Redo,
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "word",
        " ",
        "  ",
        "\n",
        ", ",
        "-",
        "(",
        "“",
        "!",
        "、",
        "א-",
        "é",
        "👍🏽",
        "x🏽",
        "\u{301}",
        "\u{200D}",
        "👩",
        FAMILY,
        "🇩",
        "🇪",
        "陽菜",
        "한국",
        "\u{1112}",
        "سلام",
        "שלום",
        "नमस्ते",
        "\u{94D}",
        "\t",
        "\u{202E}",
        "\u{200F}",
        "1,5",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 1..4).prop_map(|pieces| pieces.concat())
}

fn step() -> impl Strategy<Value = Step> {
    let take = prop::sample::select(vec![Take::Before, Take::After, Take::WordBefore, Take::WordAfter]);
    let way = prop::sample::select(vec![
        Way::Left,
        Way::Right,
        Way::WordLeft,
        Way::WordRight,
        Way::Up,
        Way::Down,
        Way::LineStart,
        Way::LineEnd,
        Way::Start,
        Way::End,
    ]);
    prop_oneof![
        4 => piece().prop_map(Step::Type),
        2 => piece().prop_map(Step::Insert),
        1 => (piece(), 0..9_usize, 0..9_usize).prop_map(|(text, del, marked)| Step::Compose(text, del, marked)),
        3 => take.prop_map(Step::Delete),
        4 => (way, any::<bool>()).prop_map(|(way, selecting)| Step::Go(way, selecting)),
        1 => (0..200_usize, any::<bool>()).prop_map(|(at, selecting)| Step::Put(at, selecting)),
        1 => (0..200_usize).prop_map(Step::Word),
        1 => Just(Step::Undo),
        1 => Just(Step::Redo),
    ]
}

fn take_step(editor: &mut Editor, step: &Step, room: &Room<'_>) {
    match step {
        Step::Type(text) => editor.type_text(text).unwrap(),
        Step::Insert(text) => editor.insert(text).unwrap(),
        Step::Compose(text, replaced, marked) => editor.compose(text, *replaced, *marked).unwrap(),
        Step::Delete(take) => editor.delete(*take),
        Step::Go(way, selecting) => editor.go(*way, *selecting, room),
        Step::Put(at, selecting) => editor.put(*at, *selecting),
        Step::Word(at) => editor.select_word(*at),
        Step::Undo => drop(editor.undo()),
        Step::Redo => drop(editor.redo()),
    }
}

fn boundaries(text: &str) -> Vec<usize> {
    text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect()
}

proptest! {
    #[test]
    fn any_text_is_broken_as_a_message_is(text in prop::collection::vec(piece(), 0..30), width in 1..200) {
        let text = text.concat().replace('\t', " ");
        let message = crate::text::break_lines(&text, width, &seven);
        let message: Vec<_> = message.into_iter().map(|line| line.text).collect();
        let written = lines_of(&with(&text), width);
        let written: Vec<_> = written.iter().map(|line| line.trim_end_matches(' ')).collect();
        prop_assert_eq!(written, message);
    }

    #[test]
    fn after_any_keys_the_caret_stands_between_characters_and_the_lines_are_those_of_the_text(
        beginning in piece(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let room = room(40);
        let mut editor = with(&beginning);
        for step in &steps {
            take_step(&mut editor, step, &room);
            let ends = boundaries(editor.text());
            let selection = editor.selection();
            prop_assert!(ends.contains(&editor.caret()), "{step:?}");
            prop_assert!(ends.contains(&selection.start) && ends.contains(&selection.end), "{step:?}");
            prop_assert!(editor.marked().end <= editor.text().len());
            let lines = editor.lines(&room);
            let anew = with(editor.text());
            let others = anew.lines(&room);
            let ranges = |lines: &Lines<'_>| (0..lines.count()).map(|at| lines.range(at)).collect::<Vec<_>>();
            prop_assert_eq!(ranges(&lines), ranges(&others));
            for line in 0..lines.count() {
                prop_assert!(ends.contains(&lines.range(line).start));
                for x in [-3, 0, 10, 39, 99] {
                    let at = lines.at(line, x);
                    prop_assert!(ends.contains(&at) && lines.line(at) == line);
                }
            }
            prop_assert!((0..=40).contains(&lines.x(editor.caret())));
        }
    }

    #[test]
    fn all_steps_taken_back_give_the_beginning_and_done_again_the_end(
        beginning in piece(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let room = room(40);
        let mut editor = with(&beginning);
        let first = editor.text().to_owned();
        for step in &steps {
            take_step(&mut editor, step, &room);
            editor.history.bytes();
        }
        while editor.redo() {}
        let last = editor.text().to_owned();
        while editor.undo() {}
        prop_assert_eq!(editor.text(), &first);
        while editor.redo() {}
        prop_assert_eq!(editor.text(), &last);
        editor.history.bytes();
    }
}
