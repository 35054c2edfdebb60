//! An EFI application that boots the bare-metal image behind it in its file, as QEMU's `-kernel` does: for firmware that loads
//! EFI applications only.
//!
//! It needs no relocation, because its data contains no addresses and its code is position-independent.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod arch;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod boot;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod firmware;

// It is never linked. The place of a panic is an address in data, and the linker script allows none.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("efi-loader runs under UEFI firmware: it is part of the disks of `cargo xtask image`");
}
