// What C can do wrong with the library gets an error, and does no harm. Fails with the line of the check that did not hold.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nanoqga.h"

#define CHECK(holds)                                            \
    do {                                                        \
        if (!(holds)) {                                         \
            fprintf(stderr, "%d: not so: %s\n", __LINE__, #holds); \
            exit(1);                                            \
        }                                                       \
    } while (0)

#define OK NANOQGA_STATUS_OK
#define ROOM 8192

static struct nanoqga *agent;
static uint64_t memory[NANOQGA_MEMORY(1024) / 8];

static void start(void)
{
    CHECK(nanoqga_init(memory, sizeof memory, "1.0.0", NULL, &agent) == OK);
}

// What the last request came to.
static enum nanoqga_status status;

// The reply to a request.
static const char *ask(const char *request)
{
    static char reply[ROOM + 1];
    size_t length = 0;
    status = OK;
    while (*request != 0) {
        size_t taken, filled;
        CHECK(nanoqga_receive(agent, (const uint8_t *)request, strlen(request), &taken) == OK);
        request += taken;
        enum nanoqga_status now = nanoqga_transmit(agent, (uint8_t *)reply + length, ROOM - length, &filled);
        length += filled;
        status = now == OK ? status : now;
    }
    reply[length] = 0;
    return reply;
}

static bool is(const char *reply, const char *expected)
{
    if (strcmp(reply, expected) == 0)
        return true;
    fprintf(stderr, "%s  but not %s\n", reply, expected);
    return false;
}

static const char ping[] = "{\"execute\":\"guest-ping\"}";
static const char pong[] = "{\"return\": {}}\n";

static bool works(void)
{
    return is(ask(ping), pong);
}

static void init_is_checked(void)
{
    struct nanoqga *none = NULL;
    CHECK(nanoqga_init(NULL, sizeof memory, "1.0.0", NULL, &none) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_init(memory, sizeof memory, NULL, NULL, &none) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_init(memory, sizeof memory, "1.0.0", NULL, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_init((char *)memory + 4, sizeof memory - 8, "1.0.0", NULL, &none) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_init(memory, 0, "1.0.0", NULL, &none) == NANOQGA_STATUS_TOO_SMALL);
    CHECK(nanoqga_init(memory, NANOQGA_MEMORY(127), "1.0.0", NULL, &none) == NANOQGA_STATUS_TOO_SMALL);
    CHECK(nanoqga_init(memory, sizeof memory, "1.0.0", NULL, (struct nanoqga **)(void *)&memory[9]) ==
          NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_init(memory, sizeof memory, "", NULL, &none) == NANOQGA_STATUS_INVALID_TEXT);
    CHECK(nanoqga_init(memory, sizeof memory, "1.0.0-rc1", NULL, &none) == NANOQGA_STATUS_INVALID_TEXT);
    CHECK(nanoqga_init(memory, sizeof memory, "1111111111.1111111111.1111111111", NULL, &none) ==
          NANOQGA_STATUS_TOO_LONG);
    CHECK(none == NULL);
    // The least that there can be, in memory with anything in it.
    memset(memory, 0xa5, sizeof memory);
    CHECK(nanoqga_init(memory, NANOQGA_MEMORY(128), "1.0.0", NULL, &agent) == OK);
    CHECK(works());
    char long_request[200] = "{\"execute\":\"guest-ping\",\"id\":\"";
    memset(long_request + strlen(long_request), 'x', 150);
    strcat(long_request, "\"}");
    CHECK(is(ask(long_request),
             "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON token size limit exceeded\"}}\n"));
    CHECK(((uint8_t *)memory)[NANOQGA_MEMORY(128)] == 0xa5);
    CHECK(works());
}

static const char *no_reply(void *context, const char *arguments, size_t length, struct nanoqga_reply *reply)
{
    (void)context, (void)arguments, (void)length, (void)reply;
    return NULL;
}

static void arguments_are_checked(void)
{
    uint8_t room[16];
    size_t count = 99;
    size_t counts[2];
    size_t *misaligned = (size_t *)((char *)counts + 1);
    const struct nanoqga_power_callbacks power = {NULL};
    const struct nanoqga_power_callbacks powers[2] = {{NULL}, {NULL}};
    start();
    CHECK(nanoqga_receive(NULL, room, 1, &count) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_receive(agent, NULL, 1, &count) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_receive(agent, room, 1, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_receive(agent, room, 0, &count) == NANOQGA_STATUS_EMPTY);
    CHECK(nanoqga_receive(agent, room, 1, misaligned) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_receive((struct nanoqga *)((char *)agent + 1), room, 1, &count) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_receive(agent, (uint8_t *)memory + 8, 1, &count) == NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_receive(agent, (uint8_t *)memory + sizeof memory - 1, 1, &count) == NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_receive(agent, room, 1, (size_t *)&memory[9]) == NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_transmit(agent, room, 16, (size_t *)&memory[9]) == NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_transmit(NULL, room, 16, &count) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_transmit(agent, NULL, 16, &count) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_transmit(agent, room, 16, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_transmit(agent, room, 0, &count) == NANOQGA_STATUS_EMPTY);
    CHECK(nanoqga_transmit(agent, room, 16, misaligned) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_transmit((struct nanoqga *)((char *)agent + 1), room, 16, &count) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_transmit(agent, (uint8_t *)memory + 64, 16, &count) == NANOQGA_STATUS_OVERLAP);
    CHECK(nanoqga_reset(NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_set_frozen(NULL, true) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_add_power(NULL, &power) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_add_power(agent, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_add_power(agent, (const struct nanoqga_power_callbacks *)((const char *)powers + 1)) ==
          NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_add_command(NULL, "a", no_reply, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_add_command(agent, NULL, no_reply, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_add_command(agent, "a", NULL, NULL) == NANOQGA_STATUS_NULL);
    CHECK(count == 99);
    CHECK(works());
}

static void memory_without_an_agent_is_none(void)
{
    static uint64_t zeroes[NANOQGA_MEMORY(128) / 8];
    struct nanoqga *none = (struct nanoqga *)zeroes;
    const struct nanoqga_power_callbacks power = {NULL};
    uint8_t room[16];
    size_t count;
    CHECK(nanoqga_receive(none, room, 1, &count) == NANOQGA_STATUS_NOT_AN_AGENT);
    CHECK(nanoqga_transmit(none, room, 16, &count) == NANOQGA_STATUS_NOT_AN_AGENT);
    CHECK(nanoqga_reset(none) == NANOQGA_STATUS_NOT_AN_AGENT);
    CHECK(nanoqga_set_frozen(none, false) == NANOQGA_STATUS_NOT_AN_AGENT);
    CHECK(nanoqga_add_power(none, &power) == NANOQGA_STATUS_NOT_AN_AGENT);
    CHECK(nanoqga_add_command(none, "a", no_reply, NULL) == NANOQGA_STATUS_NOT_AN_AGENT);
    start();
    memset(memory, 0xff, sizeof memory);
    CHECK(nanoqga_reset(agent) == NANOQGA_STATUS_NOT_AN_AGENT);
}

static int entered;

static const char *enter_again(void *context, enum nanoqga_shutdown how)
{
    const struct nanoqga_os_callbacks os = {NULL, NULL, NULL};
    uint8_t room[16] = {0};
    size_t count;
    (void)context, (void)how;
    CHECK(nanoqga_receive(agent, room, 1, &count) == NANOQGA_STATUS_BUSY);
    CHECK(nanoqga_transmit(agent, room, 16, &count) == NANOQGA_STATUS_BUSY);
    CHECK(nanoqga_reset(agent) == NANOQGA_STATUS_BUSY);
    CHECK(nanoqga_set_frozen(agent, true) == NANOQGA_STATUS_BUSY);
    CHECK(nanoqga_add_os(agent, &os) == NANOQGA_STATUS_BUSY);
    CHECK(nanoqga_add_command(agent, "a", no_reply, NULL) == NANOQGA_STATUS_BUSY);
    entered++;
    return "not now";
}

static void a_callback_cannot_enter_its_agent(void)
{
    const struct nanoqga_power_callbacks power = {enter_again};
    start();
    CHECK(nanoqga_add_power(agent, &power) == OK);
    CHECK(is(ask("{\"execute\":\"guest-shutdown\",\"id\":1}"),
             "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": 1}\n"));
    CHECK(entered == 1 && status == OK);
    CHECK(works());
}

static const char *name_of(void *context, const char **name)
{
    *name = context;
    return NULL;
}

static const char *no_zone(void *context, int32_t *offset, const char **zone)
{
    (void)context, (void)offset, (void)zone;
    return NULL;
}

// The commands that an agent has beside the four that every one has, with a space before each.
static const char *commands(void)
{
    static char names[ROOM];
    const char *name = strstr(ask("{\"execute\":\"guest-info\"}"), "guest-info");
    names[0] = 0;
    while (name != NULL && (name = strstr(name, "\"name\":\"")) != NULL) {
        name += strlen("\"name\":\"");
        strcat(names, " ");
        strncat(names, name, strcspn(name, "\""));
    }
    return names;
}

static void commands_are_checked(void)
{
    const struct nanoqga_power_callbacks power = {enter_again};
    const struct nanoqga_power_callbacks none = {NULL};
    char name[NANOQGA_MAX_NAME + 2] = "";
    static char names[NANOQGA_MAX_OWN_COMMANDS][4];
    start();
    CHECK(nanoqga_add_power(agent, &power) == OK);
    CHECK(nanoqga_add_power(agent, &power) == NANOQGA_STATUS_EXISTS);
    CHECK(nanoqga_add_power(agent, &none) == NANOQGA_STATUS_EXISTS);
    // A name that a command of the kernel's own has taken is not one for a family: none of the family is added.
    CHECK(nanoqga_add_command(agent, "guest-get-timezone", no_reply, NULL) == OK);
    CHECK(nanoqga_add_os(agent, &(struct nanoqga_os_callbacks){.host_name = name_of, .timezone = no_zone}) ==
          NANOQGA_STATUS_EXISTS);
    CHECK(is(commands(), " guest-shutdown guest-get-timezone"));
    CHECK(nanoqga_add_os(agent, &(struct nanoqga_os_callbacks){.host_name = name_of}) == OK);
    start();
    CHECK(nanoqga_add_power(agent, &power) == OK);
    CHECK(nanoqga_add_command(agent, "", no_reply, NULL) == NANOQGA_STATUS_EMPTY);
    CHECK(nanoqga_add_command(agent, "a\"b", no_reply, NULL) == NANOQGA_STATUS_INVALID_TEXT);
    CHECK(nanoqga_add_command(agent, "h\xc3\xa9", no_reply, NULL) == NANOQGA_STATUS_INVALID_TEXT);
    CHECK(nanoqga_add_command(agent, "guest-ping", no_reply, NULL) == NANOQGA_STATUS_EXISTS);
    CHECK(nanoqga_add_command(agent, "guest-shutdown", no_reply, NULL) == NANOQGA_STATUS_EXISTS);
    memset(name, 'n', NANOQGA_MAX_NAME + 1);
    CHECK(nanoqga_add_command(agent, name, no_reply, NULL) == NANOQGA_STATUS_TOO_LONG);
    for (int i = 0; i < NANOQGA_MAX_OWN_COMMANDS; i++) {
        sprintf(names[i], "c%d", i);
        CHECK(nanoqga_add_command(agent, names[i], no_reply, NULL) == OK);
        CHECK(nanoqga_add_command(agent, names[i], no_reply, NULL) == (i + 1 < NANOQGA_MAX_OWN_COMMANDS
                                                                          ? NANOQGA_STATUS_EXISTS
                                                                          : NANOQGA_STATUS_FULL));
    }
    CHECK(nanoqga_add_command(agent, "one-more", no_reply, NULL) == NANOQGA_STATUS_FULL);
    CHECK(is(ask("{\"execute\":\"c15\"}"), pong));
    CHECK(strstr(ask("{\"execute\":\"one-more\"}"), "CommandNotFound") != NULL);
}

// What the next own command does.
static const char *answer;
static size_t answered_length;
static const char *own_error;

static const char *own(void *context, const char *arguments, size_t length, struct nanoqga_reply *reply)
{
    (void)arguments, (void)length;
    CHECK(context == &answer && reply->length == 0 && reply->room >= 256);
    memcpy(reply->json, answer, strlen(answer));
    reply->length = answered_length > 0 ? answered_length : strlen(answer);
    return own_error;
}

static const char *answered(const char *json)
{
    answer = json;
    return ask("{\"execute\":\"own\",\"arguments\":{\"a\":1}}");
}

static void replies_are_checked(void)
{
    static const char *const invalid[] = {
        " ",     "1 2",    "1,2",  "[1",     "1]",  "1],[2", "]",         "{",      "tru",  "\"a", "{\"a\":1}}",
        "nulll", "{a:1}",  "01",   "1}\n{",  "[,]", "{},{}", "\"\x01\"",  "\"\\q\"", "\xff", "1\xff", "\"\xff\"",
        "-",     "\"\xc3", "1.",   "\x80",
    };
    static const struct {
        const char *json;
        const char *line;
    } valid[] = {
        {"1", "{\"return\": 1}\n"},
        {" [ 1 , {} ]\n", "{\"return\": [1,{}]}\n"},
        {"null", "{\"return\": null}\n"},
        {"\"\\u00e9\xc3\xa9\\n\"", "{\"return\": \"\\u00E9\\u00E9\\n\"}\n"},
        {"{'a':'\"'}", "{\"return\": {\"a\":\"\\\"\"}}\n"},
        {"-1.5e3", "{\"return\": -1.5e3}\n"},
        {"", "{\"return\": {}}\n"},
    };
    start();
    CHECK(nanoqga_add_command(agent, "own", own, &answer) == OK);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        CHECK(is(answered(invalid[i]), "{\"error\": {\"class\": \"GenericError\", "
                                       "\"desc\": \"the command's reply is not valid JSON, or is too large\"}}\n"));
        CHECK(status == NANOQGA_STATUS_INVALID_REPLY);
        CHECK(works() && status == OK);
    }
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        CHECK(is(answered(valid[i].json), valid[i].line));
        CHECK(status == OK);
    }
    // Said to be longer than there was room for.
    for (answered_length = 1025; answered_length != 0; answered_length = answered_length < SIZE_MAX ? SIZE_MAX : 0) {
        CHECK(is(answered("1"), "{\"error\": {\"class\": \"GenericError\", "
                                "\"desc\": \"the command's reply is larger than its room\"}}\n"));
        CHECK(status == NANOQGA_STATUS_TOO_LARGE);
    }
    // Errors are texts, whatever is in them.
    own_error = "\"}\n{\"\xff lost";
    CHECK(is(answered("1"), "{\"error\": {\"class\": \"GenericError\", \"desc\": \"\\\"}\\n{\\\"\"}}\n"));
    static char long_error[3000];
    memset(long_error, 'e', sizeof long_error - 1);
    own_error = long_error;
    // It is sent cut, but at least its first 120 bytes.
    CHECK(strspn(strchr(answered("1"), 'e') == NULL ? "" : strstr(answered("1"), "desc\": \"") + 8, "e") >= 119);
    CHECK(strlen(answered("1")) < 1100 && status == OK);
    own_error = NULL;
    CHECK(works());
}

static void agents_live_side_by_side(void)
{
    static uint64_t others[3][NANOQGA_MEMORY(512) / 8];
    static char names[3][8] = {"first", "second", "third"};
    struct nanoqga *agents[3];
    const struct nanoqga_os_callbacks os = {NULL, name_of, NULL};
    const char request[] = "{\"execute\":\"guest-get-host-name\"}";
    size_t taken, filled;
    for (int i = 0; i < 3; i++) {
        CHECK(nanoqga_init(others[i], sizeof others[i], "1.0.0", names[i], &agents[i]) == OK);
        CHECK(nanoqga_add_os(agents[i], &os) == OK);
    }
    // A byte of each in turns.
    for (size_t at = 0; at < strlen(request); at++)
        for (int i = 0; i < 3; i++)
            CHECK(nanoqga_receive(agents[i], (const uint8_t *)request + at, 1, &taken) == OK && taken == 1);
    for (int i = 0; i < 3; i++) {
        char reply[100] = "", expected[100];
        CHECK(nanoqga_transmit(agents[i], (uint8_t *)reply, 99, &filled) == OK);
        sprintf(expected, "{\"return\": {\"host-name\":\"%s\"}}\n", names[i]);
        CHECK(is(reply, expected));
    }
}

static void reset_forgets_what_was_half_done(void)
{
    const char half[] = "{\"execute\":\"gue";
    size_t count;
    uint8_t room[4];
    start();
    CHECK(nanoqga_receive(agent, (const uint8_t *)half, strlen(half), &count) == OK);
    CHECK(nanoqga_reset(agent) == OK);
    CHECK(works());
    CHECK(nanoqga_receive(agent, (const uint8_t *)ping, strlen(ping), &count) == OK);
    CHECK(nanoqga_transmit(agent, room, 4, &count) == OK && count == 4);
    // While there is something to transmit, nothing is taken.
    CHECK(nanoqga_receive(agent, (const uint8_t *)ping, strlen(ping), &count) == OK && count == 0);
    CHECK(nanoqga_reset(agent) == OK);
    CHECK(nanoqga_transmit(agent, room, 4, &count) == OK && count == 0);
    CHECK(works());
}

static void another_agent_can_be_told_of_a_freeze(void)
{
    const struct nanoqga_os_callbacks os = {NULL, name_of, NULL};
    start();
    CHECK(nanoqga_add_os(agent, &os) == OK);
    CHECK(nanoqga_set_frozen(agent, true) == OK);
    CHECK(strstr(ask("{\"execute\":\"guest-get-host-name\"}"), "disabled") != NULL);
    CHECK(works());
    CHECK(nanoqga_set_frozen(agent, false) == OK);
    // A name that stays NULL is none.
    CHECK(strstr(ask("{\"execute\":\"guest-get-host-name\"}"), "the guest has no name") != NULL);
}

static const char *reads_too_much(void *context, void *file, uint8_t *room, size_t size, size_t *count)
{
    (void)context, (void)file, (void)room;
    *count = size + 1;
    return NULL;
}

static const char *opens(void *context, const char *path, enum nanoqga_file_access access, bool update, void **file)
{
    (void)context, (void)path, (void)access, (void)update;
    CHECK(*file == NULL);
    return NULL;
}

static const char *closes(void *context, void *file)
{
    (void)context;
    CHECK(file == NULL);
    return NULL;
}

static void files_are_checked(void)
{
    const struct nanoqga_file_callbacks file = {.open = opens, .close = closes, .read = reads_too_much};
    const struct nanoqga_file_callbacks never_closed = {.open = opens, .read = reads_too_much};
    char request[700] = "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"";
    size_t length = strlen(request);
    start();
    CHECK(nanoqga_add_file(agent, &never_closed) == OK);
    CHECK(strstr(ask("{\"execute\":\"guest-file-open\"}"), "CommandNotFound") != NULL);
    start();
    CHECK(nanoqga_add_file(agent, &file) == OK);
    CHECK(strstr(ask("{\"execute\":\"guest-file-write\"}"), "CommandNotFound") != NULL);
    for (int i = 0; i < NANOQGA_MAX_FILES; i++)
        CHECK(strstr(ask("{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/a\"}}"), "return") != NULL);
    CHECK(strstr(ask("{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"/a\"}}"), "Too many open") != NULL);
    CHECK(strstr(ask("{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1}}"), "more than") != NULL);
    CHECK(status == NANOQGA_STATUS_TOO_LARGE);
    CHECK(is(ask("{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":1}}"), pong));
    CHECK(strstr(ask("{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1}}"), "has not been found") != NULL);
    CHECK(strstr(ask("{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"a\\u0000b\"}}"), "Invalid") != NULL);
    memset(request + length, 'p', 512);
    strcpy(request + length + 512, "\"}}");
    CHECK(strstr(ask(request), "Name too long") != NULL);
    strcpy(request + length + 511, "\"}}");
    CHECK(strstr(ask(request), "return") != NULL);
}

static void not_called(void)
{
    CHECK(false);
}

// With only this callback, by its number, a family has these commands.
#define BRINGS(family, number, expected)                                        \
    do {                                                                        \
        struct nanoqga_##family##_callbacks table;                              \
        void (*callback)(void) = not_called;                                    \
        memset(&table, 0, sizeof table);                                        \
        memcpy((char *)&table + (number) * sizeof callback, &callback, sizeof callback); \
        start();                                                                \
        CHECK(nanoqga_add_##family(agent, &table) == OK);                       \
        CHECK(is(commands(), expected));                                        \
    } while (0)

static void each_callback_brings_its_commands(void)
{
    BRINGS(os, 0, " guest-get-osinfo");
    BRINGS(os, 1, " guest-get-host-name");
    BRINGS(os, 2, " guest-get-timezone");
    BRINGS(time, 0, " guest-get-time");
    BRINGS(time, 1, " guest-set-time");
    BRINGS(time, 2, "");
    BRINGS(power, 0, " guest-shutdown");
    BRINGS(suspend, 0, " guest-suspend-disk");
    BRINGS(suspend, 1, " guest-suspend-ram");
    BRINGS(suspend, 2, " guest-suspend-hybrid");
    BRINGS(cpu, 0, " guest-get-vcpus");
    BRINGS(cpu, 1, " guest-set-vcpus");
    BRINGS(cpu, 2, " guest-get-cpustats");
    BRINGS(cpu, 3, " guest-get-load");
    BRINGS(memory, 0, " guest-get-memory-blocks");
    BRINGS(memory, 1, " guest-set-memory-blocks");
    BRINGS(memory, 2, " guest-get-memory-block-info");
    BRINGS(network, 0, " guest-network-get-interfaces");
    BRINGS(network, 1, "");
    BRINGS(network, 2, "");
    BRINGS(network, 3, " guest-network-get-route");
    BRINGS(filesystem, 0, " guest-get-fsinfo");
    BRINGS(filesystem, 1, " guest-fstrim");
    BRINGS(freeze, 0, "");
    BRINGS(freeze, 1, "");
    BRINGS(file, 0, "");
    BRINGS(file, 2, "");
    BRINGS(user, 0, " guest-get-users");
    BRINGS(user, 1, " guest-set-user-password");
}

// Fills a table with callbacks.
static void fill(void *table, size_t size)
{
    void (*callback)(void) = not_called;
    for (size_t at = 0; at < size; at += sizeof callback)
        memcpy((char *)table + at, &callback, sizeof callback);
}

// A second table of the family is refused, whatever is in it, and the first one stays.
#define ONCE(family)                                                            \
    do {                                                                        \
        struct nanoqga_##family##_callbacks none, all;                          \
        memset(&none, 0, sizeof none);                                          \
        fill(&all, sizeof all);                                                 \
        start();                                                                \
        CHECK(nanoqga_add_##family(agent, &none) == OK);                        \
        CHECK(nanoqga_add_##family(agent, &all) == NANOQGA_STATUS_EXISTS);      \
        CHECK(is(commands(), ""));                                              \
    } while (0)

static void each_family_is_added_once(void)
{
    ONCE(os);
    ONCE(time);
    ONCE(power);
    ONCE(suspend);
    ONCE(cpu);
    ONCE(memory);
    ONCE(network);
    ONCE(filesystem);
    ONCE(freeze);
    ONCE(file);
    ONCE(user);
}

#define ALL(family)                                                             \
    do {                                                                        \
        struct nanoqga_##family##_callbacks all;                                \
        fill(&all, sizeof all);                                                 \
        CHECK(nanoqga_add_##family(agent, &all) == OK);                         \
    } while (0)

static void all_families_and_own_commands_fit(void)
{
    static char names[NANOQGA_MAX_OWN_COMMANDS][4];
    int count = 0;
    start();
    for (int i = 0; i < NANOQGA_MAX_OWN_COMMANDS; i++) {
        sprintf(names[i], "c%d", i);
        CHECK(nanoqga_add_command(agent, names[i], no_reply, NULL) == OK);
    }
    ALL(os);
    ALL(time);
    ALL(power);
    ALL(suspend);
    ALL(cpu);
    ALL(memory);
    ALL(network);
    ALL(filesystem);
    ALL(freeze);
    ALL(file);
    ALL(user);
    for (const char *name = commands(); *name != 0; name++)
        count += *name == ' ';
    CHECK(count == 32 + NANOQGA_MAX_OWN_COMMANDS);
    CHECK(is(ask("{\"execute\":\"c15\"}"), pong));
}

static const char *frozen_by(void *context, const char *mountpoint, size_t *count)
{
    // One buffer for all errors, as a kernel might have it.
    char *error = context;
    sprintf(error, "cannot freeze %s: it is busy", mountpoint == NULL ? "/" : mountpoint);
    (void)count;
    return error;
}

static const char *thawed_by(void *context, size_t *count)
{
    char *error = context;
    strcpy(error, "nothing was frozen");
    (void)count;
    return error;
}

static bool trimmed_by(void *context, size_t index, uint64_t minimum, struct nanoqga_trimmed *trimmed)
{
    char *error = context;
    (void)minimum;
    trimmed->path = "/data";
    trimmed->error = error;
    sprintf(error, "file system %d is read-only", (int)index);
    return index < 2;
}

static const char *set_by(void *context, int64_t logical_id, bool online)
{
    char *error = context;
    (void)online;
    sprintf(error, "there is no processor %d", (int)logical_id);
    return error;
}

static void errors_are_made_at_run_time(void)
{
    static char error[100];
    const struct nanoqga_freeze_callbacks freeze = {frozen_by, thawed_by};
    const struct nanoqga_filesystem_callbacks filesystem = {.trim = trimmed_by};
    const struct nanoqga_cpu_callbacks cpu = {.set_processor = set_by};
    CHECK(nanoqga_init(memory, sizeof memory, "1.0.0", error, &agent) == OK);
    CHECK(nanoqga_add_freeze(agent, &freeze) == OK);
    CHECK(nanoqga_add_filesystem(agent, &filesystem) == OK);
    CHECK(nanoqga_add_cpu(agent, &cpu) == OK);
    // The thaw that follows it writes to the same buffer.
    CHECK(is(ask("{\"execute\":\"guest-fsfreeze-freeze-list\",\"arguments\":{\"mountpoints\":[\"/data\"]}}"),
             "{\"error\": {\"class\": \"GenericError\", \"desc\": \"cannot freeze /data: it is busy\"}}\n"));
    CHECK(is(ask("{\"execute\":\"guest-fsfreeze-thaw\"}"),
             "{\"error\": {\"class\": \"GenericError\", \"desc\": \"nothing was frozen\"}}\n"));
    CHECK(is(ask("{\"execute\":\"guest-fstrim\"}"),
             "{\"return\": {\"paths\":[{\"path\":\"/data\",\"error\":\"file system 0 is read-only\"},"
             "{\"path\":\"/data\",\"error\":\"file system 1 is read-only\"}]}}\n"));
    CHECK(is(ask("{\"execute\":\"guest-set-vcpus\",\"arguments\":{\"vcpus\":[{\"logical-id\":7,\"online\":true}]}}"),
             "{\"error\": {\"class\": \"GenericError\", \"desc\": \"there is no processor 7\"}}\n"));
}

// A reply may fill all of its room.
static const char *fills_its_room(void *context, const char *arguments, size_t length, struct nanoqga_reply *reply)
{
    (void)context, (void)arguments, (void)length;
    CHECK(reply->room > 400);
    memset(reply->json, '1', reply->room);
    reply->length = reply->room;
    return NULL;
}

static void a_reply_may_fill_its_room(void)
{
    start();
    CHECK(nanoqga_add_command(agent, "fill", fills_its_room, NULL) == OK);
    CHECK(strstr(ask("{\"execute\":\"fill\"}"), "{\"return\": 11111") != NULL && status == OK);
    CHECK(strstr(ask("{\"execute\":\"fill\",\"id\":7}"), "1, \"id\": 7}\n") != NULL && status == OK);
}

// What acts on several file systems goes on to its end when the host has gone.
static int trims;

static bool counts_trims(void *context, size_t index, uint64_t minimum, struct nanoqga_trimmed *trimmed)
{
    (void)context, (void)minimum, (void)trimmed;
    trims += index < 5;
    return index < 5;
}

static void a_trim_goes_on_to_its_end_after_a_reset(void)
{
    const struct nanoqga_filesystem_callbacks filesystem = {.trim = counts_trims};
    const char request[] = "{\"execute\":\"guest-fstrim\"}";
    uint8_t room[20];
    size_t count;
    start();
    CHECK(nanoqga_add_filesystem(agent, &filesystem) == OK);
    CHECK(nanoqga_receive(agent, (const uint8_t *)request, strlen(request), &count) == OK);
    CHECK(nanoqga_transmit(agent, room, sizeof room, &count) == OK && count == sizeof room && trims < 5);
    CHECK(nanoqga_reset(agent) == OK);
    CHECK(nanoqga_transmit(agent, room, sizeof room, &count) == OK && count == 0 && trims == 5);
    CHECK(works());
}

static void send_nothing(void *context, const uint8_t *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    (void)length;
    CHECK(false);
}

static void only_a_test_that_was_kept_is_finished(void)
{
    struct nanoqga_running nothing = {{0}};
    struct nanoqga_ending ending = {NANOQGA_OUTCOME_PANICKED, 0, NULL, NULL};
    const char *misplaced = (const char *)&nothing + 1;
    CHECK(nanoqga_finish_test(&nothing, &ending, 0, send_nothing, NULL) == NANOQGA_STATUS_NOT_RUNNING);
    CHECK(nanoqga_finish_test(NULL, &ending, 0, send_nothing, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_finish_test(&nothing, NULL, 0, send_nothing, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_finish_test(&nothing, &ending, 0, NULL, NULL) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_finish_test((const void *)misplaced, &ending, 0, send_nothing, NULL) == NANOQGA_STATUS_MISALIGNED);
    CHECK(nanoqga_test_write(NULL, "", 0) == NANOQGA_STATUS_NULL);
    CHECK(nanoqga_test_measure(NULL, "", 0, "") == NANOQGA_STATUS_NULL);
}

static void every_status_has_a_text(void)
{
    for (uint32_t i = 0; i <= NANOQGA_STATUS_NOT_RUNNING; i++)
        CHECK(strcmp(nanoqga_status_text(i), "no such status") != 0);
    CHECK(strcmp(nanoqga_status_text(NANOQGA_STATUS_INVALID_REPLY), "a command's reply is not one JSON value") == 0);
    CHECK(strcmp(nanoqga_status_text(NANOQGA_STATUS_NOT_RUNNING + 1), "no such status") == 0);
    CHECK(strcmp(nanoqga_status_text(UINT32_MAX), "no such status") == 0);
}

int main(void)
{
    init_is_checked();
    arguments_are_checked();
    memory_without_an_agent_is_none();
    a_callback_cannot_enter_its_agent();
    commands_are_checked();
    replies_are_checked();
    agents_live_side_by_side();
    reset_forgets_what_was_half_done();
    another_agent_can_be_told_of_a_freeze();
    files_are_checked();
    each_callback_brings_its_commands();
    each_family_is_added_once();
    all_families_and_own_commands_fit();
    errors_are_made_at_run_time();
    a_reply_may_fill_its_room();
    a_trim_goes_on_to_its_end_after_a_reset();
    only_a_test_that_was_kept_is_finished();
    every_status_has_a_text();
    return 0;
}
