use super::*;

#[track_caller]
fn check(text: &str, expected: Result<(), Fault>) {
    assert_eq!(whole_value(text, 4).map(drop), expected, "{text:?}");
}

#[test]
fn json_values_pass() {
    for text in [
        "0",
        "-0",
        "10",
        "-1.5",
        "1e3",
        "1E+3",
        "1.25e-07",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        r#""""#,
        r#""a""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u0041\u00e9\ud83d\uDE00\u0000""#,
        "\"é😀\u{7f}\"",
        "[]",
        "{}",
        " [ ] ",
        "\t{\r\n} ",
        "[1,2]",
        r#"{"a":1,"a":2}"#,
        r#"{"a":[{"b":[]}]}"#,
        "[[[[]]]]",
        "[[],{},[[]]]",
    ] {
        check(text, Ok(()));
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "01",
        "-a",
        "+1",
        ".5",
        "1.a",
        "1ea",
        "1e+a",
        "tru!",
        "nul1",
        "True",
        "'a'",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{,}",
        "{1:2}",
        r#"{"a"}"#,
        r#"{"a" 1}"#,
        r#"{"a":1,}"#,
        "[}",
        "{]",
        r#"{"a":1]"#,
        "[1}",
        "\u{feff}1",
        "\u{a0}1",
        "NaN",
    ] {
        let fault = whole_value(text, 4).map(drop);
        assert!(
            matches!(fault, Err(Fault::Syntax | Fault::TrailingData)),
            "{text:?}: {fault:?}"
        );
    }
    check("1 2", Err(Fault::TrailingData));
    check("{}}", Err(Fault::TrailingData));
}

#[test]
fn every_cut_of_a_value_is_truncated() {
    let text = r#"{"a\u00e9\ud83d\ude00":[true,false,null,{"b":"\n"}]}"#;
    for end in 0..text.len() {
        check(&text[..end], Err(Fault::Truncated));
    }
    check("-", Err(Fault::Truncated));
    check("1.", Err(Fault::Truncated));
    check("1e", Err(Fault::Truncated));
    check("1e-", Err(Fault::Truncated));
}

#[test]
fn strings_are_held_to_their_rules() {
    for control in 0..0x20_u8 {
        check(
            &format!("\"abc{}def\"", char::from(control)),
            Err(Fault::ControlCharacter),
        );
    }
    for text in [r#""\x""#, r#""\u12g4""#, r#""\U0041""#, r#""\'""#, r#""\u+123""#] {
        check(text, Err(Fault::InvalidEscape));
    }
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\n""#,
        r#""\ud800\ud800""#,
        r#""\ud800\u0041""#,
        r#""\ud83dx""#,
    ] {
        check(text, Err(Fault::LoneSurrogate));
    }
}

#[test]
fn depth_is_counted_in_brackets() {
    check("[[[[[]]]]]", Err(Fault::TooDeep));
    check(r#"{"a":{"a":{"a":{"a":[]}}}}"#, Err(Fault::TooDeep));
    assert_eq!(whole_value("[]", 0), Err(Fault::TooDeep));
    assert_eq!(whole_value("1", 0), Ok("1"));
    let deepest = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(whole_value(&deepest, usize::MAX).map(str::len), Ok(256));
    assert_eq!(
        whole_value(&format!("[{deepest}]"), usize::MAX),
        Err(Fault::TooDeep)
    );
    assert_eq!(whole_value(&"[".repeat(1_000_000), 64), Err(Fault::TooDeep));
}

#[test]
fn special_bytes_are_found_at_every_offset() {
    for special in ['"', '\\', '\u{1f}', '\u{0}'] {
        for offset in 0..40 {
            let text = format!("{}{special}{}", "a".repeat(offset), "é\"\\\u{1}!".repeat(8));
            assert_eq!(plain_end(text.as_bytes(), 0), offset, "{special:?}");
        }
    }
    // Neighbours of the bytes looked for, and those with the high bit.
    let plain = " !#[]\u{7f}é€😀".repeat(9);
    assert_eq!(plain_end(plain.as_bytes(), 0), plain.len());
}
