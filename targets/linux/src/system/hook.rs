//! The hook around a freeze: a program that runs to its end, or to the end of the time that it has.

use alloc::format;
use alloc::string::String;
use core::ffi::CStr;

use super::command;
use super::errno::text;

/// What begins the text of a hook that failed, and of one that was killed: qemu-ga's words.
pub const FAILED: &str = "child process has failed to execute fsfreeze hook: ";
pub const KILLED: &str = "child process has terminated abnormally: ";

/// Runs the hook at a path, which is told what is to come or has been. `limit` is how many seconds it may take.
///
/// # Errors
/// What is wrong, in words: its status and what it has written to stdout and stderr.
pub fn run(hook: &str, what: &CStr, limit: Option<u32>) -> Result<(), String> {
    let what = what.to_str().unwrap_or_default();
    let ended = command::run(&[hook, what], limit)
        .map_err(|error| format!("{FAILED}failed to exec '{hook}': {}", text(error)))?;
    let said = &ended.output;
    Err(match ended.status {
        None => format!("{FAILED}not done after {} seconds: {said}", limit.unwrap_or_default()),
        Some(status) => match status.exit_status() {
            Some(0) => return Ok(()),
            Some(status) if said.is_empty() => format!("{FAILED}exit status {status}"),
            Some(status) => format!("{FAILED}exit status {status}: {said}"),
            None => format!("{KILLED}signal {}: {said}", status.terminating_signal().unwrap_or_default()),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rustix::process::{Pid, Signal, kill_process};

    use super::super::files::testing::TestFolder;
    use super::*;

    /// What the client is told of a hook with this script.
    fn told(folder: &TestFolder, script: &str, limit: Option<u32>) -> String {
        let hook = folder.path("hook");
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        run(&hook, c"freeze", limit).err().unwrap_or_default()
    }

    #[test]
    fn a_hook_that_fails_is_told_with_its_status_and_what_it_said() {
        let folder = TestFolder::new("hook");
        assert_eq!(told(&folder, "#!/bin/sh\ntest $1 = freeze\n", Some(600)), "");
        assert_eq!(told(&folder, "#!/bin/sh\nexit 3\n", None), [FAILED, "exit status 3"].concat());
        let script = "#!/bin/sh\necho no database >&2; exit 4\n";
        assert_eq!(told(&folder, script, None), [FAILED, "exit status 4: no database"].concat());
        assert_eq!(told(&folder, "#!/bin/sh\nkill -9 $$\n", None), [KILLED, "signal 9: "].concat());
        let missing = [FAILED, "failed to exec '/none': No such file or directory"].concat();
        assert_eq!(run("/none", c"thaw", None).unwrap_err(), missing);
    }

    #[test]
    fn a_hook_says_more_than_is_kept_and_leaves_a_process_that_holds_its_output() {
        let folder = TestFolder::new("long-hook");
        let script = "#!/bin/sh\nsleep 600 &\necho $! > $0.pid\nyes | head -c 200000\n";
        assert_eq!(told(&folder, script, None), "");
        let pid = fs::read_to_string(folder.path("hook.pid")).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    #[test]
    fn a_hook_that_never_ends_is_ended() {
        let folder = TestFolder::new("endless-hook");
        let script = "#!/bin/sh\necho waiting\nexec sleep 600\n";
        assert_eq!(told(&folder, script, Some(1)), [FAILED, "not done after 1 seconds: waiting"].concat());
    }
}
