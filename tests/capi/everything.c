// Every family of the library, with answers that a test can know. Its port is stdin and stdout.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nanoqga.h"

#if NANOQGA_VERSION < NANOQGA_VERSION_OF(0, 1, 0) || NANOQGA_VERSION >= NANOQGA_VERSION_OF(NANOQGA_VERSION_MAJOR + 1, 0, 0)
#error "the header does not know its version"
#endif

// What every callback must be passed.
static int context;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static const char *os_info(void *c, struct nanoqga_os_info *info)
{
    check(c == &context && info->id == NULL);
    *info = (struct nanoqga_os_info){"1.2", "v3", "vax", "every", "Every", "Every \"1\"", "1 (one)", "1", "Test", "test"};
    return NULL;
}

static const char *host_name(void *c, const char **name)
{
    check(c == &context && *name == NULL);
    *name = "h\xc3\xa9-1";
    return NULL;
}

static const char *timezone_of(void *c, int32_t *offset, const char **zone)
{
    check(c == &context);
    *offset = -3600;
    *zone = "XYZ";
    return NULL;
}

static int64_t now = 5;

static const char *get_time(void *c, int64_t *time)
{
    check(c == &context && *time == 0);
    *time = now;
    return NULL;
}

static const char *set_time(void *c, int64_t time)
{
    check(c == &context);
    now = time;
    return NULL;
}

static const char *set_time_from_machine(void *c)
{
    check(c == &context);
    now = 77;
    return NULL;
}

static const char *shut_down(void *c, enum nanoqga_shutdown how)
{
    static const char *const words[] = {"no powerdown", "no reboot", NULL};
    check(c == &context);
    return words[how];
}

static const char *suspend_to_disk(void *c)
{
    check(c == &context);
    return "no disk to sleep on";
}

static const char *suspend_to_ram(void *c)
{
    check(c == &context);
    return NULL;
}

static bool processor(void *c, size_t index, struct nanoqga_processor *processor)
{
    check(c == &context);
    processor->logical_id = (int64_t)index;
    processor->online = index != 1;
    processor->can_offline = index > 0;
    return index < 3;
}

static const char *set_processor(void *c, int64_t logical_id, bool online)
{
    check(c == &context);
    return logical_id < 3 ? online ? NULL : "it stays online" : "there is no such processor";
}

static bool processor_times(void *c, size_t index, struct nanoqga_processor_times *times)
{
    check(c == &context);
    *times = (struct nanoqga_processor_times){(uint32_t)index, 1, 2, 3, UINT64_MAX};
    return index < 1;
}

static const char *load(void *c, struct nanoqga_load *load)
{
    check(c == &context);
    *load = (struct nanoqga_load){5, 125, UINT32_MAX};
    return NULL;
}

static bool memory_block(void *c, size_t index, struct nanoqga_memory_block *block)
{
    check(c == &context);
    *block = (struct nanoqga_memory_block){index * 2, true, false};
    return index < 2;
}

static const char *set_memory_block(void *c, uint64_t phys_index, bool online)
{
    check(c == &context);
    return phys_index == 0 && online ? NULL : "no";
}

static const char *memory_block_size(void *c, uint64_t *size)
{
    check(c == &context);
    *size = 1 << 20;
    return NULL;
}

static bool interface(void *c, size_t index, struct nanoqga_interface *interface)
{
    static const uint8_t hardware_address[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    check(c == &context);
    interface->name = index == 0 ? "lo" : "eth0";
    interface->has_hardware_address = index == 1;
    memcpy(interface->hardware_address, hardware_address, 6);
    return index < 2;
}

static bool address(void *c, size_t interface, size_t index, struct nanoqga_address *address)
{
    static const struct nanoqga_address addresses[] = {
        {{192, 0, 2, 5}, 4, 24},
        {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 16, 64},
        {{0}, 5, 0}, // no length of an address: the list ends
        {{192, 0, 2, 6}, 4, 24},
    };
    check(c == &context);
    if (interface == 0 || index > 3)
        return false;
    *address = addresses[index];
    return true;
}

static bool statistics(void *c, size_t interface, struct nanoqga_interface_statistics *statistics)
{
    check(c == &context);
    *statistics = (struct nanoqga_interface_statistics){1, 2, 3, 4, 5, 6, 7, 8};
    return interface == 1;
}

static bool route(void *c, size_t index, struct nanoqga_route *route)
{
    check(c == &context);
    route->interface = "eth0";
    route->metric = 100;
    route->destination.length = index == 0 ? 4 : 16;
    route->gateway.length = index == 0 ? 4 : 0;
    memcpy(route->gateway.bytes, (uint8_t[]){192, 0, 2, 1}, 4);
    route->destination.prefix = index == 2 ? 64 : 0;
    route->destination.bytes[0] = index == 2 ? 0xfd : 0;
    return index < 3;
}

static bool filesystem(void *c, size_t index, struct nanoqga_filesystem *filesystem)
{
    check(c == &context && filesystem->used_bytes == NANOQGA_UNKNOWN);
    filesystem->name = "vda1";
    filesystem->mountpoint = index == 0 ? "/data" : "/";
    filesystem->kind = "vfat";
    if (index == 0) {
        filesystem->used_bytes = 10;
        filesystem->total_bytes = 20;
    }
    return index < 2;
}

static bool trim(void *c, size_t index, uint64_t minimum, struct nanoqga_trimmed *trimmed)
{
    check(c == &context);
    *trimmed = (struct nanoqga_trimmed){index == 0 ? "/data" : "/", 4096, minimum, index == 0 ? NULL : "read-only"};
    return index < 2;
}

static size_t frozen;

static const char *freeze(void *c, const char *mountpoint, size_t *count)
{
    check(c == &context && *count == 0);
    if (mountpoint != NULL && strcmp(mountpoint, "/data") != 0)
        return "no such file system";
    *count = mountpoint == NULL ? 2 : 1;
    frozen += *count;
    return NULL;
}

static const char *thaw(void *c, size_t *count)
{
    check(c == &context);
    *count = frozen;
    frozen = 0;
    return NULL;
}

// One file, of 5000 bytes at most.
static struct {
    bool open;
    bool append;
    char bytes[5000];
    size_t length;
    size_t position;
} the_file;

static const char *file_open(void *c, const char *path, enum nanoqga_file_access access, bool update, void **file)
{
    check(c == &context && *file == NULL);
    if (strcmp(path, "/the file") != 0)
        return "No such file or directory";
    if (update)
        return "one direction will do";
    if (access == NANOQGA_FILE_ACCESS_WRITE)
        the_file.length = 0;
    the_file.append = access == NANOQGA_FILE_ACCESS_APPEND;
    the_file.position = 0;
    the_file.open = true;
    *file = &the_file;
    return NULL;
}

static const char *file_close(void *c, void *file)
{
    check(c == &context && file == &the_file && the_file.open);
    the_file.open = false;
    return NULL;
}

static const char *file_read(void *c, void *file, uint8_t *room, size_t size, size_t *count)
{
    check(c == &context && file == &the_file && the_file.open);
    size_t rest = the_file.length - the_file.position;
    *count = size < rest ? size : rest;
    memcpy(room, the_file.bytes + the_file.position, *count);
    the_file.position += *count;
    return NULL;
}

static const char *file_write(void *c, void *file, const uint8_t *bytes, size_t length, size_t *count)
{
    check(c == &context && file == &the_file && the_file.open);
    if (the_file.append)
        the_file.position = the_file.length;
    size_t rest = sizeof the_file.bytes - the_file.position;
    *count = length < rest ? length : rest;
    memcpy(the_file.bytes + the_file.position, bytes, *count);
    the_file.position += *count;
    if (the_file.length < the_file.position)
        the_file.length = the_file.position;
    return NULL;
}

static const char *file_seek(void *c, void *file, int64_t offset, enum nanoqga_whence whence, uint64_t *position)
{
    check(c == &context && file == &the_file && the_file.open);
    int64_t from[] = {0, (int64_t)the_file.position, (int64_t)the_file.length};
    int64_t to = from[whence] + offset;
    if (to < 0 || to > (int64_t)the_file.length)
        return "failed to seek file: Invalid argument";
    the_file.position = (size_t)to;
    *position = the_file.position;
    return NULL;
}

static const char *file_flush(void *c, void *file)
{
    check(c == &context && file == &the_file && the_file.open);
    return NULL;
}

static bool user(void *c, size_t index, struct nanoqga_user *user)
{
    check(c == &context);
    user->user = "root";
    user->login_time = 1000;
    return index < 1;
}

static const char *set_password(void *c, const char *user, const uint8_t *password, size_t length, bool crypted)
{
    check(c == &context);
    if (strcmp(user, "root") != 0)
        return "there is no such user";
    check(length == 6 && memcmp(password, "secret", 6) == 0);
    return crypted ? "it cannot be crypted" : NULL;
}

// The kernel's own tests.

static struct nanoqga_running running;
static bool runs;

static bool test(void *c, size_t index, struct nanoqga_test *test)
{
    check(c == &context && test->name == NULL && !test->alone);
    switch (index) {
    case 0:
        test->name = "heap::allocates";
        return true;
    case 1:
        *test = (struct nanoqga_test){"heap::dies", "out of memory", NULL, 500, 0, true};
        return true;
    case 2:
        *test = (struct nanoqga_test){"disk::reads", NULL, "slow", 0, 2, false};
        return true;
    case 3:
        test->name = "says nothing";
        return true;
    default:
        return false;
    }
}

static void reply(void *c, const uint8_t *bytes, size_t length)
{
    check(c == &runs && write(STDOUT_FILENO, bytes, length) == (ssize_t)length);
}

static uint64_t clock_ns(void *c)
{
    static uint64_t now;
    check(c == &context);
    return now += 1000;
}

static void run(void *c, size_t index, uint64_t number, uint64_t seed, struct nanoqga_test_output *output,
                struct nanoqga_ending *ending)
{
    check(c == &context && runs && ending->outcome == NANOQGA_OUTCOME_UNKNOWN && ending->message == NULL);
    check(nanoqga_test_write(output, "\xff", 1) == NANOQGA_STATUS_INVALID_TEXT);
    switch (index) {
    case 0:
        check(nanoqga_test_write(output, "a page\n", 7) == NANOQGA_STATUS_OK);
        check(nanoqga_test_measure(output, "latency", -5, "ns") == NANOQGA_STATUS_OK);
        ending->outcome = NANOQGA_OUTCOME_PASSED;
        break;
    case 1:
        // What a panic handler does, but that this one returns.
        *ending = (struct nanoqga_ending){NANOQGA_OUTCOME_PANICKED, 12, "out of memory", "heap.c"};
        check(nanoqga_finish_test(&running, ending, clock_ns(c), reply, &runs) == NANOQGA_STATUS_OK);
        break;
    case 2:
        check(number == 1 && seed == 99);
        *ending = (struct nanoqga_ending){NANOQGA_OUTCOME_SKIPPED, 0, "there is no disk", NULL};
        break;
    }
}

static uint64_t boot_id(void *c)
{
    check(c == &context);
    return 0xabc;
}

static void print_line(void *c, const char *line, size_t length)
{
    check(c == &context && length > 13 && memcmp(line, "nanoqga-test-", 13) == 0);
}

static void keep(void *c, const struct nanoqga_running *test)
{
    check(c == &context && runs == (test == NULL));
    runs = test != NULL;
    if (runs)
        running = *test;
}

static bool last_words(void *c, struct nanoqga_last_words *words)
{
    check(c == &context && words->test == NULL && words->line == 0);
    words->message = "page fault";
    return true;
}

// Runs of tests, as a kernel with threads has them. This one is over as soon as it has begun.
static size_t started;

static const char *start(void *c, size_t index, uint64_t number, uint64_t seed, const char *mark, size_t mark_length,
                         uint64_t *run)
{
    check(c == &context && seed == 5 && number == (index == 2));
    if (index == 1)
        return "no thread is left";
    check(index == 0 ? mark_length == 1 && *mark == 'm' : mark == NULL && mark_length == 0);
    started = index;
    *run = 41 + index;
    return NULL;
}

static bool progress(void *c, uint64_t run, struct nanoqga_test_progress *progress)
{
    check(c == &context && !progress->running && progress->ending.outcome == NANOQGA_OUTCOME_UNKNOWN);
    if (run != 41 + started)
        return false;
    if (started == 2)
        progress->running = true;
    progress->truncated = true;
    progress->elapsed_ns = 12;
    progress->ending = (struct nanoqga_ending){NANOQGA_OUTCOME_FAILED, 7, "too slow", "run.c"};
    return true;
}

static size_t output_of(void *c, uint64_t run, uint64_t from, char *into, size_t length)
{
    static const char text[] = "one\ntwo\n";
    check(c == &context && run == 41 + started && length > 0);
    size_t left = from < sizeof text - 1 ? sizeof text - 1 - from : 0;
    if (left > length)
        left = length;
    memcpy(into, text + sizeof text - 1 - left, left);
    return left;
}

static bool measurement(void *c, uint64_t run, size_t index, struct nanoqga_test_measurement *measurement)
{
    check(c == &context && run == 41 + started);
    *measurement = (struct nanoqga_test_measurement){"rounds", 3, NULL};
    return index == 0;
}

static const char *misbehave(void *c, enum nanoqga_misbehaviour how)
{
    check(c == &context);
    return how == NANOQGA_MISBEHAVIOUR_FAULT ? "every address is mapped" : NULL;
}

int main(void)
{
    static uint64_t memory[NANOQGA_MEMORY(8192) / 8];
    struct nanoqga *agent;
    check(nanoqga_init(memory, sizeof memory, "10.20.30", &context, &agent) == NANOQGA_STATUS_OK);

    struct nanoqga_os_callbacks os = {os_info, host_name, timezone_of};
    struct nanoqga_time_callbacks time = {get_time, set_time, set_time_from_machine};
    struct nanoqga_power_callbacks power = {shut_down};
    struct nanoqga_suspend_callbacks suspend = {suspend_to_disk, suspend_to_ram, NULL};
    struct nanoqga_cpu_callbacks cpu = {processor, set_processor, processor_times, load};
    struct nanoqga_memory_callbacks blocks = {memory_block, set_memory_block, memory_block_size};
    struct nanoqga_network_callbacks network = {interface, address, statistics, route};
    struct nanoqga_filesystem_callbacks filesystems = {filesystem, trim};
    struct nanoqga_freeze_callbacks freezing = {freeze, thaw};
    struct nanoqga_file_callbacks file = {file_open, file_close, file_read, file_write, file_seek, file_flush};
    struct nanoqga_user_callbacks users = {user, set_password};
    struct nanoqga_testing_callbacks testing = {test, run, boot_id, clock_ns, print_line, keep, last_words, misbehave};
    struct nanoqga_background_callbacks background = {start, progress, output_of, measurement};
    check(nanoqga_add_os(agent, &os) == NANOQGA_STATUS_OK);
    check(nanoqga_add_time(agent, &time) == NANOQGA_STATUS_OK);
    check(nanoqga_add_power(agent, &power) == NANOQGA_STATUS_OK);
    check(nanoqga_add_suspend(agent, &suspend) == NANOQGA_STATUS_OK);
    check(nanoqga_add_cpu(agent, &cpu) == NANOQGA_STATUS_OK);
    check(nanoqga_add_memory(agent, &blocks) == NANOQGA_STATUS_OK);
    check(nanoqga_add_network(agent, &network) == NANOQGA_STATUS_OK);
    check(nanoqga_add_filesystem(agent, &filesystems) == NANOQGA_STATUS_OK);
    check(nanoqga_add_freeze(agent, &freezing) == NANOQGA_STATUS_OK);
    check(nanoqga_add_file(agent, &file) == NANOQGA_STATUS_OK);
    check(nanoqga_add_user(agent, &users) == NANOQGA_STATUS_OK);
    check(nanoqga_add_testing(agent, &testing) == NANOQGA_STATUS_OK);
    check(nanoqga_add_background_tests(agent, &background) == NANOQGA_STATUS_OK);
    check(nanoqga_add_background_tests(agent, &background) == NANOQGA_STATUS_EXISTS);

    uint8_t bytes[100];
    ssize_t length;
    while ((length = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        size_t at = 0;
        while (at < (size_t)length) {
            uint8_t room[77];
            size_t taken, filled;
            check(nanoqga_receive(agent, bytes + at, (size_t)length - at, &taken) == NANOQGA_STATUS_OK);
            at += taken;
            do {
                check(nanoqga_transmit(agent, room, sizeof room, &filled) == NANOQGA_STATUS_OK);
                check(filled == 0 || write(STDOUT_FILENO, room, filled) == (ssize_t)filled);
            } while (filled > 0);
        }
    }
    return 0;
}
