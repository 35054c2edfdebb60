// The agent in this kernel.

#ifndef AGENT_H
#define AGENT_H

#include <stddef.h>
#include <stdint.h>

// Makes the agent. Before anything else.
void agent_start(void);

// Gives the agent bytes that came from its port. It writes the replies there.
void agent_serve(const uint8_t *bytes, size_t length);

#endif
