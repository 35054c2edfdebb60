// The functions of a platform. x86_64/ and riscv64/ are machines of QEMU, host/ is a program.

#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The machine's architecture, as `uname -m` prints it.
extern const char machine_name[];

// Reads what has come over the agent's port; returns how many bytes, at most `size`. On a machine it does not wait.
size_t port_read(uint8_t *room, size_t size);

// Writes all of it to the agent's port.
void port_write(const uint8_t *bytes, size_t length);

// Tells the machine's clock, in nanoseconds since 1970; returns whether there is one.
bool clock_read(int64_t *time);

// They return only if that cannot be done.
void power_off(void);
void restart(void);

#endif
