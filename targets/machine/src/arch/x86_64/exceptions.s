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

# A device has something for the guest that sleeps: return with interrupts off, so that the main loop gets to the device before the
# next one. `Interrupts::sleep` tells the local APIC of the end. An interrupt that was withdrawn before it was delivered has none.
    .global wake_entry, spurious_entry
wake_entry:
spurious_entry:
    and byte ptr [rsp + 17], 0xfd
    iretq
