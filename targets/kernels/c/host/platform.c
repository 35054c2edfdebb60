// A program instead of a kernel: the agent's port is stdin and stdout. For valgrind, and to try things out.

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "platform.h"

void kernel_main(void);

const char machine_name[] = "host";

size_t port_read(uint8_t *room, size_t size)
{
    ssize_t count = read(STDIN_FILENO, room, size);
    if (count <= 0)
        exit(EXIT_SUCCESS);
    return (size_t)count;
}

void port_write(const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written <= 0)
            exit(EXIT_FAILURE);
        bytes += written;
        length -= (size_t)written;
    }
}

bool clock_read(int64_t *nanoseconds)
{
    *nanoseconds = (int64_t)time(NULL) * 1000000000;
    return true;
}

void power_off(void)
{
    exit(EXIT_SUCCESS);
}

void restart(void)
{
}

int main(void)
{
    kernel_main();
}
