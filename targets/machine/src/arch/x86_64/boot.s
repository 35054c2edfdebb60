# From the entry (32-bit, paging off, ebx = physical address of the start information) to kernel_main in 64-bit mode.
# PVH boot ABI: Xen's docs/misc/pvh.pandoc; the same state is Multiboot2's (Multiboot2 Specification 2.0, 3.3). Paging and mode
# switch: Intel SDM vol. 3, 10.8.5.

    .section .note.pvh, "a", @note
    .balign 4
    .long 4                         # size of the name
    .long 8                         # size of the value: QEMU reads a whole word
    .long 18                        # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad _start

    # For boot loaders. QEMU, which prefers a header of the first Multiboot to PVH, does not look for this one.
    .section .multiboot2, "a"
    .balign 8
multiboot2:
    .long 0xe85250d6, 0             # the magic number; 32-bit protected mode
    .long multiboot2_end - multiboot2
    .long -(0xe85250d6 + multiboot2_end - multiboot2)
    .long 0, 8                      # the last tag
multiboot2_end:

    .section .bss.page_tables, "aw", @nobits    # page-aligned by the linker script
    .global level4
level4:             .skip 4096
    .global level3
level3:             .skip 4096
level2:             .skip 4 * 4096  # 4 GiB in pages of 2 MiB: not every CPU has pages of 1 GiB
level1:             .skip 4096      # the first 2 MiB in pages of 4 KiB, for the stack's guard
    .global level3_beyond, level2_beyond
level3_beyond:      .skip 4096      # for the GiB that `identity_map.rs` maps when it is needed
level2_beyond:      .skip 4096

    .section .data.gdt, "aw"
    .balign 8
    .global gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff        # 0x08: 64-bit code
    .quad 0x00cf93000000ffff        # 0x10: data
    .quad 0, 0                      # 0x18: task state segment, filled in with the exception handlers
    .global gdt_pointer
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt

    .section .text.boot, "ax"
    .code32
    .global _start
_start:
    # A loader zeroes .bss on the first boot, but not every one does so again after a reset.
    xor eax, eax
    mov edi, offset __bss_start
    mov ecx, offset __bss_dwords
    cld
    rep stosd
    mov esp, offset __stack_top

    # Identity map. The entries' upper halves stay zero.
    mov eax, offset level3
    or eax, 3                       # present, writable
    mov dword ptr [level4], eax
    mov eax, offset level2
    or eax, 3
    mov edi, offset level3
    mov ecx, 4
1:  mov dword ptr [edi], eax
    add edi, 8
    add eax, 4096
    loop 1b

    mov eax, 0x83                   # present, writable, 2 MiB
    mov edi, offset level2
    mov ecx, 4 * 512
1:  mov dword ptr [edi], eax
    add edi, 8
    add eax, 0x200000
    loop 1b

    mov eax, 3
    mov edi, offset level1
    mov ecx, 512
1:  mov dword ptr [edi], eax
    add edi, 8
    add eax, 4096
    loop 1b
    mov eax, offset level1
    or eax, 3
    mov dword ptr [level2], eax
    mov eax, offset __stack_guard
    shr eax, 12
    mov dword ptr [level1 + eax * 8], 0

    mov eax, cr4
    or eax, 0x20                    # PAE
    mov cr4, eax
    mov eax, offset level4
    mov cr3, eax
    mov ecx, 0xc0000080             # EFER
    rdmsr
    or eax, 0x100                   # LME
    wrmsr
    mov eax, cr0
    or eax, 0x80000000              # PG
    mov cr0, eax

    lgdt [gdt_pointer]
    mov eax, 0x08
    push eax
    mov eax, offset start64
    push eax
    retf

    .code64
start64:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov edi, ebx                    # zero-extends: the argument of kernel_main
    xor ebp, ebp
    call kernel_main
    ud2
