#include "uart.h"

#include "platform.h"

enum {
    DATA = 0,
    INTERRUPT_ENABLE = 1,
    FIFO_CONTROL = 2,
    LINE_CONTROL = 3,
    MODEM_CONTROL = 4,
    LINE_STATUS = 5,
};

enum {
    FIFO_DEPTH = 16,
    DATA_READY = 1 << 0,
    TRANSMITTER_EMPTY = 1 << 5,
    DIVISOR_LATCH = 1 << 7,
};

void uart_start(void)
{
    uart_set(INTERRUPT_ENABLE, 0);
    uart_set(LINE_CONTROL, DIVISOR_LATCH);
    uart_set(DATA, 1);
    uart_set(INTERRUPT_ENABLE, 0);
    uart_set(LINE_CONTROL, 3);  // 8 bits; the latch is closed
    uart_set(FIFO_CONTROL, 7);  // on, and both empty
    uart_set(MODEM_CONTROL, 3); // DTR and RTS
    (void)uart_get(DATA);       // QEMU, whose host may have filled the FIFO, gives no more until something is read
}

size_t port_read(uint8_t *room, size_t size)
{
    size_t count = 0;
    while (count < size && (uart_get(LINE_STATUS) & DATA_READY))
        room[count++] = uart_get(DATA);
    return count;
}

void port_write(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (i % FIFO_DEPTH == 0)
            while (!(uart_get(LINE_STATUS) & TRANSMITTER_EMPTY)) {
            }
        uart_set(DATA, bytes[i]);
    }
}
