//! The nanoqga image.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use bare_metal::arch::x86_64::{halt, outb};
    #[unsafe(no_mangle)]
    extern "C" fn kernel_main(_start_info: u64) -> ! {
        for &b in b"nanoqga\r\n" {
            // SAFETY: COM1.
            unsafe { outb(0x3f8, b) }
        }
        halt()
    }
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        halt()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("nanoqga runs without an operating system: build it with `cargo xtask image`");
}
