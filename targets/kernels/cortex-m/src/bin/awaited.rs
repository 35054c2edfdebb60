//! The agent as a task of embassy, which the interrupt of UART1 wakes.
#![no_std]
#![no_main]

use core::future::poll_fn;
use core::task::Poll;

use arm_pl011_uart::{Error, Uart};
use cortex_m::asm;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::entry;
use embassy_executor::{InterruptExecutor, task};
use embassy_sync::waitqueue::AtomicWaker;
use embedded_io::{Read as _, Write as _};
use embedded_io_async::{ErrorType, Read, Write};
use firmware::agent::{BUFFERS, COMMANDS, Firmware};
use firmware::board::{self, Board};
use lm3s6965::{Interrupt, interrupt};
use nanoqga::Agent;
use nanoqga::serve::Pump;

/// embassy's executor for threads sleeps by `wfe`, by which QEMU 7.2 does not sleep. This one leaves the sleep to `main`.
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();
static WAKER: AtomicWaker = AtomicWaker::new();

#[entry]
fn main() -> ! {
    let task = serve(Board::start()).expect("the task is spawned once");
    // The tasks run in this interrupt's handler. No device of this board raises it.
    EXECUTOR.start(Interrupt::HIBERNATION).spawn(task);
    loop {
        asm::wfi();
    }
}

#[interrupt]
fn HIBERNATION() {
    // SAFETY: this is the handler of the interrupt that the executor is started with.
    unsafe { EXECUTOR.on_interrupt() };
}

/// Only wakes the task. The UART takes its interrupt back when the task has read the bytes, so the handler masks it until then.
#[interrupt]
fn UART1() {
    NVIC::mask(Interrupt::UART1);
    WAKER.wake();
}

#[task]
async fn serve(board: Board) {
    let Board { mut log, uart, lamp, thermometer } = board;
    let _ = log.write_all(b"awaited\n");
    let mut agent = Agent::new(&COMMANDS, BUFFERS.take().memory());
    let (mut pump, mut firmware) = (Pump::<64>::new(), Firmware { lamp, thermometer });
    let mut line = AwaitedUart(uart);
    loop {
        // A line has no end. It has noise, after which the host begins again.
        if pump.serve(&mut agent, &mut firmware, &mut line).await.is_err() {
            let _ = log.write_all(b"noise\n");
        }
        pump.reset(&mut agent);
    }
}

/// UART1 as a channel that is awaited.
struct AwaitedUart(Uart<'static>);

impl AwaitedUart {
    /// Waits until an interrupt says that the UART is ready.
    async fn until(&mut self, is_ready: fn(&Uart<'static>) -> bool) {
        poll_fn(|context| {
            WAKER.register(context.waker());
            board::listen(&mut self.0);
            if is_ready(&self.0) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl ErrorType for AwaitedUart {
    type Error = Error;
}

impl Read for AwaitedUart {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        self.until(|uart| !uart.is_rx_fifo_empty()).await;
        self.0.read(bytes)
    }
}

impl Write for AwaitedUart {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.until(|uart| !uart.is_tx_fifo_full()).await;
        self.0.write(bytes)
    }

    /// Does not yield, for up to 1.4 ms: no interrupt says that the last byte of the FIFO has left.
    async fn flush(&mut self) -> Result<(), Error> {
        self.0.flush()
    }
}
