//! Text that others have chosen, made harmless for a terminal.

/// The text on one line: nothing that moves the cursor, hides or turns round what stands beside it. At most so many characters, the
/// last an ellipsis where there were more.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        let width = if is_plain(character) {
            1
        } else {
            escaped(character).len()
        };
        if length + width > most {
            // Room for the ellipsis.
            while length >= most && shown.pop().is_some() {
                length -= 1;
            }
            shown.push('…');
            break;
        }
        length += width;
        if is_plain(character) {
            shown.push(character);
        } else {
            shown.push_str(&escaped(character));
        }
    }
    shown
}

/// The same, filled up with blanks to that length.
pub(super) fn column(text: &str, width: usize) -> String {
    let text = plain(text, width);
    let blanks = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(blanks))
}

fn escaped(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}

/// Whether a terminal shows it as one character where it stands, or at least does nothing else.
const fn is_plain(character: char) -> bool {
    !matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            // Soft hyphen, Arabic letter mark, zero widths, directions, line and paragraph separators, byte order mark, tags.
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_turns_is_written_out() {
        assert_eq!(plain("a\u{1b}[2J\nb", 80), "a\\u{1b}[2J\\u{a}b");
        assert_eq!(plain("a\u{202e}b\u{200b}", 80), "a\\u{202e}b\\u{200b}");
        assert_eq!(plain("grüße 漢字 🦀", 80), "grüße 漢字 🦀");
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(plain("alice", 5), "alice");
        assert_eq!(plain("alice@", 5), "alic…");
        assert_eq!(plain(&"\u{1b}".repeat(9), 10).chars().count(), 7);
        assert_eq!(column("bob", 5), "bob  ");
        assert_eq!(column("", 0), "");
    }
}
