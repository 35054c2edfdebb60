//! A guest that dies, in the way that its host name says: what is to be seen then does not depend on a fault in the image.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::hint::black_box;
    use core::ptr;

    use machine::{Handover, Machine};

    const NOWHERE: usize = 1 << 45;

    machine::entry_point!(main);

    fn main(handover: Handover) -> ! {
        #[cfg(target_arch = "riscv64")]
        enter_by_every_hart();
        let (mut faults, mut overflows) = (false, false);
        Machine::start(handover, |word| {
            let Some(way) = word.strip_prefix("hostname=") else { return false };
            (faults, overflows) = (way == "fault", way == "overflow");
            true
        });
        if faults {
            // SAFETY: The address is mapped on none of the machines: nothing is changed, and the exception is wanted.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(NOWHERE).write_volatile(1) }
        }
        if overflows {
            overflow(1);
        }
        panic!("this guest was to die")
    }

    /// Has firmware start other harts where this one began, as it once did by mistake. They must do nothing to this guest.
    #[cfg(target_arch = "riscv64")]
    fn enter_by_every_hart() {
        /// A tenth of a second on QEMU's machine. The others need some thousand instructions to do harm.
        const TICKS: u64 = 1_000_000;
        unsafe extern "C" {
            safe static _start: u8;
        }
        let others = (0..8).filter(|&hart| sbi_rt::hart_start(hart, (&raw const _start).addr(), 0).is_ok()).count();
        let start = machine::timestamp();
        while others > 0 && machine::timestamp() - start < TICKS {}
        machine::log!("harts that began here, too: {}", others);
    }

    /// Takes more stack than there is.
    fn overflow(depth: u64) -> u64 {
        let room = black_box([depth; 64]);
        if black_box(depth) == 0 { 0 } else { overflow(depth + 1) + room[black_box(63)] }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this guest dies without an operating system: build it for a bare target");
}
