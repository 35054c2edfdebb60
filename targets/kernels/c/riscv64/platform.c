// QEMU's virt: the board's 16550, the goldfish clock, and the calls of its firmware (RISC-V SBI 2.0, chapter 10).

#include "platform.h"
#include "uart.h"

void platform_start(void);

#define UART ((volatile uint8_t *)0x10000000)
#define RTC ((volatile uint32_t *)0x101000)

enum {
    SYSTEM_RESET = 0x53525354,
    SHUTDOWN = 0,
    COLD_REBOOT = 1,
};

const char machine_name[] = "riscv64";

void platform_start(void)
{
    uart_start();
}

uint8_t uart_get(unsigned number)
{
    return UART[number];
}

void uart_set(unsigned number, uint8_t value)
{
    UART[number] = value;
}

bool clock_read(int64_t *time)
{
    // Reading the lower half keeps the upper one still.
    uint64_t low = RTC[0];
    uint64_t high = RTC[1];
    *time = (int64_t)(high << 32 | low);
    return true;
}

static void reset(unsigned long how)
{
    register unsigned long a0 __asm__("a0") = how;
    register unsigned long a1 __asm__("a1") = 0;
    register unsigned long a6 __asm__("a6") = 0;
    register unsigned long a7 __asm__("a7") = SYSTEM_RESET;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}

void power_off(void)
{
    reset(SHUTDOWN);
}

void restart(void)
{
    reset(COLD_REBOOT);
}
