//! A stranger's text on its way to a terminal or a script: it moves no cursor, turns no line, hides nothing and forges no line.

use std::fmt::Write;

use ipc_schema::unseen::is_unseen;

/// What stands before each further row of a text: none of them can then be taken for the head of another one.
const FURTHER: &str = "\n    | ";

/// A tab is shown as so many spaces: how far a real one goes hangs on what stands before it, and rows are counted here.
const TAB: &str = "    ";

/// In one line.
#[must_use]
pub fn one_line(untrusted_text: &str) -> String {
    let mut before = ' ';
    untrusted_text.chars().fold(String::new(), |mut line, c| {
        show(&mut line, before, c);
        before = c;
        line
    })
}

/// Behind `head`, which is ours, over several lines; the further ones are indented and marked. On a terminal a line that is longer than
/// its `columns` is broken here, for the terminal would go on at its edge without a mark.
#[must_use]
pub fn body(head: &str, untrusted_text: &str, columns: Option<usize>) -> String {
    let (mut rows, mut row) = (head.to_owned(), head.chars().count());
    let mut before = ' ';
    for c in untrusted_text.chars() {
        let mut next = String::new();
        match c {
            '\n' => row = further(&mut rows),
            '\t' => next.push_str(TAB),
            _ => show(&mut next, before, c),
        }
        before = c;
        for c in next.chars() {
            if columns.is_some_and(|columns| row + columns_of(c) > columns) {
                row = further(&mut rows);
            }
            rows.push(c);
            row += columns_of(c);
        }
    }
    rows
}

/// Begins another row; gives how many columns of it are taken.
fn further(rows: &mut String) -> usize {
    rows.push_str(FURTHER);
    FURTHER.len() - 1
}

/// At most so many columns: nothing below U+1100 is wide (Unicode Standard Annex 11).
fn columns_of(c: char) -> usize {
    if c < '\u{1100}' { 1 } else { 2 }
}

/// The width of the terminal on stdout; none where there is no terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// JSON with all that cannot be seen escaped. It means the same: such characters stand in its strings only.
#[must_use]
pub fn json(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unseen(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A string takes all that is written to it.
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(c);
        }
    }
    line
}

/// What a terminal is given for a character, behind another.
fn show(line: &mut String, before: char, c: char) {
    // The sign that asks for a picture instead of a letter is all that may stay of what cannot be seen.
    if is_unseen(c) && !(c == '\u{FE0F}' && is_pictured(before)) {
        line.extend(c.escape_unicode());
    } else {
        line.push(c);
    }
}

/// The blocks of the characters that are letters or pictures, as one asks for.
fn is_pictured(c: char) -> bool {
    matches!(c, '©' | '®' | '\u{203C}'..='\u{3299}' | '\u{1F000}'..='\u{1FAFF}') && !is_unseen(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(one_line("Bob\x1b[2J\n\u{202E}x"), "Bob\\u{1b}[2J\\u{a}\\u{202e}x");
        assert_eq!(one_line("żółw 🐢"), "żółw 🐢");
    }

    #[test]
    fn no_control_bidi_or_invisible_character_reaches_a_terminal_raw() {
        for c in ('\0'..=char::MAX).filter(|c| is_unseen(*c)) {
            let escaped = format!("a{}b", c.escape_unicode());
            assert_eq!(one_line(&format!("a{c}b")), escaped);
            if c != '\n' && c != '\t' {
                assert_eq!(body("", &format!("a{c}b"), None), escaped);
            }
        }
        assert_eq!(one_line("❤\u{FE0F} 1\u{FE0F}"), "❤\u{FE0F} 1\\u{fe0f}");
        assert_eq!(one_line("\u{200B}\u{FE0F}"), "\\u{200b}\\u{fe0f}");
    }

    #[test]
    fn a_text_over_several_lines_cannot_pass_for_several_texts() {
        let forged = "x\n2026-01-01 00:00  me (read): I agree\n\tand\r\n";
        let shown = body("2026-01-01 00:01  them: ", forged, None);
        assert_eq!(
            shown,
            "2026-01-01 00:01  them: x\n    | 2026-01-01 00:00  me (read): I agree\n    |     and\\u{d}\n    | "
        );
    }

    #[test]
    fn nor_can_a_long_line_where_the_terminal_would_break_it() {
        let forged = format!("{}2026-01-01 00:00  me (read): I agree", "x".repeat(40 - 6));
        for line in body("them: ", &forged, Some(40)).lines().skip(1) {
            assert!(line.starts_with("    | "), "{line}");
        }
        assert_eq!(body("them: ", "abcdefgh", Some(10)), "them: abcd\n    | efgh");
        assert_eq!(body("", "明日の午後", Some(10)), "明日の午後");
        assert_eq!(body("", "明日の午後で", Some(10)), "明日の午後\n    | で");
        assert_eq!(body("", "a\u{7}b", Some(9)), "a\\u{7}b");
        assert_eq!(body("", "a\tb", Some(5)), "a    \n    | b");
        // However narrow it is, it ends.
        assert_eq!(body("them: ", "ab", Some(1)), "them: \n    | a\n    | b");
    }

    #[test]
    fn json_escapes_what_cannot_be_seen_and_means_the_same() {
        let text =
            "\u{7}\u{7F}\u{85}\u{9B}31m\u{61C}\u{200B}\u{2028}\u{2029}\u{202E}\u{FEFF}\u{E0041} żółw 🐢";
        let line = json(&serde_json::to_string(text).unwrap());
        assert_eq!(
            line,
            "\"\\u0007\\u007f\\u0085\\u009b31m\\u061c\\u200b\\u2028\\u2029\\u202e\\ufeff\\udb40\\udc41 żółw 🐢\""
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
