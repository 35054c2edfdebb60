//! Tests that a host runs on the board, one after another, through the agent.

use core::cell::Cell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::ptr::with_exposed_provenance_mut;

use cortex_m::interrupt::{self, Mutex};
use nanoqga::commands::testing::{self, Ending, Output, Running, Test, Testing, Verdict, fail};
use nanoqga::commands::{info, os, power, sync};
use nanoqga::{Buffers, CommandSet, check, check_eq, tests};
use static_cell::ConstStaticCell;

use crate::agent::Firmware;

const LOG: usize = 0x4000_C000;
const AGENT: usize = 0x4000_D000;
/// Registers of a UART: its data, its flags, and the first byte of its peripheral number.
const DATA: usize = 0;
const FLAGS: usize = 0x18;
const PERIPHERAL: usize = 0xFE0;
const FLAG_FULL: u32 = 1 << 5;

/// The commands of the agent, and those by which a host runs the tests.
pub static COMMANDS: CommandSet<Firmware> = CommandSet::new(&[
    sync::commands(),
    info::commands(),
    os::commands(),
    os::name_commands(),
    power::commands(),
    testing::commands(),
]);
/// Memory for a request and the output of a test, and for a piece of a reply.
pub static BUFFERS: ConstStaticCell<Buffers<4096, 256>> = ConstStaticCell::new(Buffers::new());

/// The test that runs, for the panic handler.
static RUNNING: Mutex<Cell<Option<Running>>> = Mutex::new(Cell::new(None));
static BOOT: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

const BOARD: &[Test<Firmware>] = tests!["board":
    memory_is_taken_once,
    the_timer_begins_each_measurement.timeout_ms(5_000),
    the_lamp_switches_on_and_off,
    the_agents_uart_is_a_pl011,
    plain the_panic_handler_finishes_the_reply.should_panic("to be told").alone(),
];

fn memory_is_taken_once(_: &mut Firmware, _: &mut Output<'_>) -> Verdict {
    static CELL: ConstStaticCell<[u32; 16]> = ConstStaticCell::new([7; 16]);
    if let Some(memory) = CELL.try_take() {
        check_eq!(*memory, [7; 16]);
    }
    check!(CELL.try_take().is_none(), "the same memory was taken twice");
    check!(BUFFERS.try_take().is_none(), "the agent's own memory was taken");
    Ok(())
}

fn the_timer_begins_each_measurement(firmware: &mut Firmware, output: &mut Output<'_>) -> Verdict {
    for _ in 0..8 {
        let Some(temperature) = firmware.thermometer.measure() else { return fail("the converter took no sample") };
        check!((-40_000..125_000).contains(&temperature), "{temperature} m°C is no temperature of a chip");
        output.measure("temperature", f64::from(temperature) / 1000.0, "°C");
    }
    Ok(())
}

fn the_lamp_switches_on_and_off(firmware: &mut Firmware, _: &mut Output<'_>) -> Verdict {
    let before = firmware.lamp.is_on();
    for on in [true, false, true, before] {
        firmware.lamp.switch(on);
        check_eq!(firmware.lamp.is_on(), on);
    }
    Ok(())
}

fn the_agents_uart_is_a_pl011(_: &mut Firmware, output: &mut Output<'_>) -> Verdict {
    let number = read(AGENT + PERIPHERAL) & 0xFF;
    writeln!(output, "its peripheral number begins with {number:#x}")?;
    check_eq!(number, 0x11);
    // A test runs only when all earlier replies have left.
    check!(read(AGENT + FLAGS) & FLAG_FULL == 0, "it takes no more bytes");
    Ok(())
}

fn the_panic_handler_finishes_the_reply() {
    panic!("a panic is to be told");
}

impl Testing for Firmware {
    const SUITES: &'static [&'static [Test<Self>]] = &[BOARD];

    /// Made of the noise of the thermometer: the chip has no clock that goes on while it is off.
    fn boot_id(&mut self) -> u64 {
        let known = interrupt::free(|section| BOOT.borrow(section).get());
        if known != 0 {
            return known;
        }
        let samples = (0..16).filter_map(|_| self.thermometer.measure());
        let id =
            samples.fold(1, |id: u64, sample| id.wrapping_mul(0x0100_0000_01b3) ^ u64::from(sample.unsigned_abs()));
        interrupt::free(|section| BOOT.borrow(section).set(id));
        id
    }

    fn print_line(&mut self, line: fmt::Arguments<'_>) {
        // It never fails.
        let _ = writeln!(Polled(LOG), "{line}");
    }

    fn keep(&mut self, running: Option<Running>) {
        interrupt::free(|section| RUNNING.borrow(section).set(running));
    }
}

/// Tells the log of a panic, and finishes the reply of the test that it has ended.
pub fn finish(info: &PanicInfo<'_>) {
    // It never fails.
    let _ = writeln!(Polled(LOG), "{info}");
    let Some(running) = interrupt::free(|section| RUNNING.borrow(section).take()) else { return };
    if let Some(mark) = running.mark() {
        let _ = writeln!(Polled(LOG), "nanoqga-test-end {mark}");
    }
    running.finish(&Ending::from(info), None, &mut |bytes| Polled(AGENT).send(bytes));
}

/// The UART at an address, which is written to a byte at a time.
struct Polled(usize);

impl Polled {
    fn send(&self, bytes: &[u8]) {
        for byte in bytes {
            while read(self.0 + FLAGS) & FLAG_FULL != 0 {}
            // SAFETY: it is the data register of a UART that is set up. A byte more, at worst between two of the driver's, changes
            // nothing in memory.
            unsafe { with_exposed_provenance_mut::<u32>(self.0 + DATA).write_volatile((*byte).into()) }
        }
    }
}

impl Write for Polled {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes());
        Ok(())
    }
}

/// Reads a register of a UART.
fn read(address: usize) -> u32 {
    // SAFETY: a register is there, and reading flags and numbers changes nothing.
    unsafe { with_exposed_provenance_mut::<u32>(address).read_volatile() }
}
