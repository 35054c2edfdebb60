use proptest::collection::vec;
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::printer::PATIENCE;
use super::*;

const NUMBER: Template<1> = Template::new("line {}");

fn ring_of(lines: u64) -> Ring {
    let mut ring = Ring::new();
    (0..lines).for_each(|number| ring.push(NUMBER.text(), &[number.into()]));
    ring
}

/// The text of a record.
fn text(ring: &Ring, number: u64) -> Option<String> {
    let mut line = Line::new();
    ring.add_to(&mut line, number).then(|| line.text().to_string())
}

/// What a line of a template with a value looks like.
fn shown(template: &'static str, values: &[Value]) -> String {
    let mut ring = Ring::new();
    ring.push(template, values);
    text(&ring, 0).unwrap()
}

/// What a port gets that takes everything.
fn printed(printer: &mut Printer, ring: &Ring) -> String {
    let mut all = Vec::new();
    printer.print(ring, |bytes| {
        all.extend_from_slice(bytes);
        bytes.len()
    });
    String::from_utf8(all).unwrap()
}

#[test]
fn values_fill_the_holes_of_a_template() {
    let at = DeviceFunction { bus: 0xa0, device: 3, function: 7 };
    let values = ["disk".into(), at.into(), Value::copied("/dev/vda")];
    assert_eq!(shown("virtio {} at {}: {}", &values), "virtio disk at a0:03.7: /dev/vda");
    assert_eq!(shown("{}{}", &[u64::MAX.into(), i64::MIN.into()]), "18446744073709551615-9223372036854775808");
    assert_eq!(shown("{} {} {}", &[0u8.into(), 10u16.into(), (-9i32).into()]), "0 10 -9");
    assert_eq!(shown("{}, {}", &[Value::Hex(0), Value::Hex(u64::MAX)]), "0x0, 0xffffffffffffffff");
    assert_eq!(shown("ready", &[]), "ready");
}

#[test]
fn a_copied_text_is_cut_with_a_mark_and_cannot_steer_a_terminal() {
    let longest = "x".repeat(COPIED);
    assert_eq!(shown("{}", &[Value::copied(&longest)]), longest);
    assert_eq!(shown("{}", &[Value::copied(&"x".repeat(COPIED + 1))]), format!("{longest}..."));
    assert_eq!(shown("{}", &[Value::copied(&"x".repeat(1000))]), format!("{longest}..."));
    assert_eq!(shown("{}", &[Value::copied("\x1b[2J \u{e4}")]), "?[2J ??");
}

#[test]
fn a_line_that_is_too_long_is_cut_and_ends_all_the_same() {
    const WIDE: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";
    let mut ring = Ring::new();
    ring.push("{}{}{}", &[WIDE.into(); 3]);
    ring.push("next", &[]);
    assert_eq!(text(&ring, 0).unwrap(), WIDE.repeat(3)[..LINE]);
    assert_eq!(printed(&mut Printer::new(), &ring), format!("{}\r\nnext\r\n", &WIDE.repeat(3)[..LINE - 2]));
}

#[test]
fn a_text_that_is_cut_in_the_middle_of_a_character_is_valid_all_the_same() {
    const WIDE: &str = "-\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\
        \u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}";
    let shown = shown("{}{}{}", &[WIDE.into(); 3]);
    assert_eq!((shown.len(), &WIDE.repeat(3)[..LINE - 1]), (LINE - 1, &*shown));
}

#[test]
#[should_panic(expected = "as many values as it has holes")]
fn a_template_has_as_many_holes_as_values() {
    Template::<1>::new("ready");
}

#[test]
#[should_panic(expected = "a brace of a log line is no hole")]
fn a_template_has_no_other_braces() {
    Template::<1>::new("{x}");
}

#[test]
fn a_port_that_stalls_is_asked_once_each_time_until_it_takes_something() {
    let (mut printer, ring) = (Printer::new(), ring_of(2));
    let asked = |printer: &mut Printer| {
        let mut asked = 0;
        printer.print(&ring, |_| {
            asked += 1;
            0
        });
        asked
    };
    assert_eq!(asked(&mut printer), PATIENCE);
    assert_eq!((asked(&mut printer), asked(&mut printer)), (1, 1));
    // What it did not take is not lost.
    assert_eq!(printed(&mut printer, &ring), "line 0\r\nline 1\r\n");
    assert_eq!(printed(&mut printer, &ring), "");
}

#[test]
fn what_was_overwritten_before_it_was_printed_is_counted() {
    let (mut printer, mut ring) = (Printer::new(), ring_of(40));
    let said = printed(&mut printer, &ring);
    assert!(said.starts_with("9 line(s) were lost\r\nline 9\r\n") && said.ends_with("\r\nline 39\r\n"), "{said}");
    ring.push("ready", &[]);
    assert_eq!(printed(&mut printer, &ring), "ready\r\n");
}

#[test]
fn an_inserted_text_comes_before_the_next_record() {
    let (mut printer, ring) = (Printer::new(), ring_of(1));
    printer.insert("panicked\r\n");
    assert_eq!(printed(&mut printer, &ring), "panicked\r\nline 0\r\n");
}

proptest! {
    #[test]
    fn the_ring_has_the_newest_records(lines in 0..200u64) {
        let ring = ring_of(lines);
        let first = lines.saturating_sub(RECORDS as u64 - 1);
        prop_assert_eq!(ring.first(), first);
        for number in 0..lines + 40 {
            let expected = (first..lines).contains(&number).then(|| format!("line {number}"));
            prop_assert_eq!(text(&ring, number), expected);
        }
    }

    #[test]
    fn numbers_look_as_core_has_them(number: u64, signed: i64) {
        let values = [number.into(), Value::Hex(number), signed.into()];
        prop_assert_eq!(shown("{} {} {}", &values), format!("{number} {number:#x} {signed}"));
    }

    /// Whatever a port takes at a time, each line is printed once, in order, or counted as lost.
    #[test]
    fn each_line_is_printed_or_counted(steps in vec((0..50u64, vec(0..9usize, 0..20)), 0..20)) {
        let (mut printer, mut ring, mut logged, mut said) = (Printer::new(), Ring::new(), 0u64, Vec::new());
        for (lines, takes) in steps {
            for _ in 0..lines {
                ring.push(NUMBER.text(), &[logged.into()]);
                logged += 1;
            }
            let mut takes = takes.into_iter();
            printer.print(&ring, |bytes| {
                let taken = takes.next().unwrap_or(0).min(bytes.len());
                said.extend_from_slice(&bytes[..taken]);
                taken
            });
        }
        said.extend(printed(&mut printer, &ring).into_bytes());
        let mut next = 0;
        for line in String::from_utf8(said).unwrap().split_terminator("\r\n") {
            next += match line.strip_suffix(" line(s) were lost") {
                Some(lost) => lost.parse::<u64>().unwrap(),
                None => {
                    prop_assert_eq!(line, format!("line {next}"));
                    1
                }
            };
        }
        prop_assert_eq!(next, logged);
    }
}
