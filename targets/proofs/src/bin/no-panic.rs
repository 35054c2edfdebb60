//! Links only if no panic is reachable in the engine. It is never run.
//!
//! The panic handler calls a function that does not exist, so the linker refuses the program unless the optimiser has seen
//! that nothing calls the handler. All that the engine meets comes from functions whose code the optimiser cannot see: what
//! guest and channel answer, what the host sends, and how large the room for its replies is.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod program {
    use core::convert::Infallible;
    use core::future::poll_fn;
    use core::panic::PanicInfo;
    use core::pin::pin;
    use core::slice;
    use core::task::{Context, Poll, Waker};

    use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write, WriteReady};
    use nanoqga::serve::Pump;
    use nanoqga::{Agent, CommandSet};
    use proofs::{Guest, Script, Source};

    // The linker is told that these are somewhere (build.rs), except for the last.
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
    }

    fn bytes() -> &'static [u8] {
        // SAFETY: the program is never run.
        unsafe { unknown_bytes() }
    }

    fn room() -> &'static mut [u8] {
        // SAFETY: the program is never run.
        unsafe { unknown_room() }
    }

    struct Channel;

    impl ErrorType for Channel {
        type Error = Infallible;
    }

    impl Read for Channel {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
            buffer.iter_mut().zip(bytes()).for_each(|(to, from)| *to = *from);
            Ok(bytes().len())
        }
    }

    impl ReadReady for Channel {
        fn read_ready(&mut self) -> Result<bool, Infallible> {
            Ok(Unknown.script().flag)
        }
    }

    impl Write for Channel {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            room().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            Ok(room().len())
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    impl WriteReady for Channel {
        fn write_ready(&mut self) -> Result<bool, Infallible> {
            Ok(Unknown.script().flag)
        }
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
        poll_fn(move |_| {
            if Unknown.script().flag {
                Poll::Pending
            } else {
                Poll::Ready(if Unknown.script().optional { Ok(value) } else { Err(ErrorKind::Other) })
            }
        })
    }

    /// Has the pump serve until the channel is closed, or the future is dropped.
    fn serve(pump: &mut Pump, agent: &mut Agent<'_, Guest<Unknown>>, guest: &mut Guest<Unknown>) {
        let mut channel = Awaited;
        let mut served = pin!(pump.serve(agent, guest, &mut channel));
        while served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() && Unknown.script().flag {}
    }

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        let names = slice::from_ref(&Unknown.script().text);
        let all = CommandSet::new(Guest::<Unknown>::TABLES);
        let some =
            CommandSet::new(Guest::<Unknown>::TABLES).allow(names).block(slice::from_ref(&Unknown.script().text));
        let mut guest = Guest(Unknown);
        let mut direct: Agent<'_, _> = Agent::new(&some);
        let mut pumped: Agent<'_, _, 131_072, 512> = Agent::new(&all);
        let (mut pump, mut awaited) = (<Pump>::new(), <Pump>::new());
        loop {
            direct.receive(bytes());
            direct.transmit(&mut guest, room());
            if direct.has_half_a_request() {
                direct.reset();
            }
            if direct.is_receiving() {
                direct.abandon_reply();
            }
            some.set_frozen(!all.is_frozen());

            let Ok(busy) = pump.poll(&mut pumped, &mut guest, &mut Channel);
            if !busy {
                pump.host_changed(&mut pumped, Unknown.script().length);
            }
            serve(&mut awaited, &mut direct, &mut guest);
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
