//! nanoqga as a program for Linux: what qemu-ga is, in one small static file.
//!
//! Without std: musl's start-up code and memory, and nothing else. Elsewhere it only says how to build it.
#![cfg_attr(target_env = "musl", no_std, no_main)]

#[cfg(target_env = "musl")]
mod image {
    extern crate alloc;

    use core::alloc::{GlobalAlloc, Layout};
    use core::ffi::{CStr, c_char, c_int, c_void};
    use core::panic::PanicInfo;

    use alloc::vec::Vec;

    use nanoqga_linux::program::run;

    #[link(name = "c", kind = "static", modifiers = "-bundle")]
    unsafe extern "C" {}

    /// Called by musl's start-up code.
    #[unsafe(no_mangle)]
    extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
        let mut line = Vec::new();
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: There are `count` words, each ends with a zero, and they stay as long as the process.
            let word = unsafe { CStr::from_ptr(*words.add(index)) };
            match word.to_str() {
                Ok(word) => line.push(word),
                Err(_) => panic!("an argument is not UTF-8: {word:?}"),
            }
        }
        run(&line) as c_int
    }

    /// How malloc aligns memory, at least: for every type of C.
    const NATURAL: usize = 2 * size_of::<usize>();

    /// musl's memory.
    struct Malloc;

    // SAFETY: memalign gives memory of that size and alignment, or null, and free takes it back.
    unsafe impl GlobalAlloc for Malloc {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: An alignment is a power of two. memalign wants no less than a pointer's.
            unsafe { libc::memalign(layout.align().max(size_of::<usize>()), layout.size()).cast() }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            if layout.align() <= NATURAL {
                // Memory that is zero already is not written to, and takes no page before it is used.
                // SAFETY: calloc gives memory of that size, with that alignment, or null.
                return unsafe { libc::calloc(layout.size(), 1).cast() };
            }
            // SAFETY: The layout is the caller's to see to.
            let memory = unsafe { self.alloc(layout) };
            if !memory.is_null() {
                // SAFETY: The memory is as long as that.
                unsafe { memory.write_bytes(0, layout.size()) };
            }
            memory
        }

        unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
            // SAFETY: The caller has it from `alloc`.
            unsafe { libc::free(memory.cast::<c_void>()) }
        }

        unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            if layout.align() <= NATURAL {
                // SAFETY: The caller has it from `alloc`, and realloc keeps that alignment.
                return unsafe { libc::realloc(memory.cast::<c_void>(), size).cast() };
            }
            // SAFETY: The size is not zero and, with that alignment, no more than isize::MAX: both are the caller's to see to.
            let larger = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
            if !larger.is_null() {
                // SAFETY: Both are as long as the shorter of them, and not the same memory.
                unsafe {
                    core::ptr::copy_nonoverlapping(memory, larger, size.min(layout.size()));
                    self.dealloc(memory, layout);
                }
            }
            larger
        }
    }

    #[global_allocator]
    static MALLOC: Malloc = Malloc;

    /// The target's `alloc` was compiled to unwind. Nothing here does, so this is only named by it, and never called.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}

    /// As above.
    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Resume() -> ! {
        // SAFETY: It does not return.
        unsafe { libc::abort() }
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        nanoqga_linux::critical!("{info}");
        // SAFETY: It does not return.
        unsafe { libc::abort() }
    }
}

#[cfg(not(target_env = "musl"))]
fn main() {
    eprintln!("nanoqga for Linux is built for musl: `cargo xtask image --machine linux`");
}
