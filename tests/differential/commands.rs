//! The commands and what they take.

/// A command of the agent.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    /// What it does to a machine, its owner would notice: only requests that must be refused are generated.
    pub acts: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub required: bool,
    /// How its right values are spelled.
    pub values: Values,
}

/// Right values: of JSON, or base64 that may have line breaks.
pub type Values = &'static [&'static str];

const fn required(name: &'static str, values: Values) -> Parameter {
    Parameter { name, required: true, values }
}

const fn optional(name: &'static str, values: Values) -> Parameter {
    Parameter { name, required: false, values }
}

const fn command(name: &'static str, parameters: &'static [Parameter]) -> Command {
    Command { name, parameters, acts: false }
}

const fn acting(name: &'static str, parameters: &'static [Parameter]) -> Command {
    Command { name, parameters, acts: true }
}

const BOOL: Values = &["true", "false"];
/// What is open is known only when it runs: `<handle>` is the last handle that was told, `<file>` a file of the agent's own.
const HANDLES: Values = &["<handle>", "<handle>", "0", "-1", "999", "123456789", "9223372036854775807"];
const PATHS: Values = &[
    "\"<file>\"",
    "\"<file>\"",
    "\"<file>.none/x\"",
    "\"\"",
    "\"/\"",
    "\"/etc/passwd\"",
    "\"no such file\"",
    "\"a\\u0000b\"",
];
const BASE64: Values = &[
    "\"\"",
    "\"YQ==\"",
    "\"SGVs\\nbG8=\"",
    "\"YWJjZA==\\n\"",
    "\"YQ\"",
    "\"Y===\"",
    "\"=\"",
    "\"a*b=\"",
    "\"YQ==YQ==\"",
    "\"YWI\"",
];
const COUNTS: Values =
    &["0", "1", "3", "10", "100", "4096", "-1", "50331648", "50331649", "9223372036854775807", "-9223372036854775808"];
const PROGRAMS: Values =
    &["\"true\"", "\"/bin/echo\"", "\"/nonexistent\"", "\"no-such-program\"", "\"\"", "\"/etc\"", "\"/etc/passwd\""];
const WORDS: Values = &["[]", "[\"word\"]", "[\"a\",\"b c\",\"\"]", "['\\u00e9']", "[1]", "[\"a\",null]", "[[\"a\"]]"];
const NOBODY: Values = &["\"no such user\"", "\"no:user\"", "\"\"", "\"new\\nline\""];

/// All 44 of QEMU 11.1.3, and what no agent has.
pub const COMMANDS: &[Command] = &[
    command(
        "guest-sync",
        &[required("id", &["0", "-1", "1700000000000", "9223372036854775807", "-9223372036854775808"])],
    ),
    command("guest-sync-delimited", &[required("id", &["0", "-7", "987654321", "9223372036854775807"])]),
    command("guest-ping", &[]),
    command("guest-info", &[]),
    command("guest-get-time", &[]),
    command("guest-set-time", &[optional("time", &["0", "1", "-1", "1700000000000000000", "3155760000000000000"])]),
    acting("guest-shutdown", &[optional("mode", &["\"halt\"", "\"powerdown\"", "\"reboot\"", "\"sideways\"", "\"\""])]),
    command(
        "guest-file-open",
        &[
            required("path", PATHS),
            optional(
                "mode",
                &[
                    "\"r\"",
                    "\"rb\"",
                    "\"w+\"",
                    "\"a\"",
                    "\"r+b\"",
                    "\"ab+\"",
                    "\"zz\"",
                    "\"\"",
                    "\"rw\"",
                    "\"r\\u0000\"",
                ],
            ),
        ],
    ),
    command("guest-file-close", &[required("handle", HANDLES)]),
    command("guest-file-read", &[required("handle", HANDLES), optional("count", COUNTS)]),
    command("guest-file-write", &[required("handle", HANDLES), required("buf-b64", BASE64), optional("count", COUNTS)]),
    command(
        "guest-file-seek",
        &[
            required("handle", HANDLES),
            required("offset", &["0", "1", "-1", "100", "9223372036854775807", "-9223372036854775808"]),
            required("whence", &["0", "1", "2", "3", "-1", "\"set\"", "\"cur\"", "\"end\"", "\"SET\"", "\"\""]),
        ],
    ),
    command("guest-file-flush", &[required("handle", HANDLES)]),
    command("guest-fsfreeze-status", &[]),
    acting("guest-fsfreeze-freeze", &[]),
    acting("guest-fsfreeze-freeze-list", &[optional("mountpoints", WORDS)]),
    command("guest-fsfreeze-thaw", &[]),
    command("guest-fstrim", &[optional("minimum", &["0", "4096", "-1", "9223372036854775807"])]),
    acting("guest-suspend-disk", &[]),
    acting("guest-suspend-ram", &[]),
    acting("guest-suspend-hybrid", &[]),
    command("guest-network-get-interfaces", &[]),
    command("guest-network-get-route", &[]),
    command("guest-get-vcpus", &[]),
    command(
        "guest-set-vcpus",
        &[required(
            "vcpus",
            &[
                "[]",
                "[{\"logical-id\":9999,\"online\":true}]",
                "[{\"logical-id\":-1,\"online\":true}]",
                "[{\"logical-id\":9999,\"online\":true,\"can-offline\":false},{\"logical-id\":1,\"online\":1}]",
                "[{\"logical-id\":9999}]",
                "[{\"logical-id\":\"0\",\"online\":true}]",
                "[{\"logical-id\":9999,\"online\":true,\"x\":1}]",
                "[{\"logical-id\":9999,\"logical-id\":9999,\"online\":true}]",
                "[7]",
                "{}",
            ],
        )],
    ),
    command("guest-get-disks", &[]),
    command("guest-get-fsinfo", &[]),
    command(
        "guest-set-user-password",
        &[required("username", NOBODY), required("password", BASE64), required("crypted", BOOL)],
    ),
    command("guest-get-memory-blocks", &[]),
    command(
        "guest-set-memory-blocks",
        &[required(
            "mem-blks",
            &[
                "[]",
                "[{\"phys-index\":99999999,\"online\":true}]",
                "[{\"phys-index\":18446744073709551615,\"online\":false,\"can-offline\":true}]",
                "[{\"phys-index\":-1,\"online\":true}]",
                "[{\"phys-index\":0}]",
                "[{\"phys-index\":1.5,\"online\":true}]",
                "[null]",
            ],
        )],
    ),
    command("guest-get-memory-block-info", &[]),
    command(
        "guest-exec",
        &[
            required("path", PROGRAMS),
            optional("arg", WORDS),
            optional("env", &["[]", "[\"A=1\"]", "[\"A=1\",\"B=\"]", "[\"none\"]", "[1]"]),
            optional("input-data", BASE64),
            optional(
                "capture-output",
                &["true", "false", "\"none\"", "\"stdout\"", "\"separated\"", "\"merged\"", "\"other\""],
            ),
        ],
    ),
    command("guest-exec-status", &[required("pid", &["-1", "0", "999999999", "9223372036854775807"])]),
    command("guest-get-host-name", &[]),
    command("guest-get-users", &[]),
    command("guest-get-timezone", &[]),
    command("guest-get-osinfo", &[]),
    command("guest-get-devices", &[]),
    command("guest-ssh-get-authorized-keys", &[required("username", NOBODY)]),
    command(
        "guest-ssh-add-authorized-keys",
        &[
            required("username", NOBODY),
            required("keys", &["[]", "[\"ssh-ed25519 AAAA\"]", "[\"# none\"]", "[\"two\\nlines\"]", "[1]"]),
            optional("reset", BOOL),
        ],
    ),
    command(
        "guest-ssh-remove-authorized-keys",
        &[required("username", NOBODY), required("keys", &["[]", "[\"ssh-ed25519 AAAA\"]", "[\"# none\"]", "[null]"])],
    ),
    command("guest-get-diskstats", &[]),
    command("guest-get-cpustats", &[]),
    command("guest-get-load", &[]),
    command("guest-bogus", &[]),
    command("", &[]),
    command("GUEST-PING", &[]),
    command("guest-pin", &[required("g", &["1"])]),
    command("query-status", &[]),
];
