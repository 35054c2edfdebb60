//! The least that a machine can boot and answer: one byte on the first serial port, then sleep. Boot times are measured against it.
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

#[cfg(all(target_os = "none", target_arch = "aarch64"))]
core::arch::global_asm!(
    r#"
    .section .text.boot, "ax"
    .global _start
_start:
    mov x0, #0x09000000             // the PL011 of QEMU's machine
    mov w1, #'!'
    str w1, [x0]
1:  wfi
    b 1b
"#
);

#[cfg(all(target_os = "none", target_arch = "riscv64"))]
core::arch::global_asm!(
    r#"
    .section .text.boot, "ax"
    .global _start
_start:
    li t0, 0x10000000               # the 16550 of QEMU's machine
    li t1, '!'
    sb t1, 0(t0)
1:  wfi
    j 1b
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
