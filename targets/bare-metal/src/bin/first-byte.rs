//! The least that a machine can boot and answer: one byte on COM1, then sleep. Boot times are measured against it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
core::arch::global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                  # sizes of name and value, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start

    .section .text.boot, "ax"
    .code32
    .global _start
_start:
    mov dx, 0x3f8
    mov al, '!'
    out dx, al
1:  hlt
    jmp 1b
"#
);

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("first-byte runs without an operating system: build it for a bare target");
}
