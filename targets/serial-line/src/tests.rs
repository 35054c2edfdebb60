use super::*;
use std::{collections::VecDeque, vec::Vec};

/// A 16550 after its data sheet, wired as QEMU does: the host's bytes wait outside, and come in up to the FIFO's trigger level. When
/// the guest has taken a byte outside of loopback, the host may bring more: as soon as the guest finds nothing, at the latest.
#[derive(Default)]
struct Model {
    present: bool,
    host: VecDeque<u8>,
    received: VecDeque<u8>,
    sent: Vec<u8>,
    host_takes: bool,
    transmitter: Vec<u8>,
    registers: [u8; 8],
    fifo: bool,
    /// Whether it says that the FIFO is off.
    hides_fifo: bool,
    /// How many bytes come in at once.
    level: usize,
    /// Whether the host may bring more, and how often it has.
    asked: bool,
    turns: usize,
}

impl Model {
    fn new(fifo: bool, host: &[u8]) -> Self {
        let host = host.iter().copied().collect();
        let mut model = Self { present: true, fifo, level: 14, host_takes: true, host, ..Self::default() };
        model.let_in();
        model
    }

    fn let_in(&mut self) {
        self.turns += usize::from(!self.host.is_empty());
        while self.received.len() < if self.fifo { self.level } else { 1 } {
            let Some(byte) = self.host.pop_front() else { break };
            self.received.push_back(byte);
        }
        self.asked = false;
    }

    fn drain(&mut self) {
        if self.host_takes {
            self.sent.append(&mut self.transmitter);
        }
    }
}

impl Backend for Model {
    unsafe fn read(&mut self, register: u8) -> u8 {
        self.drain();
        let looped = self.registers[4] & 0x10 != 0;
        match register {
            _ if !self.present => 0xff,
            0 => {
                let byte = self.received.pop_front().unwrap_or(0);
                self.asked |= !looped;
                byte
            }
            2 => 1 | if self.fifo && !self.hides_fifo { 0xc0 } else { 0 },
            5 if self.received.is_empty() && self.asked => {
                self.let_in();
                // SAFETY: The model is no device.
                unsafe { self.read(5) }
            }
            5 => u8::from(!self.received.is_empty()) | if self.transmitter.is_empty() { 0x60 } else { 0 },
            _ => self.registers[usize::from(register)],
        }
    }

    unsafe fn write(&mut self, register: u8, value: u8) {
        self.drain();
        match register {
            0 if self.registers[3] & 0x80 == 0 => self.transmitter.push(value),
            2 => {
                let toggled = self.fifo != (value & 1 != 0);
                self.hides_fifo = false;
                self.fifo = value & 1 != 0;
                self.level = [1, 4, 8, 14][usize::from(value >> 6)];
                if toggled || value & 2 != 0 {
                    self.received.clear();
                }
                if toggled || value & 4 != 0 {
                    self.transmitter.clear();
                }
            }
            _ => self.registers[usize::from(register)] = value,
        }
    }
}

fn open(model: Model) -> SerialLine<Model> {
    // SAFETY: the model has the registers, and nobody else uses it.
    unsafe { SerialLine::open(model) }.expect("a UART")
}

fn receive_all(channel: &mut SerialLine<Model>) -> Vec<u8> {
    let mut all = Vec::new();
    while channel.read_ready().unwrap() {
        let mut chunk = [0; 7];
        let taken = channel.read(&mut chunk).unwrap();
        all.extend(&chunk[..taken]);
    }
    all
}

#[test]
fn a_request_sent_before_the_guest_looked_arrives_whole() {
    let request: Vec<u8> = (1..=200).collect();
    for fifo in [false, true] {
        for length in [0, 1, 2, 15, 16, 17, 18, 33, 34, 200] {
            let mut channel = open(Model::new(fifo, &request[..length]));
            assert_eq!(receive_all(&mut channel), request[..length], "FIFO already on: {fifo}, {length} bytes");
        }
    }
}

#[test]
fn a_fifo_that_is_hidden_by_a_reset_loses_nothing() {
    let request: Vec<u8> = (1..=200).collect();
    for length in [0, 1, 13, 14, 15, 200] {
        let model = Model { hides_fifo: true, ..Model::new(true, &request[..length]) };
        assert_eq!(receive_all(&mut open(model)), request[..length], "{length} bytes");
    }
}

#[test]
fn a_host_brings_fourteen_bytes_at_a_time() {
    let request = [b'x'; 1400];
    let mut channel = open(Model::new(true, b""));
    channel.uart.backend_mut().registers.host.extend(request);
    channel.uart.backend_mut().registers.let_in();
    assert_eq!(receive_all(&mut channel), request);
    assert_eq!(channel.uart.backend().registers.turns, 100);
}

#[test]
fn a_port_that_is_not_there_is_no_channel() {
    let absent = Model { present: false, ..Model::default() };
    // SAFETY: the model has the registers, and nobody else uses it.
    assert!(unsafe { SerialLine::open(absent) }.is_none());
}

#[test]
fn a_host_that_takes_nothing_neither_stalls_set_up_nor_sending() {
    let mut model = Model::new(true, b"");
    model.host_takes = false;
    model.transmitter = std::vec![b'x'];
    let mut channel = open(model);
    assert_eq!(channel.send(b"hello, world, how are you?"), 16, "a FIFO full");
    assert!(!channel.write_ready().unwrap());
    assert_eq!(channel.send(b"more"), 0);
}

#[test]
fn while_output_waits_the_transmitter_interrupts_and_nothing_else() {
    let mut channel = open(Model::new(true, b""));
    let interrupts = |channel: &SerialLine<Model>| channel.uart.backend().registers.registers[1];
    assert_eq!(interrupts(&channel), 0b01);
    channel.uart.backend_mut().registers.host_takes = false;
    channel.send(b"reply");
    assert!(!channel.write_ready().unwrap());
    assert_eq!(interrupts(&channel), 0b10);
    channel.uart.backend_mut().registers.host_takes = true;
    assert!(channel.write_ready().unwrap());
    assert_eq!(interrupts(&channel), 0b01);
    assert_eq!(channel.uart.backend().registers.sent, b"reply");
}

#[test]
fn a_uart_is_set_up_again_after_a_reset() {
    let mut channel = open(Model::new(true, b"before"));
    let registers = channel.uart.backend().registers.registers;
    channel.uart.backend_mut().registers.host_takes = false;
    assert_eq!(channel.send(b"on its way"), 10);
    assert!(!channel.is_drained(), "an interrupt will tell when it is");
    channel.uart.backend_mut().registers = Model::new(false, b"after");
    assert_eq!(channel.reopen(), Some(()));
    assert_eq!(channel.uart.backend().registers.registers, registers, "nothing is on its way any more");
    assert!(channel.is_drained());
    assert!(channel.uart.backend().registers.fifo);
    let mut buffer = [0; 8];
    let taken = channel.receive(&mut buffer);
    assert_eq!(&buffer[..taken], b"after", "and nothing from before");
    channel.uart.backend_mut().registers.present = false;
    assert_eq!(channel.reopen(), None);
}
