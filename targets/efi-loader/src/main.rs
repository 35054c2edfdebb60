//! An EFI application that boots the bare-metal image behind it in its file, as QEMU's `-kernel` does: for firmware that runs
//! nothing else.
//!
//! It needs no relocation, since it has no addresses in its data and all others are taken from where it runs.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod arch;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod boot;
#[cfg(all(target_os = "none", not(target_arch = "x86_64")))]
mod firmware;

// Not even linked: where a panic came from is an address, and there are none.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("efi-loader runs under UEFI firmware: it is part of the disks of `cargo xtask image`");
}
