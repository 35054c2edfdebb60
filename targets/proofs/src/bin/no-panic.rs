//! Links only if no panic is reachable in the engine. It is never run.
//!
//! The panic handler calls a function that does not exist, so the linker refuses the program unless the optimiser has found
//! that nothing calls the handler. All input of the engine comes from functions whose code the optimiser cannot see: the answers
//! of guest and channel, the bytes of the host, the memory for requests and replies, and the room that a reply is written to.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod program {
    use core::future::poll_fn;
    use core::panic::PanicInfo;
    use core::pin::pin;
    use core::slice;
    use core::task::{Context, Poll, Waker};

    use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
    use nanoqga::commands::testing::{Ending, Running};
    use nanoqga::engine::Received;
    use nanoqga::serve::{self, Channel, HostChange, Line, Pump};
    use nanoqga::{Agent, Buffers, CommandSet, Engine, Memory};
    use proofs::{Guest, Script, Source};

    // build.rs gives the linker an address of each but the last.
    unsafe extern "Rust" {
        fn unknown_script() -> &'static Script;
        fn unknown_bytes() -> &'static [u8];
        fn unknown_room() -> &'static mut [u8];
        fn a_panic_is_reachable_in_the_engine() -> !;
    }

    struct Unknown;

    impl Source for Unknown {
        fn script(&self) -> &'static Script {
            // SAFETY: the program is never run.
            unsafe { unknown_script() }
        }

        /// A guest that dies in every test.
        fn keep(&self, running: Running) {
            let Script { text, unsigned, optional, .. } = *self.script();
            let ending = Ending::panicked(running.test(), optional.then_some((text, unsigned as u32)));
            running.finish(&ending, running.mark().map(|_| unsigned), &mut |bytes| {
                room().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            });
        }
    }

    fn bytes() -> &'static [u8] {
        // SAFETY: the program is never run.
        unsafe { unknown_bytes() }
    }

    fn room() -> &'static mut [u8] {
        // SAFETY: the program is never run.
        unsafe { unknown_room() }
    }

    /// A channel that knows its host, or the UART of a `Line`.
    struct Port;

    impl ErrorType for Port {
        type Error = ErrorKind;
    }

    impl Read for Port {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            buffer.iter_mut().zip(bytes()).for_each(|(to, from)| *to = *from);
            outcome(bytes().len())
        }
    }

    impl ReadReady for Port {
        fn read_ready(&mut self) -> Result<bool, ErrorKind> {
            outcome(Unknown.script().flag)
        }
    }

    impl Write for Port {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
            room().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            outcome(room().len())
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            outcome(())
        }
    }

    impl WriteReady for Port {
        fn write_ready(&mut self) -> Result<bool, ErrorKind> {
            outcome(Unknown.script().flag)
        }
    }

    impl Channel for Port {
        fn host_change(&mut self) -> Result<Option<HostChange>, ErrorKind> {
            outcome(Unknown.script().flag.then_some(HostChange { unread: Unknown.script().length }))
        }

        fn is_drained(&mut self) -> Result<bool, ErrorKind> {
            outcome(Unknown.script().flag)
        }
    }

    /// `value` or an error.
    fn outcome<T>(value: T) -> Result<T, ErrorKind> {
        if Unknown.script().optional { Ok(value) } else { Err(ErrorKind::Other) }
    }

    /// A channel that is awaited.
    struct Awaited;

    impl ErrorType for Awaited {
        type Error = ErrorKind;
    }

    // Without async functions: every one of them panics when it is polled after its end.
    impl embedded_io_async::Read for Awaited {
        fn read(&mut self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
            buffer.iter_mut().zip(bytes()).for_each(|(to, from)| *to = *from);
            news(Unknown.script().length)
        }
    }

    impl embedded_io_async::Write for Awaited {
        fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<usize, ErrorKind>> {
            room().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            news(Unknown.script().length)
        }

        fn flush(&mut self) -> impl Future<Output = Result<(), ErrorKind>> {
            news(())
        }
    }

    /// Some time later, `value` or an error.
    fn news<T: Copy>(value: T) -> impl Future<Output = Result<T, ErrorKind>> {
        poll_fn(move |_| if Unknown.script().flag { Poll::Pending } else { Poll::Ready(outcome(value)) })
    }

    /// Serves until the channel is closed, or the future is dropped.
    fn serve_awaited(pump: &mut Pump, agent: &mut Agent<'_, Guest<Unknown>>, guest: &mut Guest<Unknown>) {
        let mut channel = Awaited;
        let mut served = pin!(pump.serve(agent, guest, &mut channel));
        while served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() && Unknown.script().flag {}
    }

    /// Passes the host's bytes to an engine, whose memory is another one for each call.
    fn talk(engine: &mut Engine<Guest<Unknown>>, commands: &CommandSet<'_, Guest<Unknown>>) {
        let received = engine.receive(&mut Memory { request: room(), reply: room() }, bytes());
        if received == Received::NeedsRoom && Unknown.script().flag {
            engine.refuse();
        }
        let mut memory = Memory { request: room(), reply: room() };
        if engine.may_not_return(commands, &memory) || engine.has_half_a_request() {
            engine.reset();
        }
        if engine.transmit(commands, &mut memory, &mut Guest(Unknown), room()) == 0 && engine.is_receiving() {
            engine.abandon_reply();
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        let names = slice::from_ref(&Unknown.script().text);
        let all = CommandSet::new(Guest::<Unknown>::TABLES);
        let some =
            CommandSet::new(Guest::<Unknown>::TABLES).allow(names).block(slice::from_ref(&Unknown.script().text));
        let mut guest = Guest(Unknown);
        let (mut small, mut large) = (<Buffers>::new(), Buffers::<131_072, 512>::new());
        let mut direct = Agent::new(&some, small.memory());
        let mut pumped = Agent::new(&all, large.memory());
        let mut engine = Engine::new();
        let (mut pump, mut line, mut awaited) = (<Pump>::new(), Pump::<1>::new(), <Pump>::new());
        loop {
            let taken = direct.receive(bytes());
            let filled = direct.transmit(&mut guest, room());
            if direct.has_half_a_request() && taken == filled {
                direct.reset();
            }
            if direct.is_receiving() || direct.may_not_return() {
                direct.abandon_reply();
            }
            some.set_frozen(!all.is_frozen());
            talk(&mut engine, &all);
            let answered = serve::answer(&mut direct, &mut guest, bytes(), room(), |reply| {
                room().iter_mut().zip(reply).for_each(|(to, from)| *to = *from);
                outcome(())
            });
            if answered.is_err() {
                direct.reset();
            }

            if pump.poll(&mut pumped, &mut guest, &mut Port) != Ok(true) {
                pump.host_changed(&mut pumped, Unknown.script().length);
            }
            if line.poll(&mut pumped, &mut guest, &mut Line(Port)) == Ok(true) {
                line.reset(&mut pumped);
            }
            serve_awaited(&mut awaited, &mut direct, &mut guest);
            if Unknown.script().flag {
                pump.reset(&mut pumped);
            }
        }
    }

    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        // SAFETY: the program is never run; with this call it is not even linked.
        unsafe { a_panic_is_reachable_in_the_engine() }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("no-panic is linked for bare targets, to see that no panic is reachable: cargo xtask test panics");
}
