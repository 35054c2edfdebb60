//! A console of the domain as a channel of bytes (docs/man/xen-pv-channel.7, public/io/console.h, public/io/xenbus.h).

use core::convert::Infallible;
use core::fmt::Write as _;
use core::sync::atomic::{AtomicBool, Ordering};

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use heapless::String;

use super::domain::Domain;
use crate::log;
use crate::log::Value;
use crate::xen::pages::ConsolePage;
use crate::xen::store::StoreError;

const CONSOLES: &str = "device/console/";
/// Room for the names of all consoles.
const NAMES: usize = 128;
/// States of a device.
const INITIALISED: &str = "3";
const CONNECTED: &str = "4";

static PAGE: ConsolePage = ConsolePage::new();
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A number in digits.
type Digits = String<10>;

/// A console that the host has given a name. It never fails, and nobody knows whether somebody is at its other end.
#[derive(Debug)]
pub struct Console {
    domain: Domain,
    port: u32,
}

impl Console {
    /// The console called `name`, connected to its backend. There is one at most.
    pub fn find(domain: Domain, name: &str) -> Option<Self> {
        if IS_TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        match Self::connect(domain, name) {
            Ok(console) => Some(console),
            Err(StoreError::Refused) => {
                log!("xen: the store has no console for the agent");
                None
            }
            Err(StoreError::Broken) => {
                log!("xen: the store does not answer");
                None
            }
        }
    }

    fn connect(domain: Domain, name: &str) -> Result<Self, StoreError> {
        let mut names = [0; NAMES];
        let numbers = domain.with_store(|store| store.directory(&[CONSOLES.trim_end_matches('/')], &mut names))?;
        let number = numbers
            .split(|byte| *byte == 0)
            .filter_map(|number| str::from_utf8(number).ok().filter(|number| !number.is_empty()))
            .find(|number| {
                let mut value = [0; 64];
                let read = domain.with_store(|store| store.read(&[CONSOLES, number, "/name"], &mut value));
                read.is_ok_and(|value| value == name.as_bytes())
            })
            .ok_or(StoreError::Refused)?;
        let mut backend = [0; 8];
        let backend = domain.with_store(|store| store.read(&[CONSOLES, number, "/backend-id"], &mut backend))?;
        let backend = str::from_utf8(backend).ok().and_then(|id| id.parse().ok()).ok_or(StoreError::Refused)?;
        let grant = domain.grant(&PAGE, backend).ok_or(StoreError::Refused)?;
        let port = domain.new_port(backend).ok_or(StoreError::Refused)?;
        let values =
            [("/ring-ref", &*digits(grant)), ("/port", &*digits(port)), ("/state", INITIALISED), ("/state", CONNECTED)];
        for (member, value) in values {
            domain.with_store(|store| store.write(&[CONSOLES, number, member], value))?;
        }
        log!("xen: the agent's console is {}", Value::copied(number));
        Ok(Self { domain, port })
    }
}

fn digits(number: u32) -> Digits {
    let mut text = Digits::new();
    // There is room for every number.
    _ = write!(text, "{number}");
    text
}

impl ErrorType for Console {
    type Error = Infallible;
}

impl ReadReady for Console {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(PAGE.input().used() > 0)
    }
}

impl Read for Console {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        loop {
            let taken = PAGE.input().take(buffer);
            if taken > 0 || buffer.is_empty() {
                self.domain.notify(self.port);
                return Ok(taken);
            }
            self.domain.sleep();
        }
    }
}

impl WriteReady for Console {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        Ok(PAGE.output().room() > 0)
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        loop {
            let put = PAGE.output().put(bytes);
            if put > 0 || bytes.is_empty() {
                self.domain.notify(self.port);
                return Ok(put);
            }
            self.domain.sleep();
        }
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
