//! Strings of a request, as they come back in its `id`.

use crate::common::{ask, error};

/// What comes back of a string that is sent with these quotes.
fn echoed(quote: char, text: &str) -> String {
    ask(format!(r#"{{"execute":"guest-ping","id":{quote}{text}{quote}}}"#).as_bytes())
}

#[test]
fn every_escape_means_what_json_says() {
    for (sent, back) in [
        (r"\b\f\n\r\t", r"\b\f\n\r\t"),
        (r#"\/\\\"\'"#, r#"/\\\"'"#),
        (r"\u0000\u001F\u0020\u007e\u007F", r"\u0000\u001F ~\u007F"),
        (r"\u00e9\u07FF\u0800\uFFFF", r"\u00E9\u07FF\u0800\uFFFF"),
        (r"\uD800\uDC00\udbff\udfff", r"\uD800\uDC00\uDBFF\uDFFF"),
        (r"\u9abc\uABCD", r"\u9ABC\uABCD"),
    ] {
        assert_eq!(echoed('"', sent), format!("{{\"return\": {{}}, \"id\": \"{back}\"}}\n"), "{sent}");
    }
}

/// Short ones are copied in another way than long ones.
#[test]
fn strings_of_every_length_come_back() {
    let letters: String = ('0'..='z').filter(|letter| *letter != '\\').collect();
    for length in 0..=letters.len() {
        let text = &letters[..length];
        assert_eq!(echoed('"', text), format!("{{\"return\": {{}}, \"id\": \"{text}\"}}\n"));
    }
}

#[test]
fn the_other_kind_of_quote_is_plain_inside_of_a_string() {
    assert_eq!(echoed('\'', "a\"b"), "{\"return\": {}, \"id\": \"a\\\"b\"}\n");
    assert_eq!(echoed('"', "a'b"), "{\"return\": {}, \"id\": \"a'b\"}\n");
    assert_eq!(echoed('\'', r"a\'b"), "{\"return\": {}, \"id\": \"a'b\"}\n");
}

/// The first and last character of each length and row of the Unicode standard's table of well-formed UTF-8.
#[test]
fn characters_of_any_length_are_taken_as_they_are() {
    for character in [
        '\u{80}',
        '\u{7FF}',
        '\u{800}',
        '\u{FFF}',
        '\u{1000}',
        '\u{CFFF}',
        '\u{D000}',
        '\u{D7FF}',
        '\u{E000}',
        '\u{FFFF}',
        '\u{10000}',
        '\u{3FFFF}',
        '\u{40000}',
        '\u{FFFFF}',
        '\u{100000}',
        '\u{10FFFF}',
    ] {
        let units = &mut [0; 2];
        let escaped: String = character.encode_utf16(units).iter().map(|unit| format!("\\u{unit:04X}")).collect();
        let back = format!("{{\"return\": {{}}, \"id\": \"{escaped}\"}}\n");
        assert_eq!(echoed('"', &character.to_string()), back);
        assert_eq!(echoed('"', &escaped), back);
    }
}

#[test]
fn half_a_surrogate_pair_is_refused_whatever_follows() {
    for follows in ["", "x", r"\n", r"\x", r"\xDC00", r"\uD800", r"\u0041"] {
        let reply = echoed('"', &format!(r"\uD800{follows}"));
        assert!(reply.contains("1:30: JSON parse error, ") && reply.contains("is not a valid Unicode"), "{reply}");
    }
    let lone = echoed('"', r"\uDC00");
    assert!(lone.contains("is not a valid Unicode character"), "{lone}");
}

/// What stands between the message that is wrong and the next one must not swallow the next one.
#[test]
fn quotes_and_brackets_outside_of_a_message_mean_nothing() {
    for between in ["\"", "'", "[", "x \" [ [ '"] {
        let sent = format!("#{between} {{\"execute\":\"guest-ping\"}}");
        assert_eq!(ask(sent.as_bytes()), error("1:1: JSON parse error, stray '#'") + "{\"return\": {}}\n", "{between}");
    }
}

/// Names are compared by hashes of 16 bits first. Among so many, some of one object have the same.
#[test]
fn different_names_are_no_duplicates() {
    for object in 0..300 {
        let members: Vec<_> = (0..60).map(|name| format!("\"{object}n{name}\":0")).collect();
        let reply = ask(format!("{{\"execute\":\"guest-ping\",\"id\":{{{}}}}}", members.join(",")).as_bytes());
        assert!(reply.starts_with("{\"return\": {}"), "{reply}");
    }
}
