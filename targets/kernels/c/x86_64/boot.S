# From the PVH entry (32 bits, paging off; Xen's docs/misc/pvh.pandoc) to kernel_main in 64-bit mode, with the first GiB mapped
# (Intel SDM vol. 3, 10.8.5).

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18                  # sizes of name and value; XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start

    .section .bss.boot, "aw", @nobits
    .balign 4096
level4: .skip 4096
level3: .skip 4096
level2: .skip 4096
    .balign 16
    .skip 16384
stack_top:

    .section .rodata.boot, "a"
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff        # 0x08: 64-bit code
    .quad 0x00cf93000000ffff        # 0x10: data
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .section .text.boot, "ax"
    .code32
    .globl _start
_start:
    # QEMU does not zero .bss again after a reset.
    xorl %eax, %eax
    movl $__bss_start, %edi
    movl $__bss_end, %ecx
    subl %edi, %ecx
    cld
    rep stosb
    movl $stack_top, %esp

    movl $level3 + 3, level4        # present, writable
    movl $level2 + 3, level3
    movl $level2, %edi
    movl $0x83, %eax                # present, writable, 2 MiB
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 1b

    movl %cr4, %eax
    orl $0x20, %eax                 # PAE
    movl %eax, %cr4
    movl $level4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER
    rdmsr
    orl $0x100, %eax                # LME
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax           # PG
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $start64

    .code64
start64:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    call platform_start
    call kernel_main
    ud2
