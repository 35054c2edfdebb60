// All the glue that the agent needs: what a host can ask of this kernel, and bytes in and out.

#include "agent.h"

#include "nanoqga.h"
#include "platform.h"

static uint64_t memory[NANOQGA_MEMORY(4096) / 8];
static struct nanoqga *agent;

static const char *os_info(void *context, struct nanoqga_os_info *info)
{
    (void)context;
    info->id = "c-kernel";
    info->name = "C kernel";
    info->pretty_name = "The C kernel of nanoqga";
    info->machine = machine_name;
    return NULL;
}

static const char *host_name(void *context, const char **name)
{
    (void)context;
    *name = "c-kernel-1";
    return NULL;
}

// A kernel that knows no time zone leaves `timezone` NULL: then it has no guest-get-timezone.
static const struct nanoqga_os_callbacks os = {.os_info = os_info, .host_name = host_name};

static const char *time(void *context, int64_t *time)
{
    (void)context;
    return clock_read(time) ? NULL : "the machine has no clock";
}

static const struct nanoqga_time_callbacks time_callbacks = {.time = time};

static const char *shutdown(void *context, enum nanoqga_shutdown how)
{
    (void)context;
    switch (how) {
    case NANOQGA_SHUTDOWN_POWER_DOWN:
        power_off();
        return "the machine cannot be switched off";
    case NANOQGA_SHUTDOWN_REBOOT:
        restart();
        return "the machine cannot be restarted";
    default:
        return "this kernel has nothing to halt";
    }
}

static const struct nanoqga_power_callbacks power = {.shutdown = shutdown};

// A command of the kernel's own: how often it was called. Its context is the count.
static const char *count(void *context, const char *arguments, size_t arguments_length, struct nanoqga_reply *reply)
{
    unsigned *calls = context;
    char digits[10];
    size_t digit = sizeof digits;
    (void)arguments;
    if (arguments_length != 2)
        return "example-count takes no arguments";
    *calls += 1;
    for (unsigned rest = *calls; rest > 0 || digit == sizeof digits; rest /= 10)
        digits[--digit] = (char)('0' + rest % 10);
    if (sizeof digits - digit > reply->room)
        return "the reply does not fit";
    while (digit < sizeof digits)
        reply->json[reply->length++] = digits[digit++];
    return NULL;
}

// Another one: it returns its arguments, which are JSON already.
static const char *echo(void *context, const char *arguments, size_t arguments_length, struct nanoqga_reply *reply)
{
    (void)context;
    if (arguments_length > reply->room)
        return "the arguments are too long to be sent back";
    for (size_t i = 0; i < arguments_length; i++)
        reply->json[i] = arguments[i];
    reply->length = arguments_length;
    return NULL;
}

void agent_start(void)
{
    static unsigned calls;
    // What could go wrong here are mistakes of this file.
    (void)nanoqga_init(memory, sizeof memory, "1.0.0", NULL, &agent);
    (void)nanoqga_add_os(agent, &os);
    (void)nanoqga_add_time(agent, &time_callbacks);
    (void)nanoqga_add_power(agent, &power);
    (void)nanoqga_add_command(agent, "example-count", count, &calls);
    (void)nanoqga_add_command(agent, "example-echo", echo, NULL);
}

void agent_serve(const uint8_t *bytes, size_t length)
{
    uint8_t room[256];
    while (length > 0) {
        size_t taken = 0, filled = 0;
        if (nanoqga_receive(agent, bytes, length, &taken) != NANOQGA_STATUS_OK)
            return;
        bytes += taken;
        length -= taken;
        // Every reply is on its way before the next request is taken: that one may switch the machine off.
        while (nanoqga_transmit(agent, room, sizeof room, &filled), filled > 0)
            port_write(room, filled);
    }
}
