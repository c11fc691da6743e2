//! Characters that a terminal obeys, or that nobody sees: none of a stranger's text reaches one as it is. (Whoever is shown it elsewhere
//! may need some of them: scripts and pictures are joined by them.)

/// Whether a character moves the cursor, ends a line, turns the direction of writing, or is not seen at all.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Format characters (general category Cf), line and paragraph separators, and what is to be drawn as nothing
/// (Default_Ignorable_Code_Point), of Unicode 17.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}'..='\u{891}' | '\u{8E2}'
        | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_obeyed_or_not_seen_is_told_from_letters_and_pictures() {
        let groups = [
            '\0'..='\u{1F}',
            '\u{7F}'..='\u{9F}',
            '\u{AD}'..='\u{AD}',
            '\u{61C}'..='\u{61C}',
            '\u{180E}'..='\u{180E}',
            '\u{200B}'..='\u{200F}',
            '\u{2028}'..='\u{202E}',
            '\u{2060}'..='\u{206F}',
            '\u{FE00}'..='\u{FE0F}',
            '\u{FEFF}'..='\u{FEFF}',
            '\u{FFF9}'..='\u{FFFB}',
            '\u{E0000}'..='\u{E01EF}',
        ];
        assert!(groups.into_iter().flatten().all(is_unseen));
        assert!(!"aż\u{A0}ا明🐢e\u{301}–“”…".chars().any(is_unseen));
    }
}
