# Into S3 and back (ACPI 6.5, 5.2.10). Firmware comes back in real mode, cs:ip = vector >> 4 : vector & 15, with memory as
# it was; mode switches: Intel SDM vol. 3, 10.9.1 and 10.8.5.
#
# As it was, but for the image itself: QEMU loads the segments of what it was given as a kernel again at every reset, also
# at the one of waking (7.2: those in the file). So the image is copied aside before, and what firmware calls lies outside
# and copies it back.

    .set WAKE_PAGE, 0x8000          # the same as in suspend.rs
    .set WAKE_DATA, 0xc0

    .section .bss.suspended, "aw", @nobits
    .balign 8
suspended_stack:    .skip 8

    .section .text.suspend, "ax"
    .code64
# extern "C" fn(copy: *mut u8, enter: extern "C" fn(*const T), argument: *const T) -> bool
# Copies the image to `copy` and calls `enter`. Returns false when that returns, and true when the machine has woken.
    .global suspend_image
suspend_image:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    sub rsp, 8                      # the stack is aligned for the call, whose arguments these are
    mov qword ptr [rip + suspended_stack], rsp
    mov rax, rsi
    mov rbx, rdx

    # All but the stack's guard, which is not mapped.
    mov esi, offset __image_start
    mov ecx, offset __stack_guard
    sub ecx, esi
    shr ecx, 2
    rep movsd
    add esi, 4096
    add rdi, 4096
    mov ecx, offset __image_end
    sub ecx, esi
    shr ecx, 2
    rep movsd

    mov rdi, rbx
    call rax
    xor eax, eax
1:  add rsp, 8
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

wake64:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov rsp, qword ptr [rip + suspended_stack]
    mov eax, 1
    jmp 1b

# What is copied to WAKE_PAGE.
    .section .rodata.wake, "a"
    .balign 16
    .global wake_code
wake_code:
    .code16
    cli
    cld
    xor eax, eax
    mov ds, eax
    lgdt [WAKE_PAGE + WAKE_DATA]
    mov eax, cr0
    and eax, 0x9fffffff             # caches on
    or eax, 1                       # PE
    mov cr0, eax
    .byte 0x66, 0xea                # far jump, 32-bit offset
    .long WAKE_PAGE + (wake32 - wake_code)
    .word 0x08

    .code32
wake32:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esi, dword ptr [WAKE_PAGE + WAKE_DATA + 8]
    mov edi, offset __image_start
    mov ecx, offset __image_end
    sub ecx, edi
    shr ecx, 2
    rep movsd

    # The image is there, with its page tables and descriptors: on as in boot.s.
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
    .byte 0xea                      # far jump
    .long wake64
    .word 0x08

    .org WAKE_DATA
    .word 3 * 8 - 1
    .long WAKE_PAGE + (wake_descriptors - wake_code)
    .balign 4
    .global wake_copy
wake_copy:
    .long 0                         # where the copy of the image is: filled in
    .balign 8
wake_descriptors:
    .quad 0
    .quad 0x00cf9b000000ffff        # 0x08: 32-bit code
    .quad 0x00cf93000000ffff        # 0x10: data
    .global wake_code_end
wake_code_end:
    .code64
