# Entries of exceptions and interrupts.

    .section .text.exceptions, "ax"

# One call of five bytes for each of the 32 exceptions: its return address tells which one it was.
    .global exception_entries
exception_entries:
    .rept 32
    call exception_common
    .endr

exception_common:
    mov rdi, rsp
    and rsp, -16
    call exception                  # does not return

# A device has something for the guest that sleeps: acknowledge, and return with interrupts off, so that the main loop
# gets to the device before the next one.
    .global wake_entry
wake_entry:
    push rax
    mov rax, qword ptr [rip + LOCAL_APIC]
    mov dword ptr [rax + 0xb0], 0   # end of interrupt
    and byte ptr [rsp + 8 + 17], 0xfd   # IF in the saved flags
    pop rax
    iretq

# An interrupt that was withdrawn before it was delivered is not acknowledged.
    .global spurious_entry
spurious_entry:
    and byte ptr [rsp + 17], 0xfd
    iretq
