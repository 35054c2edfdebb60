#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

use core::convert::Infallible;
use core::hint;

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use heapless::Deque;
use uart_16550::backend::Backend;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{FCR, FifoTriggerLevel, IER, ISR, LSR, MCR, offsets};
use uart_16550::{BaudRate, Config, Uart16550};

/// What can arrive while the UART is set up: a byte without FIFO and a full FIFO, twice for bytes that keep coming.
const KEPT: usize = 64;

const DATA: u8 = offsets::DATA as u8;
const FIFO_CONTROL: u8 = offsets::FCR as u8;
const INTERRUPT_STATUS: u8 = offsets::ISR as u8;
const LINE_STATUS: u8 = offsets::LSR as u8;
const MODEM_CONTROL: u8 = offsets::MCR as u8;

/// A UART's registers, which keep received bytes that setting it up would throw away.
#[derive(Debug)]
struct Preserving<B> {
    registers: B,
    setting_up: bool,
    kept: Deque<u8, KEPT>,
}

impl<B: Backend> Preserving<B> {
    fn get(&mut self, register: u8) -> u8 {
        // SAFETY: this file names only the eight registers, and the caller of `open` promised that they are a 16550's.
        unsafe { self.registers.read(register) }
    }

    fn set(&mut self, register: u8, value: u8) {
        // SAFETY: as above.
        unsafe { self.registers.write(register, value) }
    }

    fn has_byte(&mut self) -> bool {
        LSR::from_bits_retain(self.get(LINE_STATUS)).contains(LSR::DATA_READY)
    }

    fn keep(&mut self, byte: u8) {
        // The room is more than the UART holds while it is set up; a device that claims more is broken.
        let _ = self.kept.push_back(byte);
    }

    /// Enables the FIFOs, which empties them, without losing what was received.
    fn enable_fifos(&mut self, control: FCR) {
        // To enable them is enough. After a reset of the machine, QEMU's UART says that its FIFOs are off, and they are on and hold bytes.
        let control = (control - FCR::RX_FIFO_RESET).bits();
        let status = ISR::from_bits_retain(self.get(INTERRUPT_STATUS));
        if status.contains(ISR::FIFOS_ENABLED0) {
            return self.set(FIFO_CONTROL, control);
        }
        // Without FIFO the UART holds one byte, and has the line wait until that is taken. In loopback it goes on waiting,
        // so that no byte can come between taking the first one and the reset.
        let modem_control = self.get(MODEM_CONTROL);
        self.set(MODEM_CONTROL, modem_control | MCR::LOOP_BACK.bits());
        if self.has_byte() {
            let byte = self.get(DATA);
            self.set(FIFO_CONTROL, control);
            self.keep(byte);
        } else {
            self.set(FIFO_CONTROL, control);
        }
        self.set(MODEM_CONTROL, modem_control);
        // An emulated UART takes a read as the sign that it may ask its host for more.
        if !self.has_byte() {
            self.get(DATA);
        }
    }
}

impl<B: Backend> Backend for Preserving<B> {
    unsafe fn read(&mut self, register: u8) -> u8 {
        let value = self.get(register);
        match register {
            DATA if self.setting_up => self.keep(value),
            // Whether the host takes what somebody sent earlier is no reason to wait.
            LINE_STATUS if self.setting_up => return value | LSR::TRANSMITTER_EMPTY.bits(),
            _ => {}
        }
        value
    }

    unsafe fn write(&mut self, register: u8, value: u8) {
        match register {
            FIFO_CONTROL if self.setting_up => self.enable_fifos(FCR::from_bits_retain(value)),
            _ => self.set(register, value),
        }
    }
}

/// A UART that is set up: 115,200 baud, 8N1, FIFOs on, an interrupt for 14 received bytes, or when no byte has come for a while.
#[derive(Debug)]
pub struct SerialLine<B: Backend> {
    uart: Uart16550<Preserving<B>>,
    awaiting_transmitter: bool,
}

impl<B: Backend> SerialLine<B> {
    /// Sets up the UART with these eight registers. `None` if there is none.
    ///
    /// # Safety
    /// The registers must be a 16550's, or no device's, and nobody else may use them while the line is used.
    pub unsafe fn open(registers: B) -> Option<Self> {
        let registers = Preserving { registers, setting_up: true, kept: Deque::new() };
        // SAFETY: the caller promised the same.
        let mut uart = unsafe { Uart16550::new_with_backend(registers) };
        let config = Config {
            interrupts: IER::DATA_READY,
            baud_rate: BaudRate::Baud115200,
            // QEMU takes no more from its host at once than this. The rest of a request interrupts after the time of four bytes.
            fifo_trigger_level: Some(FifoTriggerLevel::Fourteen),
            ..Config::DEFAULT
        };
        uart.init(config).ok()?;
        uart.backend_mut().setting_up = false;
        Some(Self { uart, awaiting_transmitter: false })
    }

    /// Sets the UART up again after a reset. Drops what was received before. `None` if the UART is not there any more.
    pub fn reopen(&mut self) -> Option<()> {
        // Not the one that was on while something waited to be sent.
        let config = Config { interrupts: IER::DATA_READY, ..self.uart.config().clone() };
        self.uart.backend_mut().kept.clear();
        self.uart.backend_mut().setting_up = true;
        self.uart.init(config).ok()?;
        self.uart.backend_mut().setting_up = false;
        self.awaiting_transmitter = false;
        Some(())
    }

    /// Copies received bytes to `buffer`. Returns their number, 0 if there are none now. Never waits.
    pub fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let mut taken = 0;
        while let Some(slot) = buffer.get_mut(taken)
            && let Some(byte) = self.uart.backend_mut().kept.pop_front()
        {
            *slot = byte;
            taken += 1;
        }
        taken + self.uart.receive_bytes(buffer.get_mut(taken..).unwrap_or_default())
    }

    /// Sends the first of `bytes`. Returns their number: 0 while earlier bytes wait for the host, otherwise up to 16. Never waits.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        self.uart.send_bytes(bytes)
    }

    /// Whether all sent bytes have left the FIFO. If not, the UART interrupts when they have, and not when it receives bytes.
    ///
    /// A kernel that cannot answer yet leaves received bytes in the UART. Their interrupt would keep a kernel awake whose
    /// interrupt controller looks at the line's level. A kernel whose controller looks for a rising line would sleep for ever,
    /// because the line would not go low before the transmitter's interrupt.
    pub fn is_drained(&mut self) -> bool {
        let drained = self.uart.ready_to_send().is_ok();
        if drained == self.awaiting_transmitter {
            self.awaiting_transmitter = !drained;
            let (off, on) = match drained {
                true => (IER::THR_EMPTY, IER::DATA_READY),
                false => (IER::DATA_READY, IER::THR_EMPTY),
            };
            self.uart.disable_interrupts(off);
            self.uart.enable_interrupts(on);
        }
        drained
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
impl SerialLine<PioBackend> {
    /// Sets up the UART at eight I/O ports: 0x3f8 is COM1, whose interrupt is line 4, and 0x2f8 is COM2 with line 3. `None` if there
    /// is none.
    ///
    /// # Safety
    /// As for [`open`](Self::open).
    pub unsafe fn open_port(first: u16) -> Option<Self> {
        // SAFETY: the caller promised the same.
        unsafe { Self::open(*Uart16550::new_port(first).ok()?.backend()) }
    }
}

impl<B: Backend> ErrorType for SerialLine<B> {
    type Error = Infallible;
}

impl<B: Backend> ReadReady for SerialLine<B> {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.uart.backend().kept.is_empty() || self.uart.ready_to_receive().is_ok())
    }
}

impl<B: Backend> Read for SerialLine<B> {
    /// Waits if there is no byte: ask `read_ready` first.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        loop {
            match self.receive(buffer) {
                0 if !buffer.is_empty() => hint::spin_loop(),
                taken => return Ok(taken),
            }
        }
    }
}

impl<B: Backend> WriteReady for SerialLine<B> {
    /// Whether all written bytes have left the FIFO, as [`is_drained`](Self::is_drained).
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.is_drained())
    }
}

impl<B: Backend> Write for SerialLine<B> {
    /// Waits for earlier bytes to leave: ask `write_ready` first.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        loop {
            match self.send(bytes) {
                0 if !bytes.is_empty() => hint::spin_loop(),
                sent => return Ok(sent),
            }
        }
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while self.uart.ready_to_send().is_err() {
            hint::spin_loop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
