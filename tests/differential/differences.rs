//! Where the two agents are meant to differ, and why.

use std::ops::Range;

use debian::reference::Version;
use serde_json::Value;

use crate::agents::Line;
use crate::exchange::{Exchange, shape};

/// A difference that is meant.
pub struct Difference {
    pub reason: &'static str,
    /// The versions of qemu-ga that show it.
    pub versions: Range<Version>,
    /// Whether it does not depend on the machine that the test runs on.
    pub everywhere: bool,
    /// Whether an exchange shows it, and nothing else that is not alike.
    pub is_it: fn(&Exchange<'_>) -> bool,
}

const FIRST: Version = Version(0, 0, 0);
const LAST: Version = Version(u32::MAX, 0, 0);
const ALL: Range<Version> = FIRST..LAST;

const fn before(major: u32, minor: u32) -> Range<Version> {
    FIRST..Version(major, minor, 0)
}

const fn since(major: u32, minor: u32) -> Range<Version> {
    Version(major, minor, 0)..LAST
}

/// A value without the members of these names, wherever they are.
fn without(value: &Value, names: &[&str]) -> Value {
    match value {
        Value::Array(list) => list.iter().map(|element| without(element, names)).collect(),
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !names.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), without(value, names))).collect()
        }
        other => other.clone(),
    }
}

/// Whether the two tell that there is no such program: qemu-ga in these words.
fn unknown_pid(exchange: &Exchange<'_>, words: &str) -> bool {
    exchange
        .complaints()
        .is_some_and(|[ours, theirs]| ours.starts_with("PID ") && ours.ends_with(" does not exist") && theirs == words)
}

/// Whether both tell the same of disks and file systems, but for members of these names.
fn same_disks_without(exchange: &Exchange<'_>, names: &[&str]) -> bool {
    let known = |value: &Value| shape(&without(value, names));
    ["guest-get-disks", "guest-get-fsinfo"].contains(&exchange.command)
        && exchange.returned().is_some_and(|[ours, theirs]| known(ours) == known(theirs))
}

/// The first of them: it is met beside others.
pub const RESET: usize = 0;

/// In a full run each of them that the version shows is met, or the test fails: what is not, is not one any more.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "A byte 0xFF gets an error from qemu-ga, from ours only where something was half read: QEMU's own tests call its \
                 answers garbage that should not be sent.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let more = exchange.theirs.iter().filter(|line| line.is_reset()).count();
            let asked = exchange.request.iter().filter(|byte| **byte == 0xff).count();
            let fits = !exchange.broken || exchange.ours.len() + more == exchange.theirs.len();
            more > 0 && more <= asked && fits
        },
    },
    Difference {
        reason: "A brace that breaks a number or a word off begins a message for ours; for qemu-ga it is a part of what it breaks.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let swallowed =
                exchange.theirs.iter().any(|line| line.complaint().is_some_and(|text| text.ends_with("{'")));
            exchange.broken && swallowed && exchange.ours.iter().any(Line::is_syntax)
        },
    },
    Difference {
        reason: "A bad message gets one error from ours, which skips the rest of it, and one from qemu-ga for every piece of \
                 it that makes no sense by itself.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let (ours, theirs) = (exchange.ours, exchange.theirs);
            let pairs = || ours.iter().zip(theirs);
            let errors = |lines: &[Line]| lines.iter().all(|line| line.complaint().is_some());
            exchange.broken
                && (1..theirs.len()).contains(&ours.len())
                && errors(&theirs[ours.len()..])
                && pairs().all(|(ours, theirs)| {
                    exchange.line_is_alike(ours, theirs)
                        || ours.complaint().is_some()
                            && theirs.complaint().is_some()
                            && !exchange.is_grammar(ours, theirs)
                })
        },
    },
    Difference {
        reason: "What cannot become a message any more is an error for ours at once, for qemu-ga when its brackets have closed.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| match exchange.ours {
            [before @ .., last] if exchange.broken && last.is_syntax() && before.len() == exchange.theirs.len() => {
                let syntax = |ours: &Line, theirs: &Line| ours.is_syntax() && theirs.is_syntax();
                let mut pairs = before.iter().zip(exchange.theirs);
                pairs.all(|(ours, theirs)| exchange.line_is_alike(ours, theirs) || syntax(ours, theirs))
            }
            _ => false,
        },
    },
    Difference {
        reason: "A text that is no JSON is told in other words: qemu-ga quotes what its lexer held, ours the byte that is wrong.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            exchange.broken
                && exchange.lines().is_some_and(|[ours, theirs]| {
                    ours.is_syntax() && theirs.is_syntax() && !exchange.is_grammar(ours, theirs)
                })
        },
    },
    Difference {
        reason: "What is missing in a text that is no JSON is told in the words of newer versions.",
        versions: before(11, 1),
        everywhere: true,
        is_it: |exchange| {
            exchange.broken && exchange.lines().is_some_and(|[ours, theirs]| ours.is_syntax() && theirs.is_syntax())
        },
    },
    Difference {
        reason: "After a bad message, a line that begins with a brace begins a message for ours. For qemu-ga it is a part of the \
                 bad one, until the brackets close or something else is wrong.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            exchange.ours.len() > exchange.theirs.len()
                && exchange.ours.iter().any(Line::is_syntax)
                && exchange.request.windows(2).any(|text| text == b"\n{")
        },
    },
    Difference {
        reason: "After what is no JSON, qemu-ga goes on with the next bracket, colon or comma, ours with the next line or \
                 object, and after 0xFF with the next byte. 0xFF also ends a number for qemu-ga.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let errors = exchange.ours.iter().chain(exchange.theirs).all(|line| line.complaint().is_some());
            let no_json = exchange.ours.iter().any(Line::is_syntax) || exchange.request.contains(&0xff);
            let grammar = exchange.lines().is_some_and(|[ours, theirs]| exchange.is_grammar(ours, theirs));
            exchange.broken && errors && no_json && !exchange.theirs.is_empty() && !grammar
        },
    },
    Difference {
        reason: "qemu-ga refuses the code points that Unicode calls noncharacters; JSON has them (RFC 8259, section 7), and \
                 so may a file's name.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let refused = |line: &Line| {
                let text = line.complaint().unwrap_or_default();
                text.ends_with("invalid UTF-8 sequence in string") || text.ends_with("is not a valid Unicode character")
            };
            exchange.has_noncharacter()
                && exchange.lines().is_some_and(|[ours, theirs]| refused(theirs) && !refused(ours))
        },
    },
    Difference {
        reason: "qemu-ga takes no exponent after a lone 0, as in 0e0; JSON does (RFC 8259, section 6).",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let words = ["expected separator in", "expected ',' or "];
            let refused =
                |line: &Line| line.complaint().is_some_and(|text| words.iter().any(|words| text.contains(words)));
            // Ours may find another separator missing, later on.
            exchange.has_zero_with_exponent() && exchange.lines().is_some_and(|[_, theirs]| refused(theirs))
        },
    },
    Difference {
        reason: "What is more than a double holds is inf for qemu-ga, which is no JSON; ours echoes an id as it came.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let failed = |line: &Line| line.text.contains("\"error\": {\"class\": ");
            exchange.lines().is_some_and(|[ours, theirs]| {
                // Nor does our own reader hold it.
                let unreadable = ours.value.is_none() && theirs.value.is_none();
                unreadable && theirs.text.contains("inf") && failed(ours) == failed(theirs)
            })
        },
    },
    Difference {
        reason: "Ours keeps 64 names of the objects that are open, so that each byte of a request costs the same: a member beyond \
                 those may come twice.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let twice = |line: &Line| line.complaint() == Some("JSON parse error, duplicate key");
            let names = exchange.request.windows(2).filter(|text| *text == b"\":" || *text == b"':").count();
            names > 64 && exchange.lines().is_some_and(|[ours, theirs]| twice(theirs) && !ours.is_syntax())
        },
    },
    Difference {
        reason: "Of several members that do not belong there, ours names the first, qemu-ga that which its hash table has \
                 first; in the outermost object also of others that are wrong.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let named = |text: &str| text.ends_with("' is unexpected") || text.starts_with("QMP input member '");
            exchange.complaints().is_some_and(|[ours, theirs]| named(ours) && named(theirs))
        },
    },
    Difference {
        reason: "What fails in the system is told in other words: ours asks the kernel, qemu-ga runs programs.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let commands = ["guest-set-time", "guest-set-user-password", "guest-ssh-"];
            let own = |text: &str| {
                !["JSON ", "QMP ", "Parameter ", "Invalid parameter "].iter().any(|with| text.starts_with(with))
            };
            commands.iter().any(|name| exchange.command.starts_with(name))
                && exchange.complaints().is_some_and(|texts| texts.into_iter().all(own))
        },
    },
    Difference {
        reason: "That a processor cannot be set is told in the words of newer versions.",
        versions: before(11, 0),
        everywhere: true,
        is_it: |exchange| {
            exchange.complaints().is_some_and(|[ours, theirs]| {
                ours.starts_with("Could not open '/sys/devices/system/cpu/cpu") && theirs.contains("cpu/cpu")
            })
        },
    },
    Difference {
        reason: "It is newer.",
        versions: before(10, 0),
        everywhere: true,
        is_it: |exchange| {
            ["guest-get-load", "guest-network-get-route"].contains(&exchange.command)
                && exchange.lines().is_some_and(|[ours, theirs]| {
                    let unknown = theirs.complaint().is_some_and(|text| text.ends_with(" has not been found"));
                    let known =
                        |text: &str| text.starts_with("Parameter '") || text.ends_with("the command is not allowed");
                    unknown && ours.complaint().is_none_or(known)
                })
        },
    },
    Difference {
        reason: "It is for Windows alone. Since QEMU 9.1, an agent does not have what it cannot do; before, it was disabled.",
        versions: before(9, 1),
        everywhere: true,
        is_it: |exchange| {
            exchange.complaints().is_some_and(|[ours, theirs]| {
                ours == "The command guest-get-devices has not been found"
                    && theirs.starts_with("Command guest-get-devices has been disabled")
            })
        },
    },
    Difference {
        reason: "A negative minimum is refused by ours. qemu-ga takes it for one near 2^64, which no file system has.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let refused = |text: &str| text.ends_with("' is invalid for argument minimum");
            exchange.lines().is_some_and(|[ours, theirs]| {
                ours.complaint().is_some_and(refused)
                    && theirs.value.as_ref().is_some_and(|reply| reply["return"].is_object())
            })
        },
    },
    Difference {
        reason: "What is longer than the engine's buffer for a part of a reply is cut in the text of an error.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            exchange.complaints().is_some_and(|[ours, theirs]| ours.len() > 200 && theirs.starts_with(ours))
        },
    },
    Difference {
        reason: "QEMU takes the bytes C0 80 for the character 0, which UTF-8 forbids (RFC 3629, section 3).",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let refused = |line: &Line| line.complaint() == Some("JSON parse error, invalid UTF-8 sequence in string");
            exchange.request.windows(2).any(|text| text == b"\xc0\x80")
                && exchange.lines().is_some_and(|[ours, theirs]| refused(ours) && !theirs.is_syntax())
        },
    },
    Difference {
        reason: "Without udev, qemu-ga knows no disk's serial number.",
        versions: since(9, 1),
        everywhere: false,
        is_it: |exchange| same_disks_without(exchange, &["serial"]),
    },
    Difference {
        reason: "Without udev, qemu-ga knows no disk's serial number, and that of a file system's space for a privileged user is \
                 newer.",
        versions: before(9, 1),
        everywhere: false,
        is_it: |exchange| same_disks_without(exchange, &["serial", "total-bytes-privileged"]),
    },
    Difference {
        reason: "The modes of capture-output are newer: this qemu-ga takes a boolean.",
        versions: before(8, 1),
        everywhere: true,
        is_it: |exchange| {
            let refused = "Invalid parameter type for 'capture-output', expected: boolean";
            exchange.lines().is_some_and(|[ours, theirs]| {
                theirs.complaint() == Some(refused) && ours.complaint() != Some(refused) && !ours.is_syntax()
            })
        },
    },
    Difference {
        reason: "A block of memory has no negative number for ours. qemu-ga takes it for one near 2^64.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let refused = "Parameter 'mem-blks[0].phys-index' expects uint64";
            exchange.command == "guest-set-memory-blocks"
                && exchange.lines().is_some_and(|[ours, theirs]| {
                    ours.complaint() == Some(refused) && theirs.complaint() != Some(refused)
                })
        },
    },
    Difference {
        reason: "Base64 whose padding is wrong is refused by ours; qemu-ga looks at the characters \
                 alone, and drops what is left over.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let refused = Some("Base64 data contains invalid characters");
            exchange.lines().is_some_and(|[ours, theirs]| ours.complaint() == refused && theirs.complaint() != refused)
        },
    },
    Difference {
        reason: "A text that a system call cannot take, since it ends at its first character 0, is an error for ours. qemu-ga \
                 takes it to that end.",
        versions: ALL,
        everywhere: true,
        is_it: |exchange| {
            let zero = exchange.request.windows(6).any(|text| text == b"\\u0000");
            let refused = |line: &Line| line.complaint().is_some_and(|text| text.contains("Invalid argument"));
            zero && exchange.lines().is_some_and(|[ours, theirs]| refused(ours) && !refused(theirs))
        },
    },
    Difference {
        reason: "Since QEMU 8.1 it is told why a command is disabled, and since 9.1 in the same words while file systems are \
                 frozen.",
        versions: before(9, 1),
        everywhere: true,
        is_it: |exchange| {
            exchange.complaints().is_some_and(|[ours, theirs]| {
                let theirs = theirs.trim_end_matches(": the agent is in frozen state");
                ours == format!("{theirs}: the command is not allowed") && theirs.ends_with(" has been disabled")
            })
        },
    },
    Difference {
        reason: "That a program is not known is told in the words of newer versions.",
        versions: before(10, 0),
        everywhere: true,
        is_it: |exchange| unknown_pid(exchange, "Invalid parameter 'pid'"),
    },
    Difference {
        reason: "That a program is not known is told with its number, which qemu-ga forgets to format.",
        versions: since(10, 0),
        everywhere: true,
        is_it: |exchange| unknown_pid(exchange, "PID ld does not exist"),
    },
    Difference {
        reason: "That a program cannot be run is told in the words of newer versions.",
        versions: before(11, 1),
        everywhere: true,
        is_it: |exchange| {
            exchange.complaints().is_some_and(|[ours, theirs]| {
                ours.starts_with("Failed to execute child process ")
                    && theirs == format!("Guest agent command failed, error was '{ours}'")
            })
        },
    },
];
