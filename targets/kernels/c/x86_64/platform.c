// QEMU's q35: COM1, the CMOS clock, and the power registers where its firmware leaves them.

#include "platform.h"
#include "uart.h"

void platform_start(void);

enum {
    COM1 = 0x3f8,
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
    RESET_CONTROL = 0xcf9,
    PM1A_CONTROL = 0x604,
};

const char machine_name[] = "x86_64";

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

void platform_start(void)
{
    uart_start();
}

uint8_t uart_get(unsigned number)
{
    return in8((uint16_t)(COM1 + number));
}

void uart_set(unsigned number, uint8_t value)
{
    out8((uint16_t)(COM1 + number), value);
}

// A register of the clock, which QEMU's firmware leaves in binary-coded decimal and 24 hours (Motorola MC146818A).
static int64_t cmos(uint8_t number)
{
    out8(CMOS_INDEX, number);
    uint8_t value = in8(CMOS_DATA);
    return (value >> 4) * 10 + (value & 15);
}

static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    // The year begins in March, so that the day that some years have more is its last.
    year -= month <= 2;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

bool clock_read(int64_t *time)
{
    enum { SECOND = 0, MINUTE = 2, HOUR = 4, DAY = 7, MONTH = 8, YEAR = 9, STATUS_A = 10 };
    int64_t seconds, again;
    do {
        out8(CMOS_INDEX, STATUS_A);
        while (in8(CMOS_DATA) & 0x80) {
        }
        seconds = days_since_1970(2000 + cmos(YEAR), cmos(MONTH), cmos(DAY)) * 86400;
        seconds += cmos(HOUR) * 3600 + cmos(MINUTE) * 60;
        again = cmos(SECOND);
        seconds += again;
        // An update in between is seen by the second, which has then changed.
    } while (cmos(SECOND) != again);
    *time = seconds * 1000000000;
    return true;
}

void power_off(void)
{
    out16(PM1A_CONTROL, 1 << 13); // SLP_EN, and the sleep type that is S5 here (ACPI 6.5, 4.8.3.2.1)
}

void restart(void)
{
    out8(RESET_CONTROL, 6);
}
