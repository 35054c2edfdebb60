//! What the hypervisor is asked for (public/xen.h, memory.h, sched.h, event_channel.h, hvm/hvm_op.h).

use core::arch::asm;
use core::ptr;
use core::sync::atomic::AtomicU32;

use x86_64::registers::model_specific::Msr;

use crate::arch::{cpuid, hypervisor};

const MEMORY_OP: usize = 12;
const ADD_TO_PHYSMAP: u64 = 7;
const SCHED_OP: usize = 29;
const SHUTDOWN: u64 = 2;
const POLL: u64 = 3;
const EVENT_CHANNEL_OP: usize = 32;
const SEND: u64 = 4;
const ALLOC_UNBOUND: u64 = 6;
const HVM_OP: usize = 34;
const GET_PARAM: u64 = 1;

const DOMID_SELF: u16 = 0x7ff0;
/// The bytes of the page that a hypercall has.
const ENTRY: usize = 32;
/// The first leaf of CPUID for hypervisors, that behind the last, and from one hypervisor's to the next one's.
const LEAVES: (u32, u32, usize) = (0x4000_0000, 0x4001_0000, 0x100);

/// A page of words that others may write to.
#[repr(C, align(4096))]
pub(super) struct Page(pub(super) [AtomicU32; 1024]);

impl Page {
    pub(super) const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; 1024])
    }
}

/// Where the hypervisor writes its hypercalls.
static CODE: Page = Page::new();

/// Which pages of the hypervisor's a page of the guest becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Space {
    SharedInfo = 0,
    GrantTable = 1,
}

/// What the toolstack has told the hypervisor of the domain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parameter {
    StoreFrame = 1,
    StorePort = 2,
    ConsoleFrame = 17,
    ConsolePort = 18,
}

/// Why a domain ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reason {
    PowerOff = 0,
    Reboot = 1,
    Crash = 3,
}

/// The hypervisor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hypervisor(());

impl Hypervisor {
    /// Xen, if that is what the guest runs on.
    pub(super) fn find() -> Option<Self> {
        if hypervisor() == [0; 3] {
            return None;
        }
        // With Hyper-V's interface for Windows, Xen's own comes behind that.
        let (first, end, step) = LEAVES;
        let base = (first..end).step_by(step).find(|&leaf| {
            let [_, ebx, ecx, edx] = cpuid(leaf);
            [ebx, ecx, edx].map(u32::to_le_bytes).as_flattened() == b"XenVMMXenVMM"
        })?;
        let [_, register, ..] = cpuid(base + 2);
        // SAFETY: Xen says that writing to this register has it write its hypercalls to that page, which is nothing else.
        unsafe { Msr::new(register).write(ptr::from_ref(&CODE).addr() as u64) };
        Some(Self(()))
    }

    /// # Safety
    /// `argument` must be what the hypercall takes, and where it points to must be there for what the hypercall does.
    unsafe fn call<T>(self, number: usize, operation: u64, argument: &mut T) -> i64 {
        let entry = ptr::from_ref(&CODE).addr() + number * ENTRY;
        let result: i64;
        // SAFETY: There is a value only once Xen has filled the page with code, which changes no other register.
        unsafe {
            asm!("call {}", in(reg) entry, inout("rdi") operation => _, inout("rsi") argument => _, out("rdx") _,
                out("rcx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("rax") result);
        }
        result
    }

    /// Has a page of the hypervisor's take the place of a page of the guest's.
    pub(super) fn map(self, space: Space, page: &'static Page) -> Option<()> {
        #[repr(C)]
        struct AddToPhysmap {
            domain: u16,
            size: u16,
            space: u32,
            index: u64,
            frame: u64,
        }
        let frame = ptr::from_ref(page).addr() as u64 >> 12;
        let mut request = AddToPhysmap { domain: DOMID_SELF, size: 0, space: space as u32, index: 0, frame };
        // SAFETY: The structure is this hypercall's. The page is there for whatever others write to it.
        (unsafe { self.call(MEMORY_OP, ADD_TO_PHYSMAP, &mut request) } == 0).then_some(())
    }

    pub(super) fn parameter(self, parameter: Parameter) -> Option<u64> {
        #[repr(C)]
        struct GetParam {
            domain: u16,
            padding: u16,
            index: u32,
            value: u64,
        }
        let mut request = GetParam { domain: DOMID_SELF, padding: 0, index: parameter as u32, value: 0 };
        // SAFETY: The structure is this hypercall's.
        (unsafe { self.call(HVM_OP, GET_PARAM, &mut request) } == 0 && request.value != 0).then_some(request.value)
    }

    /// A port for events that another domain may bind to.
    pub(super) fn new_port(self, remote: u16) -> Option<u32> {
        #[repr(C)]
        struct AllocUnbound {
            domain: u16,
            remote: u16,
            port: u32,
        }
        let mut request = AllocUnbound { domain: DOMID_SELF, remote, port: 0 };
        // SAFETY: The structure is this hypercall's.
        (unsafe { self.call(EVENT_CHANNEL_OP, ALLOC_UNBOUND, &mut request) } == 0).then_some(request.port)
    }

    /// Sends an event to whoever is at the other end of a port.
    pub(super) fn notify(self, mut port: u32) {
        // SAFETY: The hypercall takes a port.
        unsafe { self.call(EVENT_CHANNEL_OP, SEND, &mut port) };
    }

    /// Sleeps until an event is pending at one of the ports, or until the clock shows so many nanoseconds; 0 is never.
    pub(super) fn poll(self, ports: &[u32], until: u64) {
        #[repr(C)]
        struct Poll {
            ports: *const u32,
            count: u32,
            until: u64,
        }
        let mut request = Poll { ports: ports.as_ptr(), count: ports.len() as u32, until };
        // SAFETY: The structure is this hypercall's, and points to as many ports as it says.
        unsafe { self.call(SCHED_OP, POLL, &mut request) };
    }

    /// Ends the domain. It comes back only if the hypervisor refuses.
    pub(super) fn shut_down(self, reason: Reason) {
        let mut reason = reason as u32;
        // SAFETY: The hypercall takes a reason.
        unsafe { self.call(SCHED_OP, SHUTDOWN, &mut reason) };
    }
}
