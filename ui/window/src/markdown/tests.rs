use super::*;

/// Spans as `[style text]`; what is a mark is left out.
fn shown(text: &str) -> String {
    let mut lines = Vec::new();
    for block in blocks(text) {
        let mut line = match &block.kind {
            Kind::Plain => String::new(),
            Kind::Quote => "> ".to_owned(),
            Kind::Item(label) => format!("({label}) "),
            Kind::Code => "| ".to_owned(),
        };
        for Span { range, look } in block.spans.iter().filter(|span| !span.look.mark) {
            let part = &text[range.clone()];
            let names = [(look.strong, 'b'), (look.italic, 'i'), (look.code, 'c'), (look.link, 'l')];
            let names: String = names.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
            if names.is_empty() || block.kind == Kind::Code {
                line += part;
            } else {
                line += &format!("[{names} {part}]");
            }
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[test]
fn emphasis_and_code_are_shown_without_their_marks() {
    for (text, wanted) in [
        ("a **b c** d", "a [b b c] d"),
        ("*a* and _b_.", "[i a] and [i b]."),
        ("(**a**, _b_)", "([b a], [i b])"),
        ("**a *b* c**", "[b a ][bi b][b  c]"),
        ("***a***", "[bi a]"),
        ("*a **b***", "[i a ][bi b]"),
        ("run `ls **` now", "run [c ls **] now"),
        ("``a`b``", "[c a`b]"),
        ("```one```", "[c one]"),
        ("``` a``` b", "[c  a] b"),
        ("これは**重要**です", "これは[b 重要]です"),
        ("**👍**", "[b 👍]"),
    ] {
        assert_eq!(shown(text), wanted, "{text}");
    }
}

#[test]
fn what_is_not_well_formed_stays_as_it_was_typed() {
    for text in [
        "2*3*4",
        "2 * 3 * 4",
        "a**b",
        "**a",
        "a**",
        "* a*",
        "*a *",
        "snake_case_name",
        "__init__",
        "****",
        "*",
        "_",
        "**_",
        "*_*",
        "^_^ -_- *_*",
        "`",
        "``",
        "` `",
        "`a``",
        "a `b",
        "~~a~~",
        "# a",
        "[a](b)",
        "| a | b |",
        "-a",
        "-",
        "- ",
        "1.a",
        "1234. a",
        "1) a",
        ">a",
        ">",
        ">:(",
        "---",
        "```",
        "```\n```",
        "```\na",
        "<b>a</b>",
        "\\*a\\*x",
        "&amp;",
        "",
    ] {
        assert_eq!(shown(text), text);
    }
}

#[test]
fn what_crosses_is_closed_where_the_outer_one_ends() {
    assert_eq!(shown("*a **b* c**"), "[i a **b] c**");
    assert_eq!(shown("_a *b_ c*"), "[i a *b] c*");
    assert_eq!(shown("*a\nb*"), "*a\nb*", "never over lines");
}

#[test]
fn quotes_lists_and_blocks_are_lines_of_their_own_kind() {
    assert_eq!(shown("> so *they* say\nno"), "> so [i they] say\nno");
    assert_eq!(shown("- a\n- **b**\n10. c"), "(•) a\n(•) [b b]\n(10.) c");
    assert_eq!(
        shown("see\n```rust\nfn a() {\n\n    *b*\n}\n```\nthere"),
        "see\n| fn a() {\n| \n|     *b*\n| }\nthere"
    );
    assert_eq!(shown("```\na\n```"), "| a");
}

#[test]
fn no_mark_is_looked_for_in_a_link() {
    assert_eq!(shown("_https://a.org/_b_/*c*d_"), "[il https://a.org/_b_/*c*d]");
    assert_eq!(shown("**https://a.org**"), "[bl https://a.org]");
    assert_eq!(shown("`https://a.org`"), "[c https://a.org]");
}

#[test]
fn nothing_is_lost_whatever_is_typed() {
    let mut seed = 7_u32;
    let mut pick = |of: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 16).unwrap() % of
    };
    let words =
        ["*", "**", "_", "`", "```", "\n", " ", "a", "é", "陽", "> ", "- ", "1. ", "https://a.b/_", "\t"];
    for _ in 0..4_000 {
        let text: String = (0..pick(24)).map(|_| words[pick(words.len())]).collect();
        let mut past = 0;
        for block in blocks(&text) {
            assert!(block.range.start >= past, "{text:?}");
            let mut at = block.range.start;
            for span in &block.spans {
                assert_eq!(span.range.start, at, "{text:?}");
                assert!(!text[span.range.clone()].is_empty() || block.range.is_empty(), "{text:?}");
                at = span.range.end;
            }
            assert_eq!(at, block.range.end, "{text:?}");
            past = block.range.end;
        }
        let letters = |text: &str| text.chars().filter(|c| matches!(c, 'a' | 'é' | '陽')).count();
        // Only the word behind an opening fence is not shown.
        assert!(text.contains("```") || letters(&shown(&text)) >= letters(&text), "{text:?}");
        let lines: Vec<String> = plain(&text).map(|block| text[block.range].to_owned()).collect();
        assert_eq!(lines.join("\n"), text);
    }
}

#[test]
fn a_hostile_text_is_read_once() {
    // Quadratic work over these would take minutes.
    for unit in
        ["*", "**a ", "*a ", "_", "_a *b **c ", "*_", "`", "``` ", "`a ``b ", "```\n", "> ", "- ", "a*", "` "]
    {
        let text = unit.repeat((256 << 10) / unit.len());
        assert!(blocks(&text).map(|block| block.spans.len()).sum::<usize>() <= text.len() + 1);
    }
}
