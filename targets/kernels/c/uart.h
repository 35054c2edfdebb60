// A driver of the 16550 (National Semiconductor PC16550D), over the platform's way to its registers.

#ifndef UART_H
#define UART_H

#include <stdint.h>

// A register, by its number from 0 to 7.
uint8_t uart_get(unsigned number);
void uart_set(unsigned number, uint8_t value);

// 115200 baud, 8 data bits, no parity, 1 stop bit, FIFOs on, no interrupts.
void uart_start(void);

#endif
