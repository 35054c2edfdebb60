//! Documents in YAML and JSON.

use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use crate::document::{MAX_DEPTH, Refused, Step, read};

/// Each value as `line path value`, or the line that was refused.
fn values(text: &str) -> Result<Vec<String>, Refused> {
    let mut values = Vec::new();
    read(text, &mut |leaf| {
        let path: String = leaf.path.iter().fold(String::new(), |path, step| match step {
            Step::Key(key) => format!("{path}/{key}"),
            Step::Item(index) => format!("{path}/{index}"),
        });
        values.push(format!("{} {path} {}", leaf.line, leaf.value));
    })?;
    Ok(values)
}

#[test]
fn maps_lists_and_texts_are_read() {
    let text = "---\n# a comment\na: 1\nb:   # another\n  c: 'its'\n  d: \"xyä\"\n\nlist:\n- one # not this\n- x: 1\n  y: fe80::1\n\
                -\n  z: 3\n-   - deep\n    - deeper\nafter:\n    - p#q\n    -   r: s\n        t:\n          - u\nlast: end";
    let expected = [
        "3 /a 1",
        "5 /b/c its",
        "6 /b/d xyä",
        "9 /list/0 one",
        "10 /list/1/x 1",
        "11 /list/1/y fe80::1",
        "13 /list/2/z 3",
        "14 /list/3/0 deep",
        "15 /list/3/1 deeper",
        "17 /after/0 p#q",
        "18 /after/1/r s",
        "20 /after/1/t/0 u",
        "21 /last end",
    ];
    assert_eq!(values(text).unwrap(), expected);
    assert_eq!(values(&text.replace('\n', "\r\n")).unwrap(), expected, "lines may end in CR LF");
}

#[test]
fn json_is_read_and_so_is_the_flow_style_within_lines() {
    let text = "{\"a\": {\"b\": [1, \"two\", {\"c\" : null}, []], \"d\":{}},\n \"e\": \"x\\\"y\\n\", \"g\": \"\\\\\",\n\"f\": true}\n";
    assert_eq!(values(text).unwrap(), ["1 /a/b/0 1", "1 /a/b/1 two", "1 /a/b/2/c null", "2 /e ", "2 /g ", "3 /f true"]);
    let text = "a: [8.8.8.8, 2001:db8::1,]\nb: {c: d, e: 'f, g'}  # comment\nh:\n  - {i: j}\nk: [l,\n  m]";
    let expected =
        ["1 /a/0 8.8.8.8", "1 /a/1 2001:db8::1", "2 /b/c d", "2 /b/e f, g", "4 /h/0/i j", "5 /k/0 l", "6 /k/1 m"];
    assert_eq!(values(text).unwrap(), expected);
    assert_eq!(values("[1, [2, 3], {a: 4}]").unwrap(), ["1 /0 1", "1 /1/0 2", "1 /1/1 3", "1 /2/a 4"]);
}

#[test]
fn texts_in_blocks_are_skipped() {
    let text = "a: |\n  some: thing\n\n   more\nb: >-\n    x\nc:\n  - |\n    y\n  - z\nd: |\n";
    assert_eq!(values(text).unwrap(), ["1 /a ", "5 /b ", "8 /c/0 ", "10 /c/1 z", "11 /d "]);
}

#[test]
fn a_text_with_escapes_counts_as_empty() {
    assert_eq!(
        values("a: \"b\\n\"\nc: 'd''e'\nf: 'g\\'\nh: \"i''\"").unwrap(),
        ["1 /a ", "2 /c ", "3 /f g\\", "4 /h i''"]
    );
}

#[test]
fn what_is_not_understood_is_refused_by_its_line() {
    for (line, text) in [
        (1, "just a text"),
        (2, "a: b\njust a text"),
        (2, "a: b\n  c: d"),
        (3, "a:\n    b: 1\n  c: 2"),
        (2, "a: 1\n- b"),
        (2, "- a\nb: c"),
        (3, "a:\n  - b\n  c: d"),
        (3, "a:\n  - b\n- c"),
        (2, "a: 1\n---\nb: 2"),
        (1, "a: &anchor b"),
        (1, "a: *alias"),
        (1, "a: !!str b"),
        (1, "? a"),
        (1, "%YAML 1.2"),
        (1, "a: b: c"),
        (1, "a: 'b"),
        (1, "a: \"b\" c"),
        (1, "\ta: b"),
        (2, "a:\n\tb: c"),
        (1, "a: [b"),
        (1, "a: [b}"),
        (2, "{\"a\": 1\n\"b\": 2}"),
        (1, "{a}"),
        (1, "{\"a\": 1} x"),
        (2, "{\"a\": 1}\nb: 2"),
        (1, "[[[[[[[[[[[1]]]]]]]]]]]"),
        (1, "- - - - - - - - - - - a"),
    ] {
        let refused = values(text).err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(refused.line, line, "{text}: {}", refused.reason);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text: String) {
        let _ = values(&text);
    }

    /// Lines of what documents consist of.
    #[test]
    fn anything_like_a_document_is_survived(text in "([ -]{0,4}[ab'\"]{0,2}[:,\\]}]{0,2} ?[\\[{]{0,2}[|>c'\"#\\\\u]{0,3}\n?){0,12}") {
        let mut deepest = 0;
        let _ = read(&text, &mut |leaf| deepest = deepest.max(leaf.path.len()));
        prop_assert!(deepest <= MAX_DEPTH);
    }

    /// What any two levels of maps and lists are in JSON is the same in blocks.
    #[test]
    fn blocks_and_json_say_the_same(all in proptest::collection::vec(("[a-z]{1,6}", proptest::collection::vec("[a-z0-9.:]{0,6}[a-z]", 1..4)), 1..5)) {
        let (mut block, mut json) = (String::new(), String::from("{"));
        for (number, (key, list)) in all.iter().enumerate() {
            block += &format!("{key}{number}:\n");
            json += &format!("{}\"{key}{number}\": [", if number > 0 { "," } else { "" });
            for (place, value) in list.iter().enumerate() {
                block += &format!("  - {value}\n");
                json += &format!("{}\"{value}\"", if place > 0 { ", " } else { "" });
            }
            json.push(']');
        }
        json.push('}');
        let without_line = |text: &str| -> Vec<String> {
            values(text).unwrap().iter().map(|value| value.split_once(' ').unwrap().1.into()).collect()
        };
        prop_assert_eq!(without_line(&block), without_line(&json));
    }
}
