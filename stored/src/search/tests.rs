use ipc_schema::limits::{CONTEXT_MAX_CHARS, HITS_MAX, SEARCH_MAX_BYTES, SEARCH_WORDS_MAX};
use proptest::prelude::*;

use super::*;

fn wanted(typed: &str) -> Wanted {
    Wanted::parse(typed).unwrap()
}

/// What SQLite is asked, and which index.
fn asked(typed: &str) -> (&'static str, String) {
    match wanted(typed).source() {
        Source::Words(matching) => ("words", matching),
        Source::Infixes(matching) => ("infixes", matching),
        Source::All => ("all", String::new()),
    }
}

fn words(typed: &str) -> String {
    let (index, matching) = asked(typed);
    assert_eq!(index, "words", "{typed}");
    matching
}

#[test]
fn each_word_is_a_string_and_the_last_may_go_on() {
    assert_eq!(words("see you at eig"), r#""see" "you" "at" "eig" *"#);
    assert_eq!(words("  see\tyou\n"), r#""see" "you" *"#);
    assert_eq!(words("plan b"), r#""plan" "b""#, "one letter begins too much");
    assert_eq!(words("don't"), r#""don't""#, "its last word is a t");
    assert_eq!(words("hello!"), r#""hello!" *"#);
}

#[test]
fn nothing_that_is_typed_is_an_operator() {
    let typed = "a NEAR(b c, 2) OR x:y ^z -w * + {t} AND NOT ko";
    let strings = ["a", "NEAR(b", "c,", "2)", "OR", "x:y", "^z", "-w", "{t}", "AND", "NOT", "ko"];
    let expected: Vec<String> = strings.iter().map(|string| format!("\"{string}\"")).collect();
    assert_eq!(words(typed), expected.join(" ") + " *");
    assert_eq!(words("one\0two"), r#""one" "two" *"#, "SQLite would take the query to end at a NUL");
}

#[test]
fn words_between_quotation_marks_stand_side_by_side() {
    assert_eq!(words(r#""good  morning" rob"#), r#""good morning" "rob" *"#);
    assert_eq!(
        words(r#"rob "good morning""#),
        r#""rob" "good morning""#,
        "it was closed, and does not go on"
    );
    assert_eq!(words(r#"rob "good mor"#), r#""rob" "good mor" *"#, "it is still being typed");
    assert_eq!(words("\u{201E}guten Morgen\u{201C} an"), r#""guten Morgen" "an" *"#);
    assert_eq!(words(r#"a""b"#), r#""a" "b""#);
    assert!(wanted(r#""" " ""#).is_empty());
}

#[test]
fn what_holds_no_letter_number_or_picture_is_not_looked_for() {
    for nothing in ["", " ", "?!", "--- ***", "\u{301}", "\0", "\"\"\"", "。、"] {
        assert!(wanted(nothing).is_empty(), "{nothing:?}");
    }
    assert_eq!(words("... wait ..."), r#""wait" *"#);
    assert_eq!(words("7"), r#""7""#);
}

#[test]
fn letters_of_scripts_without_spaces_are_looked_for_inside_words() {
    assert_eq!(asked("日本語"), ("infixes", r#""日本語""#.into()));
    assert_eq!(
        asked("สวัสดี 日本"),
        ("infixes", r#""สวัสดี""#.into()),
        "the other is looked for in what that finds"
    );
    assert_eq!(asked("ABC語"), ("infixes", r#""abc語""#.into()));
    assert_eq!(asked("日本"), ("all", String::new()));
    assert_eq!(asked("🐢"), ("all", String::new()));
    assert_eq!(asked("日本語 hello"), ("words", r#""hello" *"#.into()));
    assert!(wanted("日本").is_held_by("今日本を読む") && !wanted("日本").is_held_by("日曜の本"));
    assert!(wanted("日本語 hello").is_held_by("hello 日本語") && !wanted("日本語 hello").is_held_by("hello"));
    assert!(wanted("สวัสดี 日本").is_held_by("日本") && !wanted("สวัสดี 日本").is_held_by("สวัสดี"));
    assert!(wanted("Z語").is_held_by("az語"), "case does not count");
}

#[test]
fn what_is_too_long_is_told() {
    assert!(Wanted::parse(&"x".repeat(SEARCH_MAX_BYTES)).is_ok());
    assert!(Wanted::parse(&"x".repeat(SEARCH_MAX_BYTES + 1)).is_err());
    let words = |count: usize| Wanted::parse(&"ab ".repeat(count)).is_ok();
    assert!(words(SEARCH_WORDS_MAX) && !words(SEARCH_WORDS_MAX + 1));
    let phrase = |count: usize| Wanted::parse(&format!("\"{}\"", "ab ".repeat(count))).is_ok();
    assert!(phrase(SEARCH_WORDS_MAX) && !phrase(SEARCH_WORDS_MAX + 1));
}

/// The context with each hit between brackets.
fn shown(typed: &str, body: &str) -> String {
    let Context { text, hits } = wanted(typed).context(body);
    let mut shown = text.clone();
    for hit in hits.iter().rev() {
        shown.insert(hit.end, ']');
        shown.insert(hit.start, '[');
    }
    shown
}

#[test]
fn hits_are_whole_words_and_beginnings_as_they_were_found() {
    assert_eq!(shown("cafe", "Ein Café, das CAFÉ"), "Ein [Café], das [CAFÉ]");
    assert_eq!(shown("cafe", "a Cafe\u{301}!"), "a [Cafe\u{301}]!");
    assert_eq!(shown("see at", "see you at eight, foresee attic"), "[see] you [at] eight, foresee [at]tic");
    assert_eq!(shown("at see", "see you at eight, foresee attic"), "[see] you [at] eight, foresee attic");
    assert_eq!(shown(r#""good morning""#, "good day, Good\n morning"), "good day, [Good\n morning]");
    assert_eq!(shown("don't", "I don\u{2019}t"), "I [don\u{2019}t]");
    assert_eq!(shown("本語", "日本語と本語"), "日[本語]と[本語]");
    assert_eq!(shown("🐢", "a🐢🐢b"), "a[🐢🐢]b", "what touches is one");
}

#[test]
fn the_context_begins_with_a_word_before_the_first_hit_and_ends_where_it_must() {
    let body = format!("{}needle {}", "word ".repeat(100), "more ".repeat(100));
    let Context { text, hits } = wanted("needle").context(&body);
    assert_eq!(text.chars().count(), CONTEXT_MAX_CHARS);
    assert!(text.starts_with("word word") && text.contains("needle more"), "{text}");
    assert_eq!(hits.len(), 1);
    let one_word = format!("{}語{}", "x".repeat(500), "x".repeat(500));
    let Context { text, hits } = wanted("語").context(&one_word);
    assert_eq!((text.chars().count(), hits.first().map(|hit| hit.start)), (CONTEXT_MAX_CHARS, Some(40)));
    let long = "x".repeat(1_000);
    let Context { text, hits } = wanted(&long).context(&long);
    assert_eq!((text.len(), hits.len(), hits[0].end), (CONTEXT_MAX_CHARS, 1, CONTEXT_MAX_CHARS));
}

#[test]
fn what_is_not_found_again_is_shown_by_its_beginning() {
    let far = format!("{} needle", "x ".repeat(50_000));
    for (typed, body) in [("needle", far.as_str()), ("needle", "hay"), ("needle", "")] {
        let Context { text, hits } = wanted(typed).context(body);
        assert!(hits.is_empty() && body.starts_with(&text));
        assert_eq!(text.chars().count(), body.chars().count().min(CONTEXT_MAX_CHARS));
    }
}

fn odd_text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "a", "é", "e\u{301}", "\u{301}", " ", "\"", "語", "日", "한", "ก็", "🐢", "\0", "*", "(", "NEAR", "ß",
        "İ",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(odd, 0..60).prop_map(|parts| parts.concat())]
}

proptest! {
    #[test]
    fn the_hits_of_any_words_in_any_text_are_whole_characters_of_its_context(typed in odd_text(), body in odd_text()) {
        let Ok(wanted) = Wanted::parse(&typed) else { return Ok(()) };
        let Context { text, hits } = wanted.context(&body);
        prop_assert!(body.contains(&text) && text.chars().count() <= CONTEXT_MAX_CHARS);
        prop_assert!(hits.len() <= HITS_MAX && hits.is_sorted_by(|one, next| one.end < next.start));
        for hit in hits {
            prop_assert!(text.get(hit).is_some_and(|hit| !hit.is_empty()));
        }
    }
}
