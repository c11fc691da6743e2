use super::*;

/// Ten pixels a character as a reader counts, in every style.
fn ten(_: Style, text: &str) -> i32 {
    i32::try_from(text.trim_start_matches('\u{200F}').graphemes(true).count()).unwrap() * 10
}

fn laid(body: &str, max: i32) -> Laid {
    lay(&Ask { body, max, whole: false, plain: false }, &ten)
}

fn whole(body: &str, max: i32) -> Laid {
    lay(&Ask { body, max, whole: true, plain: false }, &ten)
}

/// The runs of each line as they are drawn, from left to right.
fn drawn(laid: &Laid) -> Vec<Vec<&str>> {
    laid.rows.iter().map(|row| row.runs.iter().map(|run| run.drawn.as_str()).collect()).collect()
}

#[test]
fn a_line_is_made_of_styled_runs_that_touch() {
    let laid = laid("one **two** and `three`", 500);
    let [row] = &laid.rows[..] else { panic!("{laid:?}") };
    let runs: Vec<_> = row.runs.iter().map(|run| (run.drawn.as_str(), run.style, run.x, run.w)).collect();
    let wanted = [
        ("one ", Style::Body, 0, 40),
        ("two", Style::Strong, 40, 30),
        (" and ", Style::Body, 70, 50),
        ("three", Style::Mono, 120, 50),
    ];
    assert_eq!(runs, wanted);
    assert_eq!((row.width, row.range.clone()), (170, 0..23));
}

#[test]
fn marks_take_no_room_and_a_line_breaks_within_emphasis() {
    let laid = laid("**one two three**", 80);
    assert_eq!(drawn(&laid), [["one two"], ["three"]]);
    assert!(laid.rows.iter().all(|row| row.runs[0].style == Style::Strong));
}

#[test]
fn quotes_items_and_code_are_indented_and_a_tab_is_room() {
    let laid = laid("> aa bb\n- cc dd\n12. e\n```\nf\n```", 60);
    assert_eq!(drawn(&laid), [vec!["aa"], vec!["bb"], vec!["cc"], vec!["dd"], vec!["e"], vec!["f"]]);
    let shape: Vec<_> = laid.rows.iter().map(|row| (row.indent, row.ground, row.label.as_deref())).collect();
    let wanted = [
        (12, Ground::Quote, None),
        (12, Ground::Quote, None),
        (18, Ground::Plain, Some("•")),
        (18, Ground::Plain, None),
        (38, Ground::Plain, Some("12.")),
        (8, Ground::Code, None),
    ];
    assert_eq!(shape, wanted);
    assert_eq!(laid.rows[5].runs[0].style, Style::Mono);
    let tab = self::laid("a\tb", 500);
    assert_eq!((drawn(&tab), tab.rows[0].width), (vec![vec!["a    b"]], 60));
}

#[test]
fn plain_text_has_no_marks_and_no_links() {
    let laid = lay(&Ask { body: "> **a** https://b.org", max: 500, whole: false, plain: true }, &ten);
    assert_eq!(drawn(&laid), [["> **a** https://b.org"]]);
    assert_eq!(laid.rows[0].runs[0].link, None);
}

#[test]
fn a_link_over_two_lines_is_one_link() {
    let laid = laid("see https://example.org/abc now", 150);
    let links: Vec<&str> = laid
        .rows
        .iter()
        .flat_map(|row| &row.runs)
        .filter_map(|run| run.link.as_ref())
        .map(|link| laid.address(link))
        .collect();
    assert!(links.len() > 1, "{laid:?}");
    assert!(links.iter().all(|link| *link == "https://example.org/abc"));
}

#[test]
fn a_long_text_is_folded_and_all_of_it_can_be_shown() {
    let short = "a\n".repeat(39) + "a";
    assert!(!laid(&short, 500).long);
    let lines = "a\n".repeat(60);
    let folded = laid(&lines, 500);
    assert_eq!((folded.long, folded.rows.len()), (true, FOLDED_LINES));
    let all = whole(&lines, 500);
    assert_eq!((all.long, all.rows.len()), (true, 61));
    assert_eq!(all.rows[..40], folded.rows[..]);
    let wide = laid(&"word ".repeat(1_000), 100_000);
    assert!(wide.long && wide.rows.iter().all(|row| row.range.end <= FOLDED_BYTES));
    assert_eq!(wide.text.len(), 5_000, "what is not shown can be copied");
}

#[test]
fn of_a_folded_text_only_what_is_shown_is_measured() {
    let measured = std::cell::Cell::new(0);
    let count = |style: Style, text: &str| {
        measured.set(measured.get() + text.len());
        ten(style, text)
    };
    let body = "**word** _word_ ".repeat(16_000);
    let folded = lay(&Ask { body: &body, max: 500, whole: false, plain: false }, &count);
    assert_eq!(folded.rows.len(), FOLDED_LINES);
    assert!(measured.get() < 60_000, "{}", measured.get());
}

#[test]
fn all_of_a_text_twice_as_long_takes_twice_the_work() {
    for unit in ["x", "**a** ", "*b*", "`c`", "https://d.org/e ", "陽", "שלום ", "> f\n", "e\u{301}\u{301}"]
    {
        let work = |bytes: usize| {
            let measured = std::cell::Cell::new(0);
            let body = unit.repeat(bytes / unit.len());
            let laid = lay(&Ask { body: &body, max: 500, whole: true, plain: false }, &|style, text| {
                measured.set(measured.get() + text.len());
                ten(style, text)
            });
            assert_eq!(laid.text, body, "all of it can be copied");
            measured.get()
        };
        let (less, more) = (work(4_000), work(64_000));
        assert!(more < 20 * less, "{unit:?}: {less} {more}");
        assert!(more < 60 * 64_000, "{unit:?}: {more}");
    }
}

#[test]
fn a_line_from_the_right_stands_at_the_right_and_its_runs_are_in_the_order_in_which_they_are_seen() {
    let laid = laid("שלום **abc** 12", 500);
    let [row] = &laid.rows[..] else { panic!("{laid:?}") };
    assert!(row.from_right);
    assert_eq!(row.left(500), 500 - row.width);
    let letters: Vec<&str> = row.runs.iter().map(|run| run.drawn.trim_matches(['\u{200F}', ' '])).collect();
    let seen: Vec<&str> = letters.into_iter().filter(|run| !run.is_empty()).collect();
    assert_eq!(seen, ["abc", "12", "שלום"], "a number behind a word from the left runs with it");
    let whole: i32 = row.runs.iter().map(|run| run.w).sum();
    assert_eq!(whole, row.width);
}

#[test]
fn a_word_from_the_right_within_a_line_from_the_left_is_turned_alone() {
    let laid = laid("say שלום to", 500);
    let row = &laid.rows[0];
    assert!(!row.from_right);
    let turned: Vec<_> = row.runs.iter().map(|run| (run.drawn.as_str(), run.from_right)).collect();
    assert_eq!(turned, [("say ", false), ("שלום", true), (" to", false)]);
}

#[test]
fn a_press_is_next_to_the_character_that_is_nearest() {
    let laid = laid("one **two** 👩🏽\u{200D}💻!", 500);
    let (row, text) = (&laid.rows[0], laid.text.as_str());
    let at = |x: i32| row.offset_at(text, x, &ten);
    assert_eq!([at(-50), at(4), at(6), at(39)], [0, 0, 1, 4]);
    assert_eq!(&text[at(41)..], "two** 👩🏽\u{200D}💻!", "behind the mark");
    assert_eq!(&text[at(87)..], "!", "never within a character");
    assert_eq!(at(5_000), text.len());
}

#[test]
fn a_press_in_a_word_from_the_right_counts_from_its_right_end() {
    let laid = laid("שלום", 500);
    let row = &laid.rows[0];
    assert_eq!(row.offset_at(&laid.text, 39, &ten), 0);
    assert_eq!(row.offset_at(&laid.text, 29, &ten), "ש".len());
    assert_eq!(row.offset_at(&laid.text, 0, &ten), laid.text.len());
    assert_eq!(row.stretches(&laid.text, &(0.."ש".len()), &ten), [(30, 10)]);
}

#[test]
fn what_is_selected_is_one_stretch_where_it_looks_like_one() {
    let laid = laid("one **two** three", 500);
    let (row, text) = (&laid.rows[0], laid.text.as_str());
    assert_eq!(row.stretches(text, &(1..8), &ten), [(10, 50)]);
    assert_eq!(row.stretches(text, &(0..usize::MAX), &ten), [(0, 130)]);
    assert_eq!(row.stretches(text, &(2..2), &ten), []);
}

#[test]
fn piled_up_marks_are_bounded_and_kept_within_their_line() {
    let laid = laid(&format!("Z{}\nplain", "\u{316}".repeat(60)), 500);
    assert_eq!((laid.hidden, laid.rows[0].marks, laid.rows[1].marks), (52, true, false));
}
