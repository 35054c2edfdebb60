// A QEMU guest agent for kernels written in C: libnanoqga.a. `cargo xtask capi --header` of nanoqga generates this file.
//
//     static uint64_t memory[NANOQGA_MEMORY(4096) / 8];
//     static const struct nanoqga_power_callbacks power = {.shutdown = my_shutdown};
//     struct nanoqga *agent;
//
//     nanoqga_init(memory, sizeof memory, "1.0.0", NULL, &agent);
//     nanoqga_add_power(agent, &power);
//
//     for (;;) {                              // bytes[0..length) came from the host
//         size_t taken, filled;
//         nanoqga_receive(agent, bytes, length, &taken);
//         while (nanoqga_transmit(agent, room, sizeof room, &filled), filled > 0)
//             my_send(room, filled);          // all of it, before more is received
//         ...                                 // the rest, bytes[taken..length), is next
//     }
//
// Families. Each family of commands has a table of callbacks and a function nanoqga_add_... that copies the table. A command
// whose callback is NULL does not exist for clients (CommandNotFound), and guest-info does not list it. A kernel adds a family
// once, at any time but not in a callback; a second call returns EXISTS and changes nothing. In a kernel that is linked with
// -Wl,--gc-sections, a family that is never added takes no room. These functions return OK, NULL, MISALIGNED, NOT_AN_AGENT, BUSY
// or EXISTS. QEMU's families disk, exec, ssh and device are missing; nanoqga_add_command can add commands of theirs.
//
// Callbacks. Only nanoqga_transmit calls them, with the context that nanoqga_init was given. A callback must not unwind, leave
// by longjmp, or call the agent that calls it (BUSY). A callback that returns `const char *` returns NULL for success, or the
// text of an error for the client. A callback that returns bool fills in the element `index` of a list, counted from 0, and
// returns whether there is one. Whatever a callback fills in, `*count` and the like too, is 0 or NULL before. The pointers that
// a callback is passed are valid until it returns, and not NULL unless its comment says so.
//
// Texts are UTF-8 and end with a NUL. A text is cut after 1024 bytes, and before its first byte that is not UTF-8. A text that a
// callback returns or fills in must not change until nanoqga_transmit returns. It may be a string literal or lie in a buffer of
// the kernel's: an error can name what failed, such as "cannot freeze /data: it is busy". Clients are sent at least the first
// 120 bytes of an error. Texts for callbacks have at most 511 bytes; a client that sends a longer one gets an error.
//
// Agents share nothing. Only one thread may use an agent at a time, and no interrupt handler may use it meanwhile. The library
// has no variables, allocates nothing, and calls only the callbacks and memcpy, memmove, memset and memcmp; it contains weak
// ones of these. It needs about 4 KiB of stack beside that of the callbacks.
//
// The library can be linked into any kernel: it passes no floating-point numbers, and on x86_64 it uses no SSE and no red zone.
// On riscv64 the linker still asks for one way to pass floating-point numbers: riscv64imac-unknown-none-elf is for -mabi=lp64,
// riscv64gc-unknown-none-elf for -mabi=lp64d. It cannot panic: the tests of nanoqga link it without the code of a panic.
//
// The kernel's own tests. With nanoqga_add_testing a host runs them by name, one after another. A test that ends
// the kernel still has its verdict if the panic handler calls nanoqga_finish_test. A kernel with threads adds
// nanoqga_add_background_tests: a host then reads what a test writes while it runs.


#ifndef NANOQGA_H
#define NANOQGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this header and its library, after Semantic Versioning.
#define NANOQGA_VERSION_MAJOR 0
#define NANOQGA_VERSION_MINOR 1
#define NANOQGA_VERSION_PATCH 0
#define NANOQGA_VERSION_STRING "0.1.0"
// To compare with: `#if NANOQGA_VERSION >= NANOQGA_VERSION_OF(0, 2, 0)`.
#define NANOQGA_VERSION_OF(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))
#define NANOQGA_VERSION \
    NANOQGA_VERSION_OF(NANOQGA_VERSION_MAJOR, NANOQGA_VERSION_MINOR, NANOQGA_VERSION_PATCH)
// The memory that an agent needs for requests of up to so many bytes. 4096 are enough for libvirt; Proxmox and Ansible send files
// in requests of up to 88 KiB.
#define NANOQGA_MEMORY(longest_request) (NANOQGA_STATE + (longest_request))

#if UINTPTR_MAX > 0xFFFFFFFF
#define NANOQGA_64_BIT
#else
#define NANOQGA_32_BIT
#endif


#if defined(NANOQGA_64_BIT)
// The size of an agent's state in bytes. The rest of its memory is for requests.
#define NANOQGA_STATE 4672
#endif

#if defined(NANOQGA_32_BIT)
// The size of an agent's state in bytes. The rest of its memory is for requests.
#define NANOQGA_STATE 3744
#endif

// The alignment of an agent's memory in bytes.
#define NANOQGA_ALIGNMENT 8

// The longest name of a command, in bytes.
#define NANOQGA_MAX_NAME 63

// The most commands of its own that a kernel can add.
#define NANOQGA_MAX_OWN_COMMANDS 16

// The longest version, in bytes.
#define NANOQGA_MAX_VERSION 31

// The most files that may be open in an agent.
#define NANOQGA_MAX_FILES 16

// An unknown number of bytes.
#define NANOQGA_UNKNOWN UINT64_MAX

// The result of a call. A call that fails has changed nothing, unless its status says otherwise.
enum nanoqga_status {
    // The call has succeeded.
    NANOQGA_STATUS_OK = 0,
    // A pointer is NULL that must not be.
    NANOQGA_STATUS_NULL,
    // A length is zero.
    NANOQGA_STATUS_EMPTY,
    // A pointer is not aligned for its type.
    NANOQGA_STATUS_MISALIGNED,
    // The memory is too small for an agent.
    NANOQGA_STATUS_TOO_SMALL,
    // A buffer or a result would lie in the agent's memory.
    NANOQGA_STATUS_OVERLAP,
    // There is no agent in that memory: it was not initialised, or it was overwritten.
    NANOQGA_STATUS_NOT_AN_AGENT,
    // The agent is at work: one of its callbacks has made this call.
    NANOQGA_STATUS_BUSY,
    // The text is too long.
    NANOQGA_STATUS_TOO_LONG,
    // The text has characters that it must not have.
    NANOQGA_STATUS_INVALID_TEXT,
    // The agent has this family, or a command of this name, already.
    NANOQGA_STATUS_EXISTS,
    // The agent has `NANOQGA_MAX_OWN_COMMANDS` commands of the kernel's own already.
    NANOQGA_STATUS_FULL,
    // A callback has reported more bytes than it had room for. The client gets an error: send what was transmitted. If the
    // callback has in fact written so many bytes, it has overwritten the agent.
    NANOQGA_STATUS_TOO_LARGE,
    // The reply of a command of the kernel's own is not one JSON value. The client gets an error: send what was transmitted.
    NANOQGA_STATUS_INVALID_REPLY,
    // There is no running test in that memory: nothing was kept, or it was overwritten.
    NANOQGA_STATUS_NOT_RUNNING,
};

// How a file is opened.
enum nanoqga_file_access {
    // For reading, from its beginning. It must exist.
    NANOQGA_FILE_ACCESS_READ,
    // For writing. It is created, or emptied if it exists.
    NANOQGA_FILE_ACCESS_WRITE,
    // For writing at its end, wherever the position is. It is created if it does not exist.
    NANOQGA_FILE_ACCESS_APPEND,
};

// Where an offset in a file counts from.
enum nanoqga_whence {
    // The file's beginning.
    NANOQGA_WHENCE_SET,
    // The position.
    NANOQGA_WHENCE_CURRENT,
    // The file's end.
    NANOQGA_WHENCE_END,
};

// How a guest goes down.
enum nanoqga_shutdown {
    // The machine goes off.
    NANOQGA_SHUTDOWN_POWER_DOWN,
    // The machine starts again.
    NANOQGA_SHUTDOWN_REBOOT,
    // Everything stops; the machine stays on.
    NANOQGA_SHUTDOWN_HALT,
};

// A way to die.
enum nanoqga_misbehaviour {
    // To panic.
    NANOQGA_MISBEHAVIOUR_PANIC,
    // To do nothing for ever.
    NANOQGA_MISBEHAVIOUR_HANG,
    // To access memory that is not there.
    NANOQGA_MISBEHAVIOUR_FAULT,
    // To use more stack than there is.
    NANOQGA_MISBEHAVIOUR_OVERFLOW,
    // To reset the machine.
    NANOQGA_MISBEHAVIOUR_RESET,
};

// How a test has ended.
enum nanoqga_outcome {
    // It is not known: the test counts as failed.
    NANOQGA_OUTCOME_UNKNOWN = 0,
    // It has passed.
    NANOQGA_OUTCOME_PASSED,
    // It has failed.
    NANOQGA_OUTCOME_FAILED,
    // It cannot be run on this machine.
    NANOQGA_OUTCOME_SKIPPED,
    // It has panicked, and the kernel has survived that.
    NANOQGA_OUTCOME_PANICKED,
};

// An agent.
struct nanoqga;

// Where a test writes.
struct nanoqga_test_output;

// Where a command of the kernel's own writes its reply.
struct nanoqga_reply {
    // Where the command writes JSON: one value in UTF-8, without a NUL. Members of objects are sent in the order in which they
    // are written, spaces between tokens are not sent.
    char *json;
    // The most bytes that the command may write: about half of the memory for requests that this request leaves free.
    size_t room;
    // The number of bytes that the command has written. It is 0 before; if it stays 0, the reply is `{}`.
    size_t length;
};

// The end of a test.
struct nanoqga_ending {
    // One of `enum nanoqga_outcome`.
    uint32_t outcome;
    // The line in `file`.
    uint32_t line;
    // Why the test failed, was skipped, or panicked; or NULL. Hosts are sent at least its first 160 bytes.
    const char *message;
    // The file of the source in which that was; or NULL.
    const char *file;
};

// How far a run of a test is.
struct nanoqga_test_progress {
    // Whether it goes on. Otherwise the rest says how it has ended.
    bool running;
    // Whether it wrote or measured more than the kernel has kept.
    bool truncated;
    // How long it took in nanoseconds. 0: not known.
    uint64_t elapsed_ns;
    // Its end.
    struct nanoqga_ending ending;
};

// A number that a test has measured.
struct nanoqga_test_measurement {
    // What was measured.
    const char *name;
    // The number.
    int64_t value;
    // Its unit, such as "ns".
    const char *unit;
};

// The callbacks of tests in threads. All must be there. The kernel keeps the output of each run, at least of the one that was
// started last, and lets no thread call the agent.
struct nanoqga_background_callbacks {
    // Starts a thread that runs the test `index`, whose `number` and `seed` are those of the callback `run`, and sets `run` to the
    // run's number. If `mark` is not NULL, the thread prints the lines "nanoqga-test-begin MARK" and "nanoqga-test-end MARK" on the
    // console before the test and after it; the mark has `mark_length` bytes, and no NUL follows them. Returns NULL, or why no
    // thread can be started.
    const char *(*start)(void *context,
                         size_t index,
                         uint64_t number,
                         uint64_t seed,
                         const char *mark,
                         size_t mark_length,
                         uint64_t *run);
    // Fills in how far a run is. Returns false if there is no such run.
    bool (*progress)(void *context, uint64_t run, struct nanoqga_test_progress *progress);
    // Copies what is kept of a run's output, from byte `from` on, to `into`: at most `length` bytes. Returns how many.
    size_t (*output)(void *context, uint64_t run, uint64_t from, char *into, size_t length);
    // Fills in a measurement of a run that has ended. Returns false behind the last one.
    bool (*measurement)(void *context, uint64_t run, size_t index, struct nanoqga_test_measurement *measurement);
};

// A processor.
struct nanoqga_processor {
    // Its number.
    int64_t logical_id;
    // Whether it runs.
    bool online;
    // Whether it can be taken offline.
    bool can_offline;
};

// The times of a processor since it started, in milliseconds.
struct nanoqga_processor_times {
    // The processor's number.
    uint32_t cpu;
    // In user mode.
    uint64_t user;
    // In user mode with low priority.
    uint64_t nice;
    // In system mode.
    uint64_t system;
    // Idle.
    uint64_t idle;
};

// The average number of tasks that were ready to run, in hundredths.
struct nanoqga_load {
    // Over one minute.
    uint32_t load1m;
    // Over five minutes.
    uint32_t load5m;
    // Over fifteen minutes.
    uint32_t load15m;
};

// The callbacks of the cpu family.
struct nanoqga_cpu_callbacks {
    // For guest-get-vcpus.
    bool (*processor)(void *context, size_t index, struct nanoqga_processor *processor);
    // For guest-set-vcpus: takes a processor online or offline. It is no error if the processor is so already.
    const char *(*set_processor)(void *context, int64_t logical_id, bool online);
    // For guest-get-cpustats.
    bool (*processor_times)(void *context, size_t index, struct nanoqga_processor_times *times);
    // For guest-get-load: fills in `load`.
    const char *(*load)(void *context, struct nanoqga_load *load);
};

// The callbacks of the file family. None of its commands exists unless both `open` and `close` are there. `file` is what `open`
// has set, and not closed yet.
struct nanoqga_file_callbacks {
    // For guest-file-open: opens the file at `path`, which has at most 511 bytes, and sets `*file`. With `update` the file is
    // opened for both reading and writing. An error is only the cause, such as "No such file or directory", because the client's
    // text already names the path.
    const char *(*open)(void *context, const char *path, enum nanoqga_file_access access, bool update, void **file);
    // For guest-file-close. The agent does not use the file any more, even after an error.
    const char *(*close)(void *context, void *file);
    // For guest-file-read: reads at the file's position, and sets `*count` to the number of bytes, which is `size` unless the
    // file ends before. One guest-file-read may take many calls.
    const char *(*read)(void *context, void *file, uint8_t *room, size_t size, size_t *count);
    // For guest-file-write: writes at the file's position, and sets `*count` to how many of the `length` bytes.
    const char *(*write)(void *context, void *file, const uint8_t *bytes, size_t length, size_t *count);
    // For guest-file-seek: moves the file's position, and sets `*position` to the new one, in bytes from the beginning.
    const char *(*seek)(void *context, void *file, int64_t offset, enum nanoqga_whence whence, uint64_t *position);
    // For guest-file-flush: makes what was written visible to other readers of the file.
    const char *(*flush)(void *context, void *file);
};

// A mounted file system.
struct nanoqga_filesystem {
    // The name of its disk or volume.
    const char *name;
    // Where it is mounted.
    const char *mountpoint;
    // The type, such as "vfat".
    const char *kind;
    // Bytes in use; `NANOQGA_UNKNOWN` before.
    uint64_t used_bytes;
    // Size in bytes; `NANOQGA_UNKNOWN` before.
    uint64_t total_bytes;
};

// The result of trimming a file system.
struct nanoqga_trimmed {
    // Where it is mounted.
    const char *path;
    // Bytes that were given back to the disk.
    uint64_t trimmed;
    // Smallest free extent that was trimmed, in bytes.
    uint64_t minimum;
    // NULL, or an error: why nothing was trimmed.
    const char *error;
};

// The callbacks of the filesystem family.
struct nanoqga_filesystem_callbacks {
    // For guest-get-fsinfo. The file system that was mounted last comes first.
    bool (*filesystem)(void *context, size_t index, struct nanoqga_filesystem *filesystem);
    // For guest-fstrim: gives free extents of at least `minimum` bytes of the `index`-th file system back to its disk, and fills in
    // `trimmed`. Only file systems that can be trimmed count.
    bool (*trim)(void *context, size_t index, uint64_t minimum, struct nanoqga_trimmed *trimmed);
};

// The callbacks of the freeze family. None of its commands exists unless both are there.
struct nanoqga_freeze_callbacks {
    // Brings the file system at `mountpoint`, or all of them if that is NULL, to a consistent state on disk, and holds back writes
    // to it. Skips a file system that is frozen already, or cannot be frozen. Sets `*count` to how many were frozen. After an
    // error, the agent calls `thaw`.
    const char *(*freeze)(void *context, const char *mountpoint, size_t *count);
    // Allows writes to all file systems again. Sets `*count` to how many were frozen.
    const char *(*thaw)(void *context, size_t *count);
};

// A block of memory. All blocks have the same size.
struct nanoqga_memory_block {
    // Its physical address, in blocks.
    uint64_t phys_index;
    // Whether it is in use.
    bool online;
    // Whether it can be taken offline.
    bool can_offline;
};

// The callbacks of the memory family.
struct nanoqga_memory_callbacks {
    // For guest-get-memory-blocks.
    bool (*memory_block)(void *context, size_t index, struct nanoqga_memory_block *block);
    // For guest-set-memory-blocks: takes a block online or offline. It is no error if the block is so already. The text of an
    // error is not sent, only that there was one.
    const char *(*set_memory_block)(void *context, uint64_t phys_index, bool online);
    // For guest-get-memory-block-info: sets `*size` to the size of a block in bytes.
    const char *(*memory_block_size)(void *context, uint64_t *size);
};

// A network interface.
struct nanoqga_interface {
    // The name, such as "eth0".
    const char *name;
    // Whether there is a hardware address. Proxmox shows no addresses of an interface without one.
    bool has_hardware_address;
    // The hardware address, in the order in which it is sent.
    uint8_t hardware_address[6];
};

// An IP address.
struct nanoqga_address {
    // The address, in the order in which it is sent.
    uint8_t bytes[16];
    // The number of bytes in use: 4 or 16. With any other number there is no address.
    uint8_t length;
    // The length of the network prefix in bits: at most 32 or 128. A gateway has none.
    uint8_t prefix;
};

// The counters of an interface.
struct nanoqga_interface_statistics {
    // Bytes received.
    uint64_t rx_bytes;
    // Packets received.
    uint64_t rx_packets;
    // Packets received with errors.
    uint64_t rx_errs;
    // Packets received and dropped.
    uint64_t rx_dropped;
    // Bytes sent.
    uint64_t tx_bytes;
    // Packets sent.
    uint64_t tx_packets;
    // Packets that failed to be sent.
    uint64_t tx_errs;
    // Packets dropped before they were sent.
    uint64_t tx_dropped;
};

// A route.
struct nanoqga_route {
    // The name of its interface.
    const char *interface;
    // The network that it leads to. Without an address the list of routes ends.
    struct nanoqga_address destination;
    // The router, with an address of the same version, if there is one.
    struct nanoqga_address gateway;
    // The metric: the route with the lowest one is used.
    uint32_t metric;
};

// The callbacks of the network family.
struct nanoqga_network_callbacks {
    // For guest-network-get-interfaces.
    bool (*interface)(void *context, size_t index, struct nanoqga_interface *interface);
    // Fills in the `index`-th address of the `interface`-th interface, and returns whether there is one. May be NULL.
    bool (*address)(void *context, size_t interface, size_t index, struct nanoqga_address *address);
    // Fills in the counters of the `interface`-th interface, and returns whether it has any. May be NULL.
    bool (*statistics)(void *context, size_t interface, struct nanoqga_interface_statistics *statistics);
    // For guest-network-get-route.
    bool (*route)(void *context, size_t index, struct nanoqga_route *route);
};

// The operating system. Members that are NULL are not sent.
struct nanoqga_os_info {
    // The kernel's release, as `uname -r` prints it.
    const char *kernel_release;
    // The kernel's version, as `uname -v` prints it.
    const char *kernel_version;
    // The machine's architecture, as `uname -m` prints it: "x86_64", "aarch64", "riscv64".
    const char *machine;
    // The operating system's name in lower case, without spaces.
    const char *id;
    // The operating system's name.
    const char *name;
    // The operating system's name with its version.
    const char *pretty_name;
    // The operating system's version in words.
    const char *version;
    // The operating system's version as a number.
    const char *version_id;
    // The edition's name.
    const char *variant;
    // The edition's name in lower case, without spaces.
    const char *variant_id;
};

// The callbacks of the os family.
struct nanoqga_os_callbacks {
    // For guest-get-osinfo: fills in `info`. After an error nothing is sent of it.
    const char *(*os_info)(void *context, struct nanoqga_os_info *info);
    // For guest-get-host-name: sets `*name` to the guest's name in its network.
    const char *(*host_name)(void *context, const char **name);
    // For guest-get-timezone: sets `*offset` to the seconds east of UTC, and `*zone` to the zone's name or NULL. After an error the
    // zone is UTC.
    const char *(*timezone)(void *context, int32_t *offset, const char **zone);
};

// The callback of the power family.
struct nanoqga_power_callbacks {
    // For guest-shutdown. It need not return; if it returns NULL, the host gets no reply.
    const char *(*shutdown)(void *context, enum nanoqga_shutdown how);
};

// The callbacks of the suspend family. The host gets no reply unless a command fails.
struct nanoqga_suspend_callbacks {
    // For guest-suspend-disk: saves the state on a disk, and switches the machine off.
    const char *(*disk)(void *context);
    // For guest-suspend-ram: the state stays in memory (ACPI S3).
    const char *(*ram)(void *context);
    // For guest-suspend-hybrid: the state stays in memory, and is saved on a disk in case that memory loses power.
    const char *(*hybrid)(void *context);
};

// A test of the kernel.
struct nanoqga_test {
    // Its name, such as "mm::oom". No two tests may have the same.
    const char *name;
    // If it is not NULL, the test passes only by a panic whose message has this text in it.
    const char *should_panic;
    // If it is not NULL, the test is run only when it is asked for; why.
    const char *ignored;
    // The time limit of this test in milliseconds. 0: the host's.
    uint32_t timeout_ms;
    // How many cases it has. 0: it has none, and is run once.
    uint32_t cases;
    // Whether it needs a freshly booted guest.
    bool alone;
};

// A test that runs. The kernel may copy it, and must not change it. One that is all zeros is none.
struct nanoqga_running {
    uint64_t opaque[32];
};

// What the kernel has kept of the panic that ended the boot before. A text may be NULL, and a line 0.
struct nanoqga_last_words {
    // The test that ran.
    const char *test;
    // What the panic said.
    const char *message;
    // The file of the source in which it was.
    const char *file;
    // The line in that file.
    uint32_t line;
};

// The callbacks of the testing family. `test`, `run` and `boot_id` must be there. Hosts can do with the kernel what its tests can,
// so a kernel that is shipped should not add the family.
struct nanoqga_testing_callbacks {
    // A test of the kernel. The list must always be the same.
    bool (*test)(void *context, size_t index, struct nanoqga_test *test);
    // Runs the test `index`, and says how it has ended. `number` is the case, 0 for a test without cases; `seed` is for random
    // numbers, and 0 unless the host has sent one. `output` is for nanoqga_test_write and nanoqga_test_measure. It need not return:
    // see nanoqga_finish_test.
    void (*run)(void *context,
                size_t index,
                uint64_t number,
                uint64_t seed,
                struct nanoqga_test_output *output,
                struct nanoqga_ending *ending);
    // A number that differs from boot to boot, as far as the kernel can tell boots apart.
    uint64_t (*boot_id)(void *context);
    // A clock in nanoseconds that never goes backwards. May be NULL.
    uint64_t (*clock_ns)(void *context);
    // Prints a line of `length` bytes on the console, and ends it; no NUL follows the bytes. May be NULL.
    void (*print_line)(void *context, const char *line, size_t length);
    // Copies the test that runs next to where the panic handler finds it; NULL: none runs any more. May be NULL.
    void (*keep)(void *context, const struct nanoqga_running *running);
    // Fills in what is known of the panic that ended the boot before, and returns whether there is anything. May be NULL.
    bool (*last_words)(void *context, struct nanoqga_last_words *words);
    // For nanoqga-test-misbehave: dies in this way, so that a host can test that it notices. It need not return.
    const char *(*misbehave)(void *context, enum nanoqga_misbehaviour how);
};

// The callbacks of the time family. Times are in nanoseconds since 1970-01-01T00:00:00Z.
struct nanoqga_time_callbacks {
    // For guest-get-time: sets `*time` to the kernel's time.
    const char *(*time)(void *context, int64_t *time);
    // For guest-set-time: sets the kernel's clock, and the machine's clock from it. `time` is in the years 1970 to 2069.
    const char *(*set_time)(void *context, int64_t time);
    // For guest-set-time without a time: sets the kernel's clock from the machine's clock. If it is NULL, the client gets an
    // error.
    const char *(*set_time_from_machine)(void *context);
};

// A user who is logged in.
struct nanoqga_user {
    // The user's name.
    const char *user;
    // The time of login, in seconds since 1970-01-01T00:00:00Z.
    uint32_t login_time;
};

// The callbacks of the user family.
struct nanoqga_user_callbacks {
    // For guest-get-users. A kernel without users should return false: KubeVirt asks for the list.
    bool (*user)(void *context, size_t index, struct nanoqga_user *user);
    // For guest-set-user-password: gives `user` a new password of `length` bytes. It has no line break, and no NUL follows it. With
    // `crypted` it is in the form of the guest's password file.
    const char *(*set_password)(void *context, const char *user, const uint8_t *password, size_t length, bool crypted);
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes an agent in the `size` bytes at `memory`, and sets `*agent` to it. It answers `guest-sync`, `guest-sync-delimited`,
// `guest-ping` and `guest-info`; nanoqga_add_... add more commands.
//
// `memory` must be aligned to `NANOQGA_ALIGNMENT` and have `NANOQGA_MEMORY(longest_request)` bytes. Nothing else may use it as
// long as the agent is used; nothing has to be released. This call overwrites it, so a callback must not make it for the memory
// of its own agent. `version` is the agent's version for clients: three numbers with dots between, such as "1.0.0", of at most
// `NANOQGA_MAX_VERSION` bytes. It is copied. `context` is passed to every callback and may be NULL.
//
// Errors: NULL, MISALIGNED, TOO_SMALL, OVERLAP; TOO_LONG and INVALID_TEXT for the version.
enum nanoqga_status nanoqga_init(void *memory,
                                 size_t size,
                                 const char *version,
                                 void *context,
                                 struct nanoqga **agent);

// Takes bytes that the host has sent, up to the end of a request, and sets `*taken` to how many of the `length` bytes. Pass the
// rest again when the request is answered: as long as there is something to transmit, no bytes are taken.
//
// Errors: NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY.
enum nanoqga_status nanoqga_receive(struct nanoqga *agent,
                                    const uint8_t *bytes,
                                    size_t length,
                                    size_t *taken);

// Runs the request that was received, if any, fills the `size` bytes at `room` with its reply, and sets `*filled` to how many of
// them. This call alone calls callbacks. Repeat it, and send what it fills, until it fills nothing: then the reply is complete,
// and more can be received.
//
// A command such as `guest-shutdown` may not return, so send every earlier reply before more is received.
//
// Errors: NULL, EMPTY, MISALIGNED, OVERLAP, NOT_AN_AGENT, BUSY; TOO_LARGE and INVALID_REPLY for the mistake of a callback: `room`
// is filled, and must be sent, as without it.
enum nanoqga_status nanoqga_transmit(struct nanoqga *agent,
                                     uint8_t *room,
                                     size_t size,
                                     size_t *filled);

// Drops the request that was half received and the rest of the reply, because the host has connected or disconnected. A command
// that acts on several things, such as `guest-fstrim`, still completes, in the next nanoqga_transmit and without its reply.
//
// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
enum nanoqga_status nanoqga_reset(struct nanoqga *agent);

// Tells an agent whether file systems are frozen, because another agent of the same kernel has frozen or thawed them. While they
// are frozen, only commands that write nothing are enabled.
//
// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY.
enum nanoqga_status nanoqga_set_frozen(struct nanoqga *agent,
                                       bool frozen);

// A status in words, for a log: a string constant.
const char *nanoqga_status_text(uint32_t status);

// Adds a command of the kernel's own, called `name`, which `run` runs. guest-info lists it. `run` is passed this `context`, which
// may be NULL, instead of that of nanoqga_init. The command's arguments are JSON: an object of `arguments_length` bytes without
// spaces between tokens. No NUL follows it.
//
// `name` has letters, digits, `-`, `_` and `.`, at most `NANOQGA_MAX_NAME` bytes, and must not change as long as the agent is
// used. The name of a new command should begin with that of its maker, not with "guest-".
//
// Errors: NULL, MISALIGNED, NOT_AN_AGENT, BUSY, EMPTY, TOO_LONG, INVALID_TEXT, EXISTS, FULL.
enum nanoqga_status nanoqga_add_command(struct nanoqga *agent,
                                        const char *name,
                                        const char *(*run)(void *context,
                                                           const char *arguments,
                                                           size_t arguments_length,
                                                           struct nanoqga_reply *reply),
                                        void *context);

// Adds nanoqga-test-start and -status, by which a host runs tests in threads of the kernel's. The tests are those of the testing
// family, which must be added as well.
enum nanoqga_status nanoqga_add_background_tests(struct nanoqga *agent,
                                                 const struct nanoqga_background_callbacks *callbacks);

// Adds the cpu family.
enum nanoqga_status nanoqga_add_cpu(struct nanoqga *agent, const struct nanoqga_cpu_callbacks *callbacks);

// Adds the file family.
enum nanoqga_status nanoqga_add_file(struct nanoqga *agent, const struct nanoqga_file_callbacks *callbacks);

// Adds the filesystem family.
enum nanoqga_status nanoqga_add_filesystem(struct nanoqga *agent, const struct nanoqga_filesystem_callbacks *callbacks);

// Adds the freeze family: guest-fsfreeze-status, -freeze, -freeze-list and -thaw. Between freeze and thaw only commands that
// write nothing are enabled.
enum nanoqga_status nanoqga_add_freeze(struct nanoqga *agent,
                                       const struct nanoqga_freeze_callbacks *callbacks);

// Adds the memory family.
enum nanoqga_status nanoqga_add_memory(struct nanoqga *agent, const struct nanoqga_memory_callbacks *callbacks);

// Adds the network family.
enum nanoqga_status nanoqga_add_network(struct nanoqga *agent, const struct nanoqga_network_callbacks *callbacks);

// Adds the os family.
enum nanoqga_status nanoqga_add_os(struct nanoqga *agent, const struct nanoqga_os_callbacks *callbacks);

// Adds the power family.
enum nanoqga_status nanoqga_add_power(struct nanoqga *agent, const struct nanoqga_power_callbacks *callbacks);

// Adds the suspend family.
enum nanoqga_status nanoqga_add_suspend(struct nanoqga *agent, const struct nanoqga_suspend_callbacks *callbacks);

// Adds the testing family: nanoqga-test-info, -list, -run and -misbehave, by which a host runs the kernel's own tests.
enum nanoqga_status nanoqga_add_testing(struct nanoqga *agent, const struct nanoqga_testing_callbacks *callbacks);

// Adds `length` bytes of UTF-8 to what the host is sent with the verdict. What there is no room for is dropped, and the host is
// told so. Only the callback `run` may call this, with its `output`.
//
// Errors: NULL, INVALID_TEXT.
enum nanoqga_status nanoqga_test_write(struct nanoqga_test_output *output,
                                       const char *text,
                                       size_t length);

// Sends a number that was measured with the verdict: what was measured, and its unit, such as "ns". Only the callback `run` may
// call this, with its `output`.
//
// Errors: NULL.
enum nanoqga_status nanoqga_test_measure(struct nanoqga_test_output *output,
                                         const char *name,
                                         int64_t value,
                                         const char *unit);

// Finishes the reply for a test that has panicked, because the kernel cannot go on. The panic handler calls this once, with what
// the callback `keep` has copied, even while the agent is at work. `send` is called with the bytes of the reply, and must not
// return before they are with the channel's device. `now_ns` is the clock, or 0 without one.
//
// Errors: NULL, MISALIGNED, NOT_RUNNING: then nothing was sent.
enum nanoqga_status nanoqga_finish_test(const struct nanoqga_running *running,
                                        const struct nanoqga_ending *ending,
                                        uint64_t now_ns,
                                        void (*send)(void *context, const uint8_t *bytes, size_t length),
                                        void *context);

// Adds the time family.
enum nanoqga_status nanoqga_add_time(struct nanoqga *agent, const struct nanoqga_time_callbacks *callbacks);

// Adds the user family.
enum nanoqga_status nanoqga_add_user(struct nanoqga *agent, const struct nanoqga_user_callbacks *callbacks);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NANOQGA_H */
