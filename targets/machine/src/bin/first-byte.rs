//! The least that a machine can boot and answer: one byte on the first serial port, then sleep. Boot times are measured against it,
//! and on x86_64 round trips: on a PC it gives back what comes.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
core::arch::global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                  # sizes of name and value, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start

    .section .data.tables, "aw"
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        # 0x08: 32-bit code
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
    .balign 8
line_gate:
    .quad 0                         # filled in below: addresses cannot be split by a linker
idt_pointer:
    .word LINE_VECTOR * 8 + 7
    .long line_gate - LINE_VECTOR * 8

    .section .text.boot, "ax"
    .code32
    .global _start
    .set LINE_VECTOR, 0x24          # of IRQ 4, COM1's, as the interrupt controller is told below
_start:
    mov dx, 0x3f8
    mov al, '!'
    out dx, al

    mov esp, offset __stack_top
    lgdt [gdt_pointer]
    push 0x08
    mov eax, offset own_code
    push eax
    retf
own_code:
    mov eax, offset line
    mov word ptr [line_gate], ax
    shr eax, 16
    mov word ptr [line_gate + 6], ax
    mov dword ptr [line_gate + 2], 0x8e000008
    lidt [idt_pointer]

    mov al, 0x11                    # the 8259: begin, vectors, the other one's pin, x86
    out 0x20, al
    mov al, LINE_VECTOR - 4
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xef                    # only IRQ 4
    out 0x21, al
    mov dx, 0x3fc                   # the 16550: its interrupt gets out, and says what has come
    mov al, 0x0b
    out dx, al
    mov dx, 0x3f9
    mov al, 1
    out dx, al
    sti
1:  hlt
    jmp 1b

line:
    mov dx, 0x3fd
    in al, dx
    test al, 1
    jz 1f
    mov dx, 0x3f8
    in al, dx
    out dx, al
    jmp line
1:  mov al, 0x20
    out 0x20, al
    iretd
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
