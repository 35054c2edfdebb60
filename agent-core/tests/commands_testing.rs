//! The testing family, as transcripts: a guest's own tests, run by its host.

mod common;

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use common::{agent_of, error, hear, readable, returned, returns};
use nanoqga::commands::sync;
use nanoqga::commands::testing::{
    self, Background, Ending, Given, LastWords, Measurement, Misbehave, Misbehaviour, Outcome, Output, Progress,
    Properties, Running, Sink, Test, Testing, Verdict, fail, skip,
};
use nanoqga::{Agent, CommandSet, Failure, check, check_eq, tests};
use proptest::prelude::*;

/// A guest with tests. Its clock goes on by a microsecond each time that it is looked at.
#[derive(Default)]
struct Guest {
    looks: u64,
    is_timeless: bool,
    survives: bool,
    kept: Vec<Option<Running>>,
    console: String,
    last_words: Option<LastWords<'static>>,
    died: Option<Misbehaviour>,
    /// What the test `writes` writes, and how often.
    text: String,
    times: usize,
    /// The run that goes on in the background.
    run: Option<Run>,
}

struct Run {
    output: Vec<u8>,
    measurements: usize,
    progress: Progress,
}

fn passes() {}

fn panics() {
    panic!("it is \u{fc}ber \"everything\"");
}

/// Where `fails` checks.
const LINE_OF_CHECK: u32 = line!() + 4;

fn fails(guest: &mut Guest, output: &mut Output<'_>) -> Verdict {
    writeln!(output, "the clock is {}", guest.looks)?;
    check_eq!(1 + 1, 3);
    Ok(())
}

fn breaks_off(_: &mut Guest, _: &mut Output<'_>) -> Verdict {
    let number: u8 = str::parse("x")?;
    check!(number == 0);
    Ok(())
}

fn is_skipped(_: &mut Guest, _: &mut Output<'_>) -> Verdict {
    skip(format_args!("there is no disk of {} bytes", 512))
}

fn has_cases(_: &mut Guest, output: &mut Output<'_>) -> Verdict {
    write!(output, "case {}, seed {}", output.case(), output.seed())?;
    if output.case() == 2 { fail("the third case fails") } else { Ok(()) }
}

fn measures(guest: &mut Guest, output: &mut Output<'_>) -> Verdict {
    output.measure("nothing", f64::NAN, "s");
    for index in 0..guest.times {
        output.measure("latency", index as f64 + 0.5, "\u{b5}s");
    }
    Ok(())
}

fn writes(guest: &mut Guest, output: &mut Output<'_>) -> Verdict {
    for _ in 0..guest.times {
        output.write_str(&guest.text)?;
    }
    Ok(())
}

mod heap {
    use super::{Guest, Output, Verdict};

    fn frees(_: &mut Guest, _: &mut Output<'_>) -> Verdict {
        Ok(())
    }

    pub(crate) const TESTS: &[super::Test<Guest>] = super::tests![frees.timeout_ms(250).alone()];
}

impl Testing for Guest {
    const SUITES: &'static [&'static [Test<Self>]] = &[
        tests![
            plain passes,
            plain panics.should_panic("everything"),
            fails,
            breaks_off.ignored("it is \"broken\""),
            is_skipped,
            has_cases.cases(3),
        ],
        &[],
        tests!["io": measures, writes],
        heap::TESTS,
    ];

    fn boot_id(&mut self) -> u64 {
        0xB007
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        self.console += &format!("{line}\n");
    }

    fn clock_ns(&mut self) -> Option<u64> {
        self.looks += 1;
        (!self.is_timeless).then_some(self.looks * 1000)
    }

    fn last_words(&mut self) -> Option<LastWords<'_>> {
        self.last_words
    }

    fn keep(&mut self, running: Option<Running>) {
        self.kept.push(running);
    }

    fn run(&mut self, index: usize, output: &mut Output<'_>) -> Ending {
        if self.survives && Self::test(index).is_some_and(|test| test.properties().name == "panics") {
            return Ending::panicked("it is \u{fc}ber \"everything\"", Some(("src/heap.rs", 7)));
        }
        self.call(index, output)
    }
}

impl Misbehave for Guest {
    fn misbehave(&mut self, how: Misbehaviour) -> Result<(), Failure> {
        if how == Misbehaviour::Overflow {
            return Err(Failure("this guest has no stack to overflow"));
        }
        self.died = Some(how);
        Ok(())
    }
}

impl Background for Guest {
    fn start(&mut self, index: usize, given: Given, mark: Option<&str>) -> Result<u64, Failure> {
        if self.run.is_some() {
            return Err(Failure("there is no thread for it"));
        }
        let output = format!("test {index}, case {}, mark {}", given.case, mark.unwrap_or("-")).into_bytes();
        self.run = Some(Run { output, measurements: 0, progress: Progress::Running });
        Ok(7)
    }

    fn progress(&mut self, run: u64) -> Option<Progress> {
        self.run.as_ref().filter(|_| run == 7).map(|run| run.progress)
    }

    fn output(&mut self, _: u64, from: u64, into: &mut [u8]) -> usize {
        let rest = self.run.as_ref().expect("it was started").output.get(from as usize..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        count
    }

    fn measurements(&mut self, _: u64, to: &mut dyn Sink) {
        let measurements = self.run.as_ref().expect("it was started").measurements;
        (0..measurements).for_each(|index| to.measure(Measurement { name: "steps", value: index as f64, unit: "" }));
    }
}

static COMMANDS: CommandSet<Guest> = CommandSet::new(&[
    sync::commands(),
    testing::commands(),
    testing::background_commands(),
    testing::misbehave_commands(),
]);

fn answer(agent: &mut Agent<'_, Guest>, guest: &mut Guest, room: usize) -> String {
    let (mut room, mut reply) = (vec![0; room], Vec::new());
    loop {
        match agent.transmit(guest, &mut room) {
            0 => return readable(&reply),
            filled => reply.extend_from_slice(&room[..filled]),
        }
    }
}

fn call(guest: &mut Guest, command: &str, arguments: &str) -> String {
    let mut agent = agent_of::<4096, 256, _>(&COMMANDS);
    hear(&mut agent, format!(r#"{{"execute":"nanoqga-test-{command}","arguments":{{{arguments}}}}}"#).as_bytes());
    answer(&mut agent, guest, 64)
}

fn run(guest: &mut Guest, name: &str) -> serde_json::Value {
    returned(&call(guest, "run", &format!(r#""name":"{name}""#)))
}

const LIST: &str = r#"[{"index":0,"name":"passes"},{"index":1,"name":"panics","should-panic":"everything"},{"index":2,"name":"fails"},{"index":3,"name":"breaks_off","ignored":"it is \"broken\""},{"index":4,"name":"is_skipped"},{"index":5,"name":"has_cases","cases":3},{"index":6,"name":"io::measures"},{"index":7,"name":"io::writes"},{"index":8,"name":"heap::frees","timeout-ms":250,"alone":true}]"#;

/// FNV-1a over that list, computed by another program.
const DIGEST: &str = "185ebfa68631e8b7";

#[test]
fn a_guest_says_what_tests_it_has() {
    let guest = &mut Guest::default();
    let info = |more: &str| {
        returns(&format!(r#"{{"protocol":1,"tests":9,"digest":"{DIGEST}","boot":"000000000000b007"{more}}}"#))
    };
    assert_eq!(call(guest, "info", ""), info(""));
    guest.last_words = Some(LastWords { message: Some("out of \"memory\""), line: Some(3), ..LastWords::default() });
    assert_eq!(call(guest, "info", ""), info(r#","last-words":{"line":3,"message":"out of \"memory\""}"#));
    guest.last_words = Some(LastWords { test: Some("heap::frees"), file: Some("src/heap.rs"), ..LastWords::default() });
    assert_eq!(call(guest, "info", ""), info(r#","last-words":{"test":"heap::frees","file":"src/heap.rs"}"#));
    guest.last_words = Some(LastWords::default());
    assert_eq!(call(guest, "info", ""), info(r#","last-words":{}"#));
    assert_eq!(call(guest, "info", r#""x":1"#), error("Parameter 'x' is unexpected"));
}

/// A guest that has nothing but tests: one of a list of suites.
struct Other<const SUITE: usize>;

const SUITES: [&[Test<Guest>]; 9] = [
    &[],
    tests!["a": plain passes],
    tests!["a": plain passes.should_panic("")],
    tests!["a": plain passes.ignored("")],
    tests!["a": plain passes.timeout_ms(1)],
    tests!["a": plain passes.cases(1)],
    tests!["a": plain passes.alone()],
    tests!["a": plain passes, plain panics],
    tests!["b": plain passes],
];

impl<const SUITE: usize> Testing for Other<SUITE> {
    const SUITES: &'static [&'static [Test<Self>]] = &[];

    fn boot_id(&mut self) -> u64 {
        0
    }

    fn print_line(&mut self, _: fmt::Arguments<'_>) {}

    fn properties(&self, index: usize) -> Option<Properties<'_>> {
        SUITES[SUITE].get(index).map(|test| *test.properties())
    }
}

fn digest_of<const SUITE: usize>() -> String {
    let commands = CommandSet::new(const { &[testing::commands::<Other<SUITE>>()] });
    let mut agent = agent_of::<2048, 256, _>(&commands);
    hear(&mut agent, br#"{"execute":"nanoqga-test-info"}"#);
    let mut room = [0; 256];
    let length = agent.transmit(&mut Other, &mut room);
    returned(&readable(&room[..length]))["digest"].as_str().expect("it is a string").to_owned()
}

#[test]
fn each_property_of_a_test_is_in_the_digest() {
    let digests = [
        digest_of::<0>(),
        digest_of::<1>(),
        digest_of::<2>(),
        digest_of::<3>(),
        digest_of::<4>(),
        digest_of::<5>(),
        digest_of::<6>(),
        digest_of::<7>(),
        digest_of::<8>(),
    ];
    assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len(), "{digests:?}");
}

#[test]
fn last_words_longer_than_a_piece_of_a_reply_are_cut() {
    let words = Box::leak("word \u{e9} ".repeat(100).into_boxed_str());
    let guest =
        &mut Guest { last_words: Some(LastWords { message: Some(words), ..LastWords::default() }), ..Guest::default() };
    let told = returned(&call(guest, "info", ""));
    let message = told["last-words"]["message"].as_str().unwrap();
    assert!(message.len() > 100 && words.starts_with(message), "{told}");
}

#[test]
fn tests_are_listed_from_any_one_on() {
    let guest = &mut Guest::default();
    assert_eq!(call(guest, "list", ""), returns(LIST));
    let one = r#"[{"index":8,"name":"heap::frees","timeout-ms":250,"alone":true}]"#;
    assert_eq!(call(guest, "list", r#""from":8"#), returns(one));
    assert_eq!(call(guest, "list", r#""from":0,"limit":1"#), returns(r#"[{"index":0,"name":"passes"}]"#));
    for nothing in [r#""from":9"#, r#""limit":0"#, r#""from":18446744073709551615"#] {
        assert_eq!(call(guest, "list", nothing), returns("[]"));
    }
    assert_eq!(call(guest, "list", r#""from":-1"#), error("Parameter 'from' expects uint64"));
}

#[test]
fn a_test_passes_fails_or_is_skipped_with_its_place() {
    let guest = &mut Guest::default();
    let here = "agent-core/tests/commands_testing.rs";
    assert_eq!(
        call(guest, "run", r#""name":"passes""#),
        returns(r#"{"output":"","measurements":[],"output-truncated":false,"outcome":"passed","elapsed-ns":1000}"#)
    );
    let failed = run(guest, "fails");
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["output"], "the clock is 3\n");
    assert_eq!(failed["message"], "1 + 1 is 2 and not 3");
    assert_eq!((&failed["file"], &failed["line"]), (&here.into(), &LINE_OF_CHECK.into()));
    let broken = run(guest, "breaks_off");
    assert_eq!((&broken["outcome"], &broken["message"]), (&"failed".into(), &"invalid digit found in string".into()));
    assert_eq!((&broken["file"], &broken["line"]), (&here.into(), &(LINE_OF_CHECK + 5).into()));
    let skipped = run(guest, "is_skipped");
    assert_eq!(
        (&skipped["outcome"], &skipped["message"]),
        (&"skipped".into(), &"there is no disk of 512 bytes".into())
    );
    guest.is_timeless = true;
    assert_eq!(run(guest, "heap::frees")["elapsed-ns"], serde_json::Value::Null);
}

#[test]
fn a_case_is_run_with_its_number_and_the_hosts_seed() {
    let guest = &mut Guest::default();
    let run = |guest: &mut Guest, more: &str| call(guest, "run", &format!(r#""name":"has_cases"{more}"#));
    let first = returned(&run(guest, r#","case":0,"seed":18446744073709551615"#));
    assert_eq!((&first["outcome"], &first["output"]), (&"passed".into(), &"case 0, seed 18446744073709551615".into()));
    let last = returned(&run(guest, r#","case":2"#));
    assert_eq!((&last["outcome"], &last["output"]), (&"failed".into(), &"case 2, seed 0".into()));
    let text = error("test has_cases has 3 cases");
    assert_eq!((run(guest, ""), run(guest, r#","case":3"#)), (text.clone(), text));
    assert_eq!(call(guest, "run", r#""name":"passes","case":0"#), error("test passes has no cases"));
}

#[test]
fn what_cannot_be_run_is_an_error_and_nothing_runs() {
    let guest = &mut Guest::default();
    for (arguments, text) in [
        ("", "Parameter 'name' is missing".to_owned()),
        (r#""name":"passed""#, "there is no test called passed".to_owned()),
        (
            r#""name":"passes","digest":"0000000000000000""#,
            "the tests are not those of digest 0000000000000000".to_owned(),
        ),
        (r#""name":"passes","x":1"#, "Parameter 'x' is unexpected".to_owned()),
        (
            &format!(r#""name":"passes","mark":"{}""#, "m".repeat(65)),
            "Parameter 'mark' is longer than 64 bytes".to_owned(),
        ),
    ] {
        assert_eq!(call(guest, "run", arguments), error(&text));
    }
    let mut agent = agent_of::<4096, 256, _>(&COMMANDS);
    let id = "i".repeat(95);
    hear(
        &mut agent,
        format!(r#"{{"execute":"nanoqga-test-run","arguments":{{"name":"passes"}},"id":"{id}"}}"#).as_bytes(),
    );
    let reply = answer(&mut agent, guest, 64);
    assert!(reply.contains(r#""desc": "the id of a request for a test has at most 96 bytes"}, "id": "iii"#), "{reply}");
    assert!(guest.kept.is_empty());
    let digest = format!(r#""name":"passes","digest":"{DIGEST}""#);
    assert_eq!(returned(&call(guest, "run", &digest))["outcome"], "passed");
}

#[test]
fn marks_stand_around_what_a_test_prints() {
    let guest = &mut Guest::default();
    let reply = call(guest, "run", r#""name":"fails","mark":"m-\u00e91""#);
    assert_eq!(returned(&reply)["outcome"], "failed");
    assert_eq!(guest.console, "nanoqga-test-begin m-\u{e9}1\nnanoqga-test-end m-\u{e9}1\n");
    let kept: Vec<_> = guest.kept.iter().map(|running| running.map(|running| running.test().to_owned())).collect();
    assert_eq!(kept, [Some("fails".to_owned()), None]);
    assert_eq!(guest.kept[0].unwrap().mark(), Some("m-\u{e9}1"));
}

#[test]
fn a_guest_that_survives_a_panic_tells_of_it() {
    let guest = &mut Guest { survives: true, ..Guest::default() };
    assert_eq!(
        call(guest, "run", r#""name":"panics""#),
        returns(
            r#"{"output":"","measurements":[],"output-truncated":false,"outcome":"panicked","elapsed-ns":1000,"file":"src/heap.rs","line":7,"message":"it is \u00FCber \"everything\""}"#
        )
    );
}

/// What a panic handler sends that has `running`.
fn finished(running: Running, ending: &Ending, now_ns: Option<u64>) -> String {
    let mut sent = Vec::new();
    running.finish(ending, now_ns, &mut |bytes| sent.extend_from_slice(bytes));
    readable(&sent)
}

#[test]
fn a_panic_handler_finishes_the_reply_with_the_requests_id() {
    for (id, told) in [
        (r#", "id": {"a": ["\u00e9", "\ud83d\ude00\"", 1]}"#, r#", "id": {"a":["\u00E9","\uD83D\uDE00\"",1]}"#),
        (r#", "id": 0"#, r#", "id": 0"#),
        ("", ""),
    ] {
        let mut agent = agent_of::<4096, 256, _>(&COMMANDS);
        let guest = &mut Guest::default();
        hear(&mut agent, format!(r#"{{"execute":"nanoqga-test-run","arguments":{{"name":"passes"}}{id}}}"#).as_bytes());
        assert!(agent.may_not_return());
        let whole = answer(&mut agent, guest, 64);
        assert!(whole.ends_with(&format!("{told}}}\n")), "{whole}");
        let ending = Ending::panicked("out of \"memory\"", Some(("src/heap.rs", 70)));
        let expected = format!(
            r#"{{"return": {{"output":"","measurements":[],"output-truncated":true,"outcome":"panicked","elapsed-ns":4000,"file":"src/heap.rs","line":70,"message":"out of \"memory\""}}{told}}}"#
        );
        assert_eq!(finished(guest.kept[0].unwrap(), &ending, Some(5000)), expected + "\n");
    }
}

#[test]
fn a_real_panic_finishes_the_reply_from_its_message_and_place() {
    let mut agent = agent_of::<4096, 256, _>(&COMMANDS);
    let guest = &mut Guest::default();
    hear(&mut agent, br#"{"execute":"nanoqga-test-run","arguments":{"name":"panics"}}"#);
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(&mut agent, guest, 64)));
    let payload = died.unwrap_err();
    let message = payload.downcast_ref::<&str>().unwrap();
    let reply = finished(guest.kept[0].unwrap(), &Ending::panicked(message, None), None);
    let expected = r#"{"output":"","measurements":[],"output-truncated":true,"outcome":"panicked","message":"it is \u00FCber \"everything\""}"#;
    assert_eq!(reply, returns(expected));
}

#[test]
fn only_commands_that_may_not_return_wait_for_earlier_replies() {
    for (command, may_not_return) in [
        ("test-info", false),
        ("test-list", false),
        ("test-run", true),
        ("test-misbehave", true),
        ("test-start", false),
    ] {
        let mut agent = agent_of::<4096, 256, Guest>(&COMMANDS);
        hear(&mut agent, format!(r#"{{"execute":"nanoqga-{command}"}}"#).as_bytes());
        assert_eq!(agent.may_not_return(), may_not_return, "{command}");
    }
}

#[test]
fn a_guest_dies_in_the_ways_that_it_has() {
    let guest = &mut Guest::default();
    for (how, died) in [
        ("panic", Misbehaviour::Panic),
        ("hang", Misbehaviour::Hang),
        ("fault", Misbehaviour::Fault),
        ("reset", Misbehaviour::Reset),
    ] {
        assert_eq!(call(guest, "misbehave", &format!(r#""how":"{how}""#)), returns("{}"));
        assert_eq!(guest.died, Some(died));
    }
    assert_eq!(call(guest, "misbehave", r#""how":"overflow""#), error("this guest has no stack to overflow"));
    assert_eq!(call(guest, "misbehave", r#""how":"sleep""#), error("Parameter 'how' does not accept value 'sleep'"));
    assert_eq!(call(guest, "misbehave", ""), error("Parameter 'how' is missing"));
}

#[test]
fn a_test_in_a_thread_is_followed_to_its_end() {
    let guest = &mut Guest::default();
    assert_eq!(call(guest, "start", r#""name":"nothing""#), error("there is no test called nothing"));
    assert_eq!(call(guest, "start", r#""name":"has_cases","case":1,"mark":"m""#), returns(r#"{"run":7}"#));
    assert_eq!(call(guest, "start", r#""name":"passes""#), error("there is no thread for it"));
    let text = "test 5, case 1, mark m";
    assert_eq!(
        call(guest, "status", r#""run":7"#),
        returns(&format!(r#"{{"output":"{text}","next":22,"running":true}}"#))
    );
    assert_eq!(call(guest, "status", r#""run":7,"from":22"#), returns(r#"{"output":"","next":22,"running":true}"#));
    let more = "\u{e9}".repeat(4000);
    let thread = guest.run.as_mut().unwrap();
    thread.output.extend_from_slice(more.as_bytes());
    thread.output.extend_from_slice(b"\xFFend\xC3");
    thread.measurements = 1000;
    let ending = Ending::new(Outcome::Failed, &"it is late", Some(("src/thread.rs", 1)));
    thread.progress = Progress::Ended { ending, elapsed_ns: Some(9), is_truncated: false };
    let (mut from, mut output, mut replies) = (22, String::new(), 0);
    loop {
        let reply = returned(&call(guest, "status", &format!(r#""run":7,"from":{from}"#)));
        let part = reply["output"].as_str().unwrap();
        assert_eq!(
            (&reply["running"], &reply["outcome"], &reply["message"]),
            (&false.into(), &"failed".into(), &"it is late".into())
        );
        assert!(reply["measurements"].as_array().unwrap().len() > 5);
        assert_eq!(reply["output-truncated"], true);
        if part.is_empty() {
            break;
        }
        (from, replies) = (reply["next"].as_u64().unwrap(), replies + 1);
        output += part;
    }
    assert_eq!(output, more + "\u{FFFD}end\u{FFFD}");
    assert!(replies > 3, "{replies}");
    assert_eq!(call(guest, "status", r#""run":8"#), error("there is no run 8"));
    assert_eq!(call(guest, "status", r#""run":18446744073709551615"#), error("there is no run 9223372036854775807"));
}

#[test]
fn a_receive_buffer_that_is_too_small_for_a_reply_is_an_error_before_the_test() {
    let guest = &mut Guest::default();
    let mut agent = agent_of::<1024, 128, _>(&COMMANDS);
    hear(&mut agent, br#"{"execute":"nanoqga-test-run","arguments":{"name":"passes"}}"#);
    let text = "a test needs 1024 bytes more of the agent's memory for requests";
    assert_eq!(answer(&mut agent, guest, 64), error(text));
    assert!(guest.kept.is_empty());
}

#[test]
fn some_three_kibibytes_of_output_fit_a_buffer_of_four() {
    let guest = &mut Guest { text: "0123456789abcde\n".into(), times: 1000, ..Guest::default() };
    let reply = run(guest, "io::writes");
    let output = reply["output"].as_str().unwrap();
    assert!((2750..3100).contains(&output.len()), "{}", output.len());
    assert_eq!((&reply["outcome"], &reply["output-truncated"]), (&"passed".into(), &true.into()));
}

#[test]
fn a_message_that_is_too_long_is_cut_and_says_so() {
    let verdict = fail("\u{e9}".repeat(100));
    assert_eq!(verdict.unwrap_err().to_string(), "\u{e9}".repeat(52) + "...");
    let mut sent = Vec::new();
    let guest = &mut Guest::default();
    run(guest, "passes");
    let ending = Ending::panicked("\u{1F600}".repeat(100), Some((&"long/".repeat(100), 1)));
    guest.kept[0].unwrap().finish(&ending, None, &mut |bytes| sent.extend_from_slice(bytes));
    let reply = returned(&readable(&sent));
    assert!(reply["message"].as_str().unwrap().len() > 100, "{reply}");
    assert_eq!(reply["file"], "long/".repeat(100)[404..]);
}

proptest! {
    /// What fits is the beginning of what was written, and a reply is valid whatever is written.
    #[test]
    fn output_is_cut_at_a_character_and_only_at_its_end(
        text in "\\PC{1,40}|[\u{0}-\u{ff}]{1,9}", times in 0usize..400, room in 1usize..200
    ) {
        let mut agent = agent_of::<2048, 128, _>(&COMMANDS);
        let guest = &mut Guest { text: text.clone(), times, ..Guest::default() };
        hear(&mut agent, br#"{"execute":"nanoqga-test-run","arguments":{"name":"io::writes"},"id":["x"]}"#);
        let reply: serde_json::Value = serde_json::from_str(&answer(&mut agent, guest, room)).expect("it is JSON");
        let (reply, whole) = (&reply["return"], text.repeat(times));
        let output = reply["output"].as_str().expect("it is there");
        prop_assert!(whole.starts_with(output));
        prop_assert_eq!(&reply["output-truncated"], output.len() < whole.len());
        prop_assert_eq!(&reply["outcome"], "passed");
    }

    #[test]
    fn measurements_come_in_order_as_many_as_fit(times in 0usize..60) {
        let reply = run(&mut Guest { times, ..Guest::default() }, "io::measures");
        let measured = reply["measurements"].as_array().expect("it is a list");
        prop_assert!(measured.len() == times || measured.len() < times && measured.len() >= 8);
        for (index, measurement) in measured.iter().enumerate() {
            prop_assert_eq!(measurement, &serde_json::json!({"name": "latency", "value": index as f64 + 0.5, "unit": "\u{b5}s"}));
        }
        // The one that is no number is always left out.
        prop_assert_eq!(&reply["output-truncated"], true);
    }

    #[test]
    fn a_list_is_whole_however_it_is_asked_for(from in 0u64..12, limit in 0u64..12, room in 1usize..100) {
        let all: Vec<serde_json::Value> = serde_json::from_str(LIST).expect("it is JSON");
        let mut agent = agent_of::<512, 128, _>(&COMMANDS);
        let request = format!(r#"{{"execute":"nanoqga-test-list","arguments":{{"from":{from},"limit":{limit}}}}}"#);
        hear(&mut agent, request.as_bytes());
        let listed = returned(&answer(&mut agent, &mut Guest::default(), room));
        let expected: Vec<_> = all.into_iter().skip(from as usize).take(limit as usize).collect();
        prop_assert_eq!(listed, serde_json::Value::from(expected));
    }
}
