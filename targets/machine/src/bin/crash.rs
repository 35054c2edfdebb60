//! A guest that dies, in the way that its host name says: what is to be seen then does not depend on a fault in the image.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::hint::black_box;
    use core::panic::PanicInfo;
    use core::ptr;

    use machine::Machine;
    use machine::last_words::die;

    const NOWHERE: usize = 1 << 45;

    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(start_info: u64) -> ! {
        let (mut faults, mut overflows) = (false, false);
        Machine::start(start_info, |word| {
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

    /// Takes more stack than there is.
    fn overflow(depth: u64) -> u64 {
        let room = black_box([depth; 64]);
        if black_box(depth) == 0 { 0 } else { overflow(depth + 1) + room[black_box(63)] }
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        die(info)
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this guest dies without an operating system: build it for a bare target");
}
