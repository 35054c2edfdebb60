//! The board: its devices, its sleep and its end.

use core::ptr::{NonNull, with_exposed_provenance_mut};

use arm_pl011_uart::{DataBits, Interrupts, LineConfig, Parity, StopBits, Uart};
use cortex_m::peripheral::NVIC;
use cortex_m_semihosting::debug;
use lm3s6965::Interrupt;
use safe_mmio::UniqueMmioPointer;

use crate::lamp::Lamp;
use crate::thermometer::Thermometer;

const UART0: usize = 0x4000_C000;
const UART1: usize = 0x4000_D000;
const GPIO_F: usize = 0x4002_5000;
const TIMER0: usize = 0x4003_0000;
const ADC: usize = 0x4003_8000;

const BAUD: u32 = 115_200;
/// The frequency of the clock that UARTs divide.
const CLOCK_HZ: u32 = 12_000_000;
const EIGHT_BITS: LineConfig =
    LineConfig { data_bits: DataBits::Bits8, parity: Parity::None, stop_bits: StopBits::One };

/// The devices that this firmware uses.
pub struct Board {
    pub log: Uart<'static>,
    pub uart: Uart<'static>,
    pub lamp: Lamp,
    pub thermometer: Thermometer,
}

impl Board {
    /// Starts the devices. A second call panics.
    pub fn start() -> Self {
        // Whoever has the core's own devices has the others, too.
        cortex_m::Peripherals::take().expect("the board starts once");
        // SAFETY: all of this is called once, and that is where the data sheet has these devices.
        unsafe {
            Self {
                log: uart(UART0),
                uart: uart(UART1),
                lamp: Lamp::new(device(GPIO_F)),
                thermometer: Thermometer::new(device(ADC), device(TIMER0)),
            }
        }
    }
}

/// Sets up a UART, and its interrupts for bytes that come and for room to send.
///
/// # Safety
/// As of [`device`].
unsafe fn uart(address: usize) -> Uart<'static> {
    // SAFETY: by the promise of the caller.
    let mut uart = Uart::new(unsafe { device(address) });
    uart.enable(EIGHT_BITS, BAUD, CLOCK_HZ).expect("the baud rate divides the clock");
    uart.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI | Interrupts::TXI);
    uart
}

/// The registers of a device.
///
/// # Safety
/// They are at this address, and nobody else uses them.
unsafe fn device<T>(address: usize) -> UniqueMmioPointer<'static, T> {
    let registers = NonNull::new(with_exposed_provenance_mut(address)).expect("no device is at address 0");
    // SAFETY: by the promise of the caller.
    unsafe { UniqueMmioPointer::new(registers) }
}

/// Forgets the interrupts of UART1 until now, and lets those through that come from now on.
pub fn listen(uart1: &mut Uart<'static>) {
    // The interrupt for bytes that came ends when they are read. The one for room would stay, and end each sleep at once.
    uart1.clear_interrupts(Interrupts::TXI);
    NVIC::unpend(Interrupt::UART1);
    // SAFETY: no critical section relies on this mask.
    unsafe { NVIC::unmask(Interrupt::UART1) };
}

/// Ends QEMU with the exit code 0.
pub fn power_off() -> ! {
    exit(debug::EXIT_SUCCESS)
}

/// Ends QEMU with a status.
pub fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::wfi();
    }
}
