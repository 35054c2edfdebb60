//! The domain that the guest is.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use heapless::Vec;

use super::hypercalls::{Hypervisor, Page, Parameter, Reason, Space};
use crate::arch::{SystemTime, identity_map, system_time};
use crate::cell::{FoundAtBoot, OneCpu};

/// Words of the shared page (public/xen.h, `struct shared_info`): the first CPU's clock, the pending events, the wall clock.
const CLOCK: usize = 8;
const PENDING: usize = 512;
const PENDING_WORDS: usize = 128;
const WALL_VERSION: usize = 768;
const WALL_SECONDS: usize = 769;
const WALL_NANOSECONDS: usize = 770;
const WALL_SECONDS_HIGH: usize = 771;

/// The first entry of the grant table that the toolstack leaves alone (public/grant_table.h), and what permits another domain to
/// read and write a page.
const FIRST_GRANT: usize = 8;
const PERMIT_ACCESS: u32 = 1;
const GRANTS: usize = 512;

/// How many ports end a sleep: those of the store and of consoles.
const PORTS: usize = 4;

static SHARED_INFO: Page = Page::new();
static GRANT_TABLE: Page = Page::new();
static NEXT_GRANT: AtomicU32 = AtomicU32::new(FIRST_GRANT as u32);
/// The domain, once it was looked for.
static DOMAIN: FoundAtBoot<Option<Domain>> = FoundAtBoot::new();
/// The ports whose events end a sleep.
static AWAITED: OneCpu<Vec<u32, PORTS>> = OneCpu::new(Vec::new());

/// The domain: the hypervisor, and the page that it shares with the guest.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    hypervisor: Hypervisor,
}

impl Domain {
    /// The domain, if the guest is one.
    pub fn find() -> Option<Self> {
        *DOMAIN.get().unwrap_or_else(|| DOMAIN.give(Self::begin()))
    }

    fn begin() -> Option<Self> {
        let hypervisor = Hypervisor::find()?;
        hypervisor.map(Space::SharedInfo, &SHARED_INFO)?;
        Some(Self { hypervisor })
    }

    /// Sleeps until another domain has something for this one. What came since the last sleep ends it at once.
    pub fn sleep(self) {
        if let Some(ports) = AWAITED.borrow() {
            self.wait(&ports, 0);
        }
    }

    /// Waits until an event is pending at one of the ports, or until the clock shows so many nanoseconds (0 is never), and takes the
    /// events.
    pub(super) fn wait(self, ports: &[u32], until: u64) {
        self.hypervisor.poll(ports, until);
        for &port in ports {
            if let Some(word) = SHARED_INFO.0.get(PENDING + port as usize / 32 % PENDING_WORDS) {
                word.fetch_and(!(1 << (port % 32)), Ordering::AcqRel);
            }
        }
    }

    /// Switches the domain off. It comes back only if the hypervisor refuses.
    pub(crate) fn power_off(self) {
        self.hypervisor.shut_down(Reason::PowerOff);
    }

    /// Has the toolstack start the domain again. It comes back only if the hypervisor refuses.
    pub(crate) fn reboot(self) {
        self.hypervisor.shut_down(Reason::Reboot);
    }

    /// Tells the toolstack that the domain has crashed. It comes back only if the hypervisor refuses.
    pub(crate) fn crash(self) {
        self.hypervisor.shut_down(Reason::Crash);
    }

    /// Nanoseconds since the domain was started.
    pub(crate) fn now(self) -> u64 {
        let clock: *const SystemTime = ptr::from_ref(&SHARED_INFO).wrapping_byte_add(CLOCK * 4).cast();
        // SAFETY: The page is the hypervisor's, which keeps the structure there.
        unsafe { system_time(clock) }
    }

    /// When the domain was started, in nanoseconds since 1970.
    pub(crate) fn started_at(self) -> i64 {
        let word = |index: usize| SHARED_INFO.0.get(index).map_or(0, |word| word.load(Ordering::Acquire));
        loop {
            let version = word(WALL_VERSION);
            let seconds = u64::from(word(WALL_SECONDS_HIGH)) << 32 | u64::from(word(WALL_SECONDS));
            let nanoseconds = word(WALL_NANOSECONDS);
            if version == word(WALL_VERSION) && version.is_multiple_of(2) {
                return seconds.cast_signed().wrapping_mul(1_000_000_000).wrapping_add(nanoseconds.into());
            }
        }
    }

    /// Sends an event to whoever is at the other end of a port.
    pub(super) fn notify(self, port: u32) {
        self.hypervisor.notify(port);
    }

    /// A page and a port of the toolstack's making.
    pub(super) fn shared_page<T>(self, frame: Parameter, port: Parameter) -> Option<(&'static T, u32)> {
        let address = self.hypervisor.parameter(frame)?.checked_mul(4096)?;
        let port = u32::try_from(self.hypervisor.parameter(port)?).ok()?;
        if address >= identity_map::END || identity_map::image().contains(&address) {
            return None;
        }
        // SAFETY: The toolstack has a page of this kind there, clear of the memory that it calls RAM. It is mapped, and all of it
        // is atomic.
        Some((unsafe { &*ptr::with_exposed_provenance(address as usize) }, port))
    }

    /// Lets another domain use a page, and gives the number of the permission.
    pub(super) fn grant<T>(self, page: &'static T, to: u16) -> Option<u32> {
        let number = NEXT_GRANT.fetch_add(1, Ordering::Relaxed);
        if number == FIRST_GRANT as u32 {
            self.hypervisor.map(Space::GrantTable, &GRANT_TABLE)?;
        }
        let entry = usize::try_from(number).ok().filter(|entry| *entry < GRANTS)? * 2;
        let frame = u32::try_from(ptr::from_ref(page).expose_provenance() >> 12).ok()?;
        GRANT_TABLE.0.get(entry + 1)?.store(frame, Ordering::Relaxed);
        GRANT_TABLE.0.get(entry)?.store(u32::from(to) << 16 | PERMIT_ACCESS, Ordering::Release);
        Some(number)
    }

    /// A new port that another domain may bind to, whose events end sleeps.
    pub(super) fn new_port(self, remote: u16) -> Option<u32> {
        let port = self.hypervisor.new_port(remote)?;
        self.await_port(port)?;
        Some(port)
    }

    /// Has the events of a port end sleeps.
    pub(super) fn await_port(self, port: u32) -> Option<()> {
        AWAITED.borrow()?.push(port).ok()
    }
}
