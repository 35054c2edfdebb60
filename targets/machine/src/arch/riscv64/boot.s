# From the SBI's entry (supervisor mode, paging off, a0 = number of this hart, a1 = physical address of the device tree) to
# kernel_main with memory mapped (RISC-V SBI 2.0, 9.1; RISC-V privileged architecture, 10.3 to 10.5).
# Harts other than this one are started only to be parked. OpenSBI 1.1 may send one here all the same: it takes the word that a hart
# is wanted for granted before it has noted where. Whoever comes later than the first is parked.

    .section .bss.page_tables, "aw", @nobits    # page-aligned by the linker script
level2:             .skip 4096      # 256 GiB in pages of 1 GiB
level1:             .skip 4096      # the image's GiB in pages of 2 MiB
level0:             .skip 4096      # the image's 2 MiB in pages of 4 KiB, for the stack's guard

    .section .data.boot, "aw"       # not zeroed here; the loader brings it back after a reset
    .balign 4
is_taken: .word 0

    .section .text.boot, "ax"
    .global _start
_start:
    la t0, is_taken
    li t1, 1
    .option push
    .option arch, +a
    amoswap.w t1, t1, (t0)
    .option pop
    bnez t1, park

    csrw sie, zero
    csrci sstatus, 2                # interrupts end a sleep, but are never taken
    la t0, trap_entry
    csrw stvec, t0

    # The loader zeroes .bss on the first boot, but does not do so again after a reset.
    la t0, __bss_start
    la t1, __bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la sp, __stack_top
    la t0, BOOT_HART
    sd a0, 0(t0)

    # Identity map: the addresses of 38 bits of which the upper ones do not count.
    la t0, level2
    li t1, 0
    li t2, 256
    li t3, 1 << 30
    call fill
    la s0, level2
    la s1, level1
    la s2, __image_start
    srli t1, s2, 30
    slli t0, t1, 3
    add t0, t0, s0
    slli t1, t1, 30
    srli t2, s1, 2
    ori t2, t2, 1                   # valid, the next level
    sd t2, 0(t0)

    mv t0, s1
    li t2, 512
    li t3, 1 << 21
    call fill
    la s0, level0
    srli t0, s2, 21
    andi t0, t0, 511
    slli t0, t0, 3
    add t0, t0, s1
    srli t2, s0, 2
    ori t2, t2, 1
    sd t2, 0(t0)

    mv t0, s0
    srli t1, s2, 21
    slli t1, t1, 21
    li t2, 512
    li t3, 1 << 12
    call fill
    la t0, __stack_guard
    srli t0, t0, 12
    andi t0, t0, 511
    slli t0, t0, 3
    add t0, t0, s0
    sd zero, 0(t0)

    # A CPU without Sv39 ignores this, and has the same addresses without a guard.
    la t0, level2
    srli t0, t0, 12
    li t1, 8 << 60                  # Sv39
    or t0, t0, t1
    csrw satp, t0
    sfence.vma

    mv a0, a1
    call kernel_main
    unimp

# Fills t2 entries of the table at t0 with pages of t3 bytes, from address t1 on.
fill:
    srli t4, t1, 2
    ori t4, t4, 0xcf                # valid, readable, writable, executable, accessed, dirty
    sd t4, 0(t0)
    addi t0, t0, 8
    add t1, t1, t3
    addi t2, t2, -1
    bnez t2, fill
    ret

# Where other harts sleep for good. Nothing is let through that could end it.
    .global park
park:
    csrw sie, zero
1:  wfi
    j 1b

# Every exception ends the guest.
    .balign 4
trap_entry:
    la sp, __emergency_stack_top
    call trap
