//! The library as C calls it, for Miri to see what it does with memory. What it answers is tested from C.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

use nanoqga_c::agent::{NANOQGA_STATE, nanoqga_init, nanoqga_receive, nanoqga_reset, nanoqga_transmit};
use nanoqga_c::callbacks::cpu::{CpuCallbacks, Processor};
use nanoqga_c::callbacks::file::{FileAccess, FileCallbacks};
use nanoqga_c::callbacks::freeze::FreezeCallbacks;
use nanoqga_c::callbacks::os::{OsCallbacks, OsInfo};
use nanoqga_c::callbacks::own::OwnReply;
use nanoqga_c::callbacks::testing::{Ending, Outcome, Running, Test, TestOutput, TestingCallbacks};
use nanoqga_c::families::cpu::nanoqga_add_cpu;
use nanoqga_c::families::file::nanoqga_add_file;
use nanoqga_c::families::freeze::nanoqga_add_freeze;
use nanoqga_c::families::os::nanoqga_add_os;
use nanoqga_c::families::testing::{
    nanoqga_add_testing, nanoqga_finish_test, nanoqga_test_measure, nanoqga_test_write,
};
use nanoqga_c::own::nanoqga_add_command;
use nanoqga_c::{Flag, Nanoqga, Status};

/// An agent in memory of its own, and what its callbacks are passed.
struct Agent {
    agent: *mut Nanoqga,
    _memory: Vec<u64>,
    context: *mut Context,
}

/// What the kernel of these tests is.
struct Context {
    name: &'static CStr,
    agent: *mut Nanoqga,
    entered: Option<Status>,
    /// Where errors are put together.
    error: [u8; 64],
    /// The test that runs, and what its panic handler has sent.
    running: Option<Running>,
    sent: Vec<u8>,
}

impl Agent {
    fn new(name: &'static CStr) -> Self {
        let mut memory = vec![u64::MAX; (NANOQGA_STATE + 2048) / 8];
        let context = Box::into_raw(Box::new(Context {
            name,
            agent: null_mut(),
            entered: None,
            error: [0; 64],
            running: None,
            sent: Vec::new(),
        }));
        let mut agent = null_mut();
        let pointer = context.cast::<c_void>();
        // SAFETY: The memory is this agent's for as long as it is used, and so is the context.
        unsafe {
            let status =
                nanoqga_init(memory.as_mut_ptr().cast(), memory.len() * 8, c"1.0.0".as_ptr(), pointer, &raw mut agent);
            assert_eq!(status, Status::Ok);
            (*context).agent = agent;
            let os = OsCallbacks { os_info: Some(os_info), host_name: Some(host_name), timezone: None };
            assert_eq!(nanoqga_add_os(agent, &raw const os), Status::Ok);
            let cpu = CpuCallbacks {
                processor: Some(processor),
                set_processor: Some(set_processor),
                ..CpuCallbacks::default()
            };
            assert_eq!(nanoqga_add_cpu(agent, &raw const cpu), Status::Ok);
            assert_eq!(nanoqga_add_cpu(agent, &raw const cpu), Status::Exists);
            let freeze = FreezeCallbacks { freeze: Some(freeze), thaw: Some(thaw) };
            assert_eq!(nanoqga_add_freeze(agent, &raw const freeze), Status::Ok);
            let file =
                FileCallbacks { open: Some(open), close: Some(close), read: Some(read), ..FileCallbacks::default() };
            assert_eq!(nanoqga_add_file(agent, &raw const file), Status::Ok);
            assert_eq!(nanoqga_add_command(agent, c"echo".as_ptr(), Some(echo), pointer), Status::Ok);
        }
        Self { agent, _memory: memory, context }
    }

    /// Whether a callback has called its agent, and what came of that.
    fn entered(&self) -> Option<Status> {
        // SAFETY: It is a context, and no callback runs.
        unsafe { (*self.context).entered }
    }

    fn ask(&self, request: &str) -> String {
        let (mut taken, mut filled, mut reply) = (0, 1, Vec::new());
        // SAFETY: The agent is one, and all that is lent is there.
        unsafe {
            let status = nanoqga_receive(self.agent, request.as_ptr(), request.len(), &raw mut taken);
            assert_eq!((status, taken), (Status::Ok, request.len()));
            while filled > 0 {
                let mut room = [0; 33];
                let status = nanoqga_transmit(self.agent, room.as_mut_ptr(), room.len(), &raw mut filled);
                assert_eq!(status, Status::Ok);
                reply.extend_from_slice(&room[..filled]);
            }
        }
        String::from_utf8(reply).expect("a reply is ASCII")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // SAFETY: It was a box, and the agent is not used any more.
        drop(unsafe { Box::from_raw(self.context) });
    }
}

unsafe extern "C" fn os_info(_: *mut c_void, info: *mut OsInfo) -> *const c_char {
    // SAFETY: It may be written.
    unsafe { (*info).id = c"miri".as_ptr() };
    null()
}

/// Calls its agent, too, which is at work.
unsafe extern "C" fn host_name(context: *mut c_void, name: *mut *const c_char) -> *const c_char {
    // SAFETY: It is a context, and the name may be written.
    unsafe {
        let context = context.cast::<Context>();
        (*context).entered = Some(nanoqga_reset((*context).agent));
        *name = (*context).name.as_ptr();
    }
    null()
}

unsafe extern "C" fn processor(_: *mut c_void, index: usize, processor: *mut Processor) -> Flag {
    // SAFETY: It may be written.
    unsafe { (*processor).online = true.into() };
    (index < 2).into()
}

/// Knows `/data` alone.
unsafe extern "C" fn freeze(context: *mut c_void, mountpoint: *const c_char, count: *mut usize) -> *const c_char {
    // SAFETY: The first is a context, the second a text, the third may be written.
    unsafe {
        let mountpoint = CStr::from_ptr(mountpoint);
        if mountpoint != c"/data" {
            return error(context, &format!("{}: no such file system", mountpoint.to_string_lossy()));
        }
        *count = 1;
    }
    null()
}

/// Writes to the buffer for errors even when it succeeds.
unsafe extern "C" fn thaw(context: *mut c_void, _: *mut usize) -> *const c_char {
    // SAFETY: It is a context.
    unsafe { error(context, "thawed") };
    null()
}

unsafe extern "C" fn set_processor(context: *mut c_void, logical_id: i64, _: Flag) -> *const c_char {
    // SAFETY: It is a context.
    unsafe { error(context, &format!("no processor {logical_id}")) }
}

/// Writes an error's text to the kernel's buffer.
unsafe fn error(context: *mut c_void, text: &str) -> *const c_char {
    // SAFETY: It is a context.
    unsafe {
        let buffer = &raw mut (*context.cast::<Context>()).error;
        *buffer = [0; 64];
        (&mut *buffer)[..text.len()].copy_from_slice(text.as_bytes());
        buffer.cast()
    }
}

unsafe extern "C" fn open(
    context: *mut c_void,
    _: *const c_char,
    _: FileAccess,
    _: Flag,
    file: *mut *mut c_void,
) -> *const c_char {
    // SAFETY: It may be written.
    unsafe { *file = context };
    null()
}

unsafe extern "C" fn close(_: *mut c_void, _: *mut c_void) -> *const c_char {
    c"lost".as_ptr()
}

unsafe extern "C" fn read(
    _: *mut c_void,
    _: *mut c_void,
    room: *mut u8,
    size: usize,
    count: *mut usize,
) -> *const c_char {
    // SAFETY: There is so much room, and the count may be written.
    unsafe {
        room.write_bytes(b'a', size);
        *count = size;
    }
    null()
}

unsafe extern "C" fn echo(
    _: *mut c_void,
    arguments: *const c_char,
    length: usize,
    reply: *mut OwnReply,
) -> *const c_char {
    // SAFETY: There are so many bytes, and there is as much room as the reply says.
    unsafe {
        assert!(length <= (*reply).room);
        (*reply).json.copy_from_nonoverlapping(arguments, length);
        (*reply).length = length;
    }
    null()
}

#[test]
fn callbacks_answer_and_cannot_enter_their_agent() {
    let agent = Agent::new(c"first");
    assert_eq!(agent.ask(r#"{"execute":"guest-get-host-name"}"#), "{\"return\": {\"host-name\":\"first\"}}\n");
    assert_eq!(agent.entered(), Some(Status::Busy));
    assert_eq!(agent.ask(r#"{"execute":"guest-get-osinfo"}"#), "{\"return\": {\"id\":\"miri\"}}\n");
    assert!(agent.ask(r#"{"execute":"guest-get-vcpus"}"#).ends_with("\"can-offline\":false}]}\n"));
    let freeze = r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/data","/\u0064ata"]}}"#;
    assert_eq!(agent.ask(freeze), "{\"return\": 2}\n");
    assert!(agent.ask(r#"{"execute":"guest-get-vcpus"}"#).contains("disabled"));
    assert_eq!(agent.ask(r#"{"execute":"guest-fsfreeze-thaw"}"#), "{\"return\": 0}\n");
}

#[test]
fn errors_are_made_at_run_time() {
    let agent = Agent::new(c"errors");
    let freeze = r#"{"execute":"guest-fsfreeze-freeze-list","arguments":{"mountpoints":["/data","/other"]}}"#;
    let expected = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"/other: no such file system\"}}\n";
    assert_eq!(agent.ask(freeze), expected);
    let set = r#"{"execute":"guest-set-vcpus","arguments":{"vcpus":[{"logical-id":7,"online":true}]}}"#;
    let expected = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no processor 7\"}}\n";
    assert_eq!(agent.ask(set), expected);
}

#[test]
fn files_are_read_in_pieces() {
    let agent = Agent::new(c"files");
    assert_eq!(agent.ask(r#"{"execute":"guest-file-open","arguments":{"path":"/a"}}"#), "{\"return\": 1}\n");
    let read = agent.ask(r#"{"execute":"guest-file-read","arguments":{"handle":1,"count":1500}}"#);
    assert_eq!(
        read,
        format!("{{\"return\": {{\"buf-b64\":\"{}\",\"count\":1500,\"eof\":false}}}}\n", "YWFh".repeat(500))
    );
    let closed = agent.ask(r#"{"execute":"guest-file-close","arguments":{"handle":1}}"#);
    assert_eq!(closed, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"lost\"}}\n");
}

#[test]
fn own_commands_reply_in_pieces() {
    let agent = Agent::new(c"own");
    assert_eq!(agent.ask(r#"{"execute":"echo","id":1}"#), "{\"return\": {}, \"id\": 1}\n");
    let text = "é".repeat(60);
    let reply = agent.ask(&format!(r#"{{"execute":"echo","arguments":{{"a":"{text}"}},"id":"{text}"}}"#));
    let text = "\\u00E9".repeat(60);
    assert_eq!(reply, format!("{{\"return\": {{\"a\":\"{text}\"}}, \"id\": \"{text}\"}}\n"));
}

unsafe extern "C" fn test(_: *mut c_void, index: usize, test: *mut Test) -> Flag {
    // SAFETY: It may be written.
    unsafe { (*test).name = c"dies".as_ptr() };
    (index == 0).into()
}

/// Dies, and goes on all the same.
unsafe extern "C" fn run(context: *mut c_void, _: usize, _: u64, _: u64, output: *mut TestOutput, ending: *mut Ending) {
    // SAFETY: The first is a context, the output is the test's, and the ending may be written.
    unsafe {
        assert_eq!(nanoqga_test_write(output, c"text".as_ptr(), 4), Status::Ok);
        assert_eq!(nanoqga_test_measure(output, c"size".as_ptr(), 7, c"".as_ptr()), Status::Ok);
        (*ending).outcome = Outcome::Panicked as u32;
        (*ending).message = c"out of memory".as_ptr();
        let running = (*context.cast::<Context>()).running.expect("it was kept");
        assert_eq!(nanoqga_finish_test(&raw const running, ending, 0, Some(send), context), Status::Ok);
    }
}

unsafe extern "C" fn send(context: *mut c_void, bytes: *const u8, length: usize) {
    // SAFETY: The first is a context, and there are as many bytes.
    unsafe {
        let sent = &mut (*context.cast::<Context>()).sent;
        sent.extend_from_slice(std::slice::from_raw_parts(bytes, length));
    }
}

unsafe extern "C" fn boot_id(_: *mut c_void) -> u64 {
    1
}

unsafe extern "C" fn keep(context: *mut c_void, running: *const Running) {
    // SAFETY: The first is a context, the second NULL or a test.
    unsafe { (*context.cast::<Context>()).running = running.as_ref().copied() };
}

#[test]
fn a_test_that_was_kept_can_be_finished_while_the_agent_is_at_work() {
    let agent = Agent::new(c"tests");
    let callbacks = TestingCallbacks {
        test: Some(test),
        run: Some(run),
        boot_id: Some(boot_id),
        keep: Some(keep),
        ..TestingCallbacks::default()
    };
    // SAFETY: It is an agent, and a table of callbacks.
    assert_eq!(unsafe { nanoqga_add_testing(agent.agent, &raw const callbacks) }, Status::Ok);
    let reply = agent.ask(r#"{"execute":"nanoqga-test-run","arguments":{"name":"dies"},"id":7}"#);
    let told = r#""outcome":"panicked","message":"out of memory"}, "id": 7}"#;
    let measured = r#"[{"name":"size","value":7.0,"unit":""}],"output-truncated":false"#;
    let own = format!("{{\"return\": {{\"output\":\"text\",\"measurements\":{measured},{told}\n");
    assert_eq!(reply, own);
    // SAFETY: It is a context, and no callback runs.
    let (sent, running) = unsafe { (&(*agent.context).sent, (*agent.context).running) };
    let handlers = format!(r#"{{"return": {{"output":"","measurements":[],"output-truncated":true,{told}"#) + "\n";
    assert_eq!(String::from_utf8_lossy(sent), handlers);
    assert!(running.is_none());
}

#[test]
fn agents_share_nothing() {
    let (a, b) = (Agent::new(c"a"), Agent::new(c"b"));
    for (agent, name) in [(&a, "a"), (&b, "b"), (&a, "a")] {
        let reply = agent.ask(r#"{"execute":"guest-get-host-name"}"#);
        assert_eq!(reply, format!("{{\"return\": {{\"host-name\":\"{name}\"}}}}\n"));
    }
}

#[test]
fn no_part_of_the_agents_memory_can_be_lent_to_it() {
    let agent = Agent::new(c"alone");
    let mut count = 0;
    let own = agent.agent.cast::<u8>();
    for offset in 0..NANOQGA_STATE + 1024 {
        // SAFETY: The agent is one, and the offset lies in its memory. It refuses the pointer, so nothing is read or written.
        let statuses = unsafe {
            let own = own.add(offset);
            [
                nanoqga_receive(agent.agent, own, 1, &raw mut count),
                nanoqga_transmit(agent.agent, own, 1, &raw mut count),
            ]
        };
        assert_eq!(statuses, [Status::Overlap; 2], "at {offset}");
    }
}
