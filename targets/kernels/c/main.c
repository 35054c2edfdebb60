// A kernel that serves its agent and does nothing else. It asks its port again and again; one with interrupts sleeps until the port
// has something.

#include "agent.h"
#include "platform.h"

void kernel_main(void);

void kernel_main(void)
{
    uint8_t bytes[64];
#ifdef WITHOUT_AGENT
    // To see what the agent adds to it: an echo.
    for (;;)
        port_write(bytes, port_read(bytes, sizeof bytes));
#else
    agent_start();
    for (;;)
        agent_serve(bytes, port_read(bytes, sizeof bytes));
#endif
}
