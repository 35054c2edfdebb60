// From the loader's entry (EL1, EL2 or EL3, MMU off, x0 = physical address of the device tree, or 0 when that is at the start of
// RAM) to kernel_main at EL1 with memory mapped (Arm Architecture Reference Manual for A-profile, D1.4, D8.2 to D8.4).
// CPUs other than this one stay with the firmware, which nobody tells to start them.

    .equ RAM, 0x40000000            // its first GiB is mapped as such, all else of 512 GiB as devices
    .equ DEVICE, 0x0060000000000401 // block, MAIR's first kind, accessed, not executable
    .equ MEMORY, 0x705              // block, MAIR's second kind, inner shareable, accessed
    .equ PAGE, MEMORY | 2           // the same as a page of the last level

    .section .bss.page_tables, "aw", @nobits    // page-aligned by the linker script
level1:             .skip 4096      // 512 GiB in blocks of 1 GiB
level2:             .skip 4096      // the first GiB of RAM in blocks of 2 MiB
level3:             .skip 4096      // the image's 2 MiB in pages of 4 KiB, for the stack's guard
tables_end:

// The table of exception vectors begins here. Those of EL0 and of the stack that EL0 shares, to which the first quarter and
// the last half belong, are never used: there is room for code.
    .section .text.boot, "ax"
    .global _start
_start:
    mov x19, x0
    mrs x23, CurrentEL
    mrs x1, id_aa64pfr0_el1
    cmp x23, #3 << 2
    b.ne enter_el2
    mov x0, #0x531                  // what is below EL3 is not secure, has 64 bits, and may make calls
    msr scr_el3, x0
    msr cptr_el3, xzr
    adr x0, _start
    msr vbar_el3, x0
    ubfx x0, x1, #24, #4
    cbz x0, 1f
    mov x0, #0xf
    msr S3_6_C12_C12_5, x0          // ICC_SRE_EL3
    isb
1:  tst x1, #0xf00                  // is there an EL2?
    mov x0, #0x3c5
    mov x2, #0x3c9
    csel x0, x0, x2, eq
    msr spsr_el3, x0
    adr x0, enter_el2
    msr elr_el3, x0
    eret

enter_el2:
    mrs x0, CurrentEL
    cmp x0, #2 << 2
    b.ne 1f
    mov x0, #1 << 31                // EL1 has 64 bits, and nothing that it does is trapped
    msr hcr_el2, x0
    mov x0, #3                      // counter and timer are EL1's
    msr cnthctl_el2, x0
    msr cntvoff_el2, xzr
    mov x0, #0x33ff
    msr cptr_el2, x0
    ubfx x0, x1, #24, #4
    cbz x0, 2f
    mov x0, #0xf                    // a GIC's system registers are EL1's, where there are any
    msr S3_4_C12_C9_5, x0           // ICC_SRE_EL2
    isb
2:  mov x0, #0x3c5                  // to EL1 with its own stack, everything masked
    msr spsr_el2, x0
    adr x0, 1f
    msr elr_el2, x0
    eret

1:  msr daifset, #15                // interrupts end a sleep, but are never taken
    adr x0, _start
    msr vbar_el1, x0

    // With the MMU off, memory is written past the caches: what they have of the tables goes before and after.
    bl clean_tables
    adrp x20, level1
    adrp x21, level2
    adrp x22, level3
    ldr x1, =DEVICE
    mov x2, #1 << 30
    mov x0, x20
    bl fill
    orr x1, x21, #3                 // the next level
    str x1, [x20, #(RAM >> 30) * 8]
    ldr x1, =(RAM | MEMORY)
    mov x2, #1 << 21
    mov x0, x21
    bl fill
    adr x3, _start
    ubfx x4, x3, #21, #9
    orr x1, x22, #3
    str x1, [x21, x4, lsl #3]
    and x1, x3, #~0x1fffff
    mov x2, #PAGE
    orr x1, x1, x2
    mov x2, #1 << 12
    mov x0, x22
    bl fill
    adrp x3, __stack_guard
    ubfx x4, x3, #12, #9
    str xzr, [x22, x4, lsl #3]
    bl clean_tables

    mov x0, #0xff04                 // MAIR: device memory without gathering and reordering; memory, written back
    msr mair_el1, x0
    ldr x0, =0x200803519            // 39 bits, pages of 4 KiB, walks as of memory; no upper half; 40 physical bits
    msr tcr_el1, x0
    msr ttbr0_el1, x20
    tlbi vmalle1
    dsb sy
    isb
    ldr x0, =0x30d01805             // MMU and caches on; the bits that are always one
    msr sctlr_el1, x0
    isb
    b start_mapped

// Exceptions at EL1 with its own stack: every one ends the guest.
    .org _start + 0x200
    .rept 4
    .balign 0x80
    adrp x0, __emergency_stack_top
    add x0, x0, :lo12:__emergency_stack_top
    mov sp, x0
    bl exception
    .endr

// Calls to EL3, if nobody else is there: writes w1 to the physical address x0 of a secure register. Firmware's calls, whose numbers
// have their uppermost bit set, fail.
    .org _start + 0x400
    tbnz w0, #31, 1f
    str w1, [x0]
    dsb sy
    eret
1:  mov x0, #-1
    eret
    .balign 0x80

start_mapped:
    // The loader zeroes .bss on the first boot, but does not do so again after a reset.
    adrp x0, __bss_start
    add x0, x0, :lo12:__bss_start
    adrp x1, __bss_end
    add x1, x1, :lo12:__bss_end
1:  str xzr, [x0], #8
    cmp x0, x1
    b.lo 1b
    adrp x0, __stack_top
    add x0, x0, :lo12:__stack_top
    mov sp, x0
    adrp x0, FIRST_LEVEL
    strb w23, [x0, :lo12:FIRST_LEVEL]
    mov x0, #RAM
    cmp x19, #0
    csel x0, x0, x19, eq
    mov x29, xzr
    bl kernel_main
    udf #0

// Fills the table at x0 with 512 entries: x1, then each by x2 further on.
fill:
    add x3, x0, #4096
1:  str x1, [x0], #8
    add x1, x1, x2
    cmp x0, x3
    b.lo 1b
    ret

clean_tables:
    adrp x0, level1
    adrp x1, tables_end
1:  dc civac, x0
    add x0, x0, #16                 // no cache has shorter lines
    cmp x0, x1
    b.lo 1b
    dsb sy
    ret
