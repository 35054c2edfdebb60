# From OpenSBI's entry (supervisor mode, paging off; RISC-V SBI 2.0) to kernel_main.

    .section .bss.boot, "aw", @nobits
    .balign 16
    .skip 16384
stack_top:

    .section .text.boot, "ax"
    .globl _start
_start:
    # The loader does not zero .bss again after a reset.
    la t0, __bss_start
    la t1, __bss_end
1:  sb zero, 0(t0)
    addi t0, t0, 1
    bltu t0, t1, 1b
    la sp, stack_top
    call platform_start
    call kernel_main
    unimp
