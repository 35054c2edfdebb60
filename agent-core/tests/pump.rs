//! The pump over `embedded-io` channels that are slow, busy or broken.

use std::collections::VecDeque;

use crate::common::{COMMANDS, File, Guest, agent};
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
use nanoqga::commands::info;
use nanoqga::serve::{Channel, HostChange, Line, Pump};
use nanoqga::{Agent, Command, CommandSet, Error, Reply, Request, Step};

/// A channel that takes and gives a few bytes at a time, and only when its host does.
#[derive(Default)]
struct Port {
    from_host: VecDeque<u8>,
    to_host: Vec<u8>,
    host_reads: bool,
    broken: bool,
    /// The most that one read gives.
    read: usize,
    /// The most that one write takes.
    write: usize,
    /// The most that one write was asked to take.
    offered: usize,
    /// A change of host that was not told yet.
    change: Option<HostChange>,
    /// Whether what was written stays in the guest.
    holds: bool,
}

impl Port {
    fn new(sent: &[u8]) -> Self {
        Self { from_host: sent.iter().copied().collect(), host_reads: true, read: 7, write: 5, ..Self::default() }
    }

    fn check(&self) -> Result<(), ErrorKind> {
        if self.broken { Err(ErrorKind::Other) } else { Ok(()) }
    }
}

impl ErrorType for Port {
    type Error = ErrorKind;
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        self.check().map(|()| !self.from_host.is_empty())
    }
}

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!self.from_host.is_empty(), "the pump would wait for the host");
        Ok(buffer
            .iter_mut()
            .take(self.read)
            .zip(std::iter::from_fn(|| self.from_host.pop_front()))
            .map(|(to, byte)| *to = byte)
            .count())
    }
}

impl WriteReady for Port {
    fn write_ready(&mut self) -> Result<bool, ErrorKind> {
        self.check().map(|()| self.host_reads)
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        assert!(self.host_reads, "the pump would wait for the host");
        self.offered = self.offered.max(bytes.len());
        let taken = bytes.len().min(self.write);
        self.to_host.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Channel for Port {
    fn host_change(&mut self) -> Result<Option<HostChange>, ErrorKind> {
        self.check().map(|()| self.change.take())
    }

    fn is_drained(&mut self) -> Result<bool, ErrorKind> {
        self.check().map(|()| !self.holds)
    }
}

const PING: &[u8] = br#"{"execute":"guest-ping"}"#;
const PONG: &[u8] = b"{\"return\": {}}\n";

#[test]
fn everything_arrives_through_short_reads_and_writes() {
    let mut channel = Port::new(&PING.repeat(100));
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    assert_eq!(channel.to_host, PONG.repeat(100));
}

#[test]
fn replies_to_requests_that_came_together_leave_together() {
    let mut channel = Port { read: 1000, ..Port::new(&PING.repeat(10)) };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    assert_eq!(channel.to_host, PONG.repeat(10));
    assert_eq!(channel.offered, PONG.len() * 10);
}

/// A kernel polls its channels in turn. So another host's request is answered in a few turns, however long a reply is.
#[test]
fn a_long_reply_delays_another_channel_by_one_piece_a_turn() {
    const SIZE: usize = 1 << 20;
    const PIECE: usize = 4096;
    let mut guest = Guest::default();
    guest.files.insert("/long".into(), vec![b'x'; SIZE]);
    guest.handles.insert(5, File { path: "/long".into(), position: 0, appends: false });
    let request = format!(r#"{{"execute":"guest-file-read","arguments":{{"handle":5,"count":{SIZE}}}}}"#);
    let mut long = Port { read: 512, write: usize::MAX, ..Port::new(request.as_bytes()) };
    let mut other = Port { read: 512, ..Port::new(b"") };
    let (mut reader, mut answering) = (agent(&COMMANDS), agent(&COMMANDS));
    let (mut read, mut answer) = (Pump::<512, PIECE>::new(), Pump::<512, PIECE>::new());
    let mut turn = |long: &mut Port, other: &mut Port| {
        let before = long.to_host.len();
        let busy = read.poll(&mut reader, &mut guest, long).unwrap();
        assert!(long.to_host.len() - before <= PIECE);
        answer.poll(&mut answering, &mut guest, other).unwrap() || busy
    };
    while long.to_host.is_empty() {
        assert!(turn(&mut long, &mut other));
    }
    for pings in 1..=20 {
        other.from_host.extend(PING);
        // It is read in one turn, and a write takes five bytes.
        for _ in 0..1 + PONG.len().div_ceil(5) {
            assert!(turn(&mut long, &mut other));
        }
        assert_eq!(other.to_host, PONG.repeat(pings));
        assert!(!long.to_host.ends_with(b"\n"), "the reply has ended");
    }
    while turn(&mut long, &mut other) {}
    assert!(long.to_host.len() > SIZE / 3 * 4 && long.to_host.ends_with(b"\n"));
}

#[test]
fn the_pump_is_busy_until_the_last_error_is_told() {
    for message in ["}\n", "]", "nope\n", "{\"execute\":}\n", "\u{1}"] {
        let mut channel = Port::new(message.as_bytes());
        let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
        while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
        assert!(channel.to_host.ends_with(b"\n"), "{message:?}: {}", channel.to_host.escape_ascii());
    }
}

#[test]
fn a_host_that_never_reads_makes_the_pump_wait_and_not_block() {
    let mut channel = Port::new(&PING.repeat(3));
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut poll = |channel: &mut Port| pump.poll(&mut agent, &mut Guest::default(), channel).unwrap();
    channel.host_reads = false;
    // A request is read all the same, up to its end.
    while poll(&mut channel) {}
    assert!(!channel.from_host.is_empty());
    channel.host_reads = true;
    while channel.to_host.is_empty() {
        assert!(poll(&mut channel));
    }
    channel.host_reads = false;
    assert!(!poll(&mut channel));
    channel.host_reads = true;
    while poll(&mut channel) {}
    assert_eq!(channel.to_host, PONG.repeat(3));
}

#[test]
fn a_command_runs_only_when_every_earlier_reply_was_taken() {
    let mut channel = Port::new(&[PING, br#"{"execute":"guest-shutdown"}"#].concat());
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut guest = Guest::default();
    while guest.went.is_empty() {
        assert!(pump.poll(&mut agent, &mut guest, &mut channel).unwrap());
        assert!(guest.went.is_empty() || channel.to_host == PONG);
    }
}

#[test]
fn a_command_that_may_not_return_waits_until_the_channel_is_drained() {
    let mut channel = Port { holds: true, ..Port::new(&[PING, br#"{"execute":"guest-shutdown"}"#].concat()) };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut guest = Guest::default();
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!((channel.to_host.as_slice(), guest.went.len()), (PONG, 0));
    channel.holds = false;
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!(guest.went.len(), 1);
}

/// Counts how often it has run.
fn last(guest: &mut Guest, _: &mut Request<'_>, reply: &mut Reply<'_>) -> Result<Step, Error> {
    guest.asked.push("last".into());
    Ok(reply.whole(&guest.asked.len())?)
}

#[test]
fn a_command_may_not_return_though_it_has_a_reply() {
    const LAST: &[Command<Guest>] = &[Command::new("example-last", last).may_not_return()];
    static COMMANDS: CommandSet<Guest> = CommandSet::new(&[info::commands(), LAST]);
    let mut channel = Port { holds: true, ..Port::new(&[PING, br#"{"execute":"example-last"}"#, PING].concat()) };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut guest = Guest::default();
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!((channel.to_host.as_slice(), guest.asked.len()), (PONG, 0));
    channel.holds = false;
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!(channel.to_host, [PONG, b"{\"return\": 1}\n", PONG].concat());
}

#[test]
fn the_pump_sees_a_change_of_host_by_itself() {
    let mut channel = Port { read: 100, ..Port::new(b"{\"execute\":\"guest-") };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), "");
    channel.change = Some(HostChange { unread: 0 });
    channel.from_host.extend(PING);
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel).as_bytes(), PONG);
}

#[test]
fn a_line_knows_no_host() {
    let mut line = Line(Port { change: Some(HostChange { unread: 0 }), ..Port::new(&PING.repeat(2)) });
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    while pump.poll(&mut agent, &mut Guest::default(), &mut line).unwrap() {}
    assert_eq!(line.0.to_host, PONG.repeat(2));
    assert_eq!((line.host_change(), line.is_drained()), (Ok(None), Ok(true)));
}

#[test]
fn an_error_of_the_channel_is_passed_on_and_the_conversation_goes_on_after_it() {
    let mut channel = Port::new(PING);
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut guest = Guest::default();
    assert!(pump.poll(&mut agent, &mut guest, &mut channel).unwrap());
    channel.broken = true;
    assert_eq!(pump.poll(&mut agent, &mut guest, &mut channel), Err(ErrorKind::Other));
    channel.broken = false;
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!(channel.to_host, PONG);
}

#[test]
fn a_reset_forgets_what_the_pump_holds() {
    let mut channel = Port::new(&PING[..10]);
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    pump.reset(&mut agent);
    channel.from_host.extend(PING);
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    assert_eq!(channel.to_host, PONG);
}

/// Pumps until there is nothing more to do; returns what the host got.
fn pump_all(agent: &mut Agent<'_, Guest>, pump: &mut Pump, channel: &mut Port) -> String {
    while pump.poll(agent, &mut Guest::default(), channel) == Ok(true) {}
    crate::common::readable(&std::mem::take(&mut channel.to_host))
}

/// A host left in the middle of a message, and the next one had sent its own before the guest heard of either.
#[test]
fn regression_bytes_of_two_hosts_do_not_become_one_message() {
    let halves = [&PING[..10], b"{\"execute\":", b"[[[", b"{\"id\":\"\\", b"{"];
    for half in halves {
        for next in [PING.to_vec(), [b"\xFF", PING].concat()] {
            let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
            // The half is read before the guest hears of the change, or after it.
            for heard_first in [false, true] {
                let mut channel = Port::new(half);
                channel.read = half.len();
                if heard_first {
                    pump.host_changed(&mut agent, 8);
                    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), "");
                } else {
                    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), "");
                    pump.host_changed(&mut agent, 8);
                }
                channel.from_host.extend(&next);
                channel.read = 30;
                assert_eq!(pump_all(&mut agent, &mut pump, &mut channel).as_bytes(), PONG);
            }
        }
    }
}

#[test]
fn a_host_that_left_gets_its_request_done_and_nobody_its_reply() {
    let mut channel = Port::new(br#"{"execute":"guest-info"}"#);
    channel.read = 100;
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut guest = Guest::default();
    while channel.to_host.len() < 50 {
        pump.poll(&mut agent, &mut guest, &mut channel).unwrap();
    }
    pump.host_changed(&mut agent, 8);
    channel.to_host.clear();
    channel.from_host.extend(PING);
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel).as_bytes(), PONG);

    channel.from_host.extend(br#"{"execute":"guest-shutdown"}"#);
    pump.poll(&mut agent, &mut guest, &mut channel).unwrap();
    pump.host_changed(&mut agent, 8);
    while pump.poll(&mut agent, &mut guest, &mut channel).unwrap() {}
    assert_eq!(guest.went.len(), 1);
}

#[test]
fn once_all_that_a_host_changed_behind_is_read_a_brace_may_begin_a_read_again() {
    let mut channel = Port::new(b"");
    channel.read = 100;
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    pump.host_changed(&mut agent, 8);
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), "");
    channel.from_host.extend(br#"{"execute":"guest-ping","arguments":"#);
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), "");
    channel.from_host.extend(b"{}}");
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel).as_bytes(), PONG);
}

/// While data never ceased to come, a brace at the beginning of a read once ended every message.
#[test]
fn regression_a_flood_after_a_host_came_is_one_message() {
    let mut channel = Port::new(&br#"{"a":"#.repeat(2000));
    channel.read = 50;
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    pump.host_changed(&mut agent, 8);
    let error = crate::common::error("JSON token size limit exceeded");
    assert_eq!(pump_all(&mut agent, &mut pump, &mut channel), error);
}

#[test]
fn a_channel_that_cannot_be_written_to_is_read_all_the_same() {
    let mut channel = Port { host_reads: false, ..Port::new(b"{\"execute\":") };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    assert!(channel.from_host.is_empty() && agent.has_half_a_request());
}

#[test]
fn a_channel_that_takes_nothing_is_not_tried_again_at_once() {
    let mut channel = Port { write: 0, ..Port::new(PING) };
    let (mut agent, mut pump) = (agent(&COMMANDS), <Pump>::new());
    let mut turns = 0;
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {
        turns += 1;
        assert!(turns < 100, "it would never sleep");
    }
    assert_eq!(channel.offered, PONG.len());
}

#[test]
fn a_pump_is_idle_when_all_that_was_read_is_answered() {
    let mut channel = Port { read: 1000, write: 1, ..Port::new(&[PING, PING, b"{"].concat()) };
    let (mut agent, mut pump) = (agent(&COMMANDS), Pump::<64, 16>::new());
    assert!(pump.is_idle(&agent));
    while channel.to_host.len() < 2 * PONG.len() {
        assert!(pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap());
        let done = channel.to_host.len() == 2 * PONG.len() && channel.from_host.is_empty();
        // The half request may still be in its buffer.
        assert!(!pump.is_idle(&agent) || done, "{} bytes written", channel.to_host.len());
    }
    while pump.poll(&mut agent, &mut Guest::default(), &mut channel).unwrap() {}
    assert!(pump.is_idle(&agent) && agent.has_half_a_request());
}
