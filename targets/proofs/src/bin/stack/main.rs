//! Prints the most stack that the engine takes, in bytes.
//!
//! The program calls every command with good and with spoilt arguments, on guests that answer everything, nothing and failures.
//! Each call of `receive` and `transmit` runs on a stack that was painted before.
//!
//! It measures the engine as an embedder ships it, in the release profile with link-time optimisation: the state machine, the
//! handlers, and the serializers of the replies. A guest's own functions (these do next to nothing) and interrupts on the same
//! stack need more. The agent, its buffers and the guest do not lie on the stack.

#[path = "../../../../../tests/src/conformance.rs"]
#[allow(dead_code, reason = "nothing is compared here")]
mod conformance;
mod painted;
mod requests;

use std::hint::black_box;

use nanoqga::commands::disk::BusType;
use nanoqga::commands::exec::{Exit, Status};
use nanoqga::commands::memory::MemoryBlockError;
use nanoqga::{Agent, Buffers, CommandSet, Failure};
use painted::Stack;
use proofs::{Guest, Script, Shape, Source};

/// A guest that always answers the same.
struct Always(&'static Script);

impl Source for Always {
    fn script(&self) -> &'static Script {
        // Or the engine would be compiled for these answers.
        black_box(self.0)
    }
}

fn main() {
    let requests = requests::all();
    let mut stack = Stack::new();
    for script in scripts() {
        let mut guest = Guest(Always(script));
        for request in &requests {
            talk(&mut stack, &mut guest, request, usize::MAX, 4096);
        }
        // Byte by byte in both directions.
        for request in requests.iter().step_by(101) {
            talk(&mut stack, &mut guest, request, 1, 1);
        }
    }
    let mut guest = Guest(Always(scripts()[0]));
    assert_all_are_asked_for(&talk(&mut stack, &mut guest, br#"{"execute":"guest-info"}"#, usize::MAX, 4096));
    println!("{}", stack.used());
}

/// Sends `request` to a fresh agent in pieces of `piece` bytes, with room for `room` bytes of reply; returns what came back.
fn talk(stack: &mut Stack, guest: &mut Guest<Always>, request: &[u8], piece: usize, room: usize) -> Vec<u8> {
    // Each has its own command set, so that a freeze ends with the request.
    let commands = CommandSet::new(Guest::TABLES);
    let mut buffers = Box::new(<Buffers>::new());
    let mut agent = Box::new(Agent::new(&commands, buffers.memory()));
    let (mut replies, mut room) = (Vec::new(), vec![0; room]);
    for mut bytes in request.chunks(piece) {
        while !bytes.is_empty() {
            let mut taken = 0;
            stack.call(|| taken = agent.receive(bytes));
            bytes = &bytes[taken..];
            while !agent.is_receiving() {
                let mut given = 0;
                stack.call(|| given = agent.transmit(guest, &mut room));
                replies.extend_from_slice(&room[..given]);
            }
        }
    }
    replies
}

/// A guest that answers everything, one that has nothing, one that fails, and one with texts that are larger than the stage.
fn scripts() -> [&'static Script; 4] {
    let full = Script {
        text: "guest \u{e9}\n",
        character: '\u{1F600}',
        flag: true,
        signed: i64::MIN,
        unsigned: u64::MAX,
        float: -123.456_789,
        length: 5000,
        count: 3,
        inner: 3,
        optional: true,
        failure: None,
        address: [0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe00, 1].into(),
        v4: [255; 4].into(),
        v6: [0xfd00, 0, 0, 1, 0, 0, 0, 2].into(),
        bus_type: BusType::FileBackedVirtual,
        memory_block_error: None,
        status: Some(Status::Exited(Exit {
            code: Some(i32::MIN),
            signal: Some(9),
            out_truncated: true,
            err_truncated: true,
        })),
        shape: Shape::Struct { left: Some(i16::MIN), right: 7 },
    };
    let empty = Script {
        text: "",
        flag: false,
        signed: 0,
        unsigned: 0,
        float: f64::NAN,
        length: 0,
        count: 0,
        inner: 0,
        optional: false,
        address: [127, 0, 0, 1].into(),
        status: None,
        shape: Shape::Unit,
        ..full
    };
    let failing = Script {
        failure: Some(Failure("\u{e9} is what this guest fails with")),
        memory_block_error: Some(MemoryBlockError::Failed(Some(-1))),
        status: Some(Status::Running),
        shape: Shape::Tuple(-1, 1),
        ..full
    };
    let large = Script {
        text: Box::leak("\u{1F600}".repeat(1000).into_boxed_str()),
        flag: false,
        float: 0.5,
        address: [0, 0, 0, 0, 0, 0xffff, 0x7f00, 1].into(),
        shape: Shape::Newtype(0.25),
        ..full
    };
    [full, empty, failing, large].map(|script| &*Box::leak(Box::new(script)))
}

/// Asserts that no command was left out of the requests.
fn assert_all_are_asked_for(info: &[u8]) {
    let info: serde_json::Value = serde_json::from_slice(info).expect("the reply is JSON");
    let commands = info["return"]["supported_commands"].as_array().expect("the first guest has a list of commands");
    for command in commands {
        let name = &command["name"];
        assert!(requests::commands().any(|known| *name == *known), "{name} is not among the requests");
    }
}
