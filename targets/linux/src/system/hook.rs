//! A program that runs to its end before the agent goes on: the hook around a freeze.

use alloc::ffi::CString;
use core::ffi::CStr;

use nanoqga::{Cause, Failure};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{WaitOptions, waitpid};

use super::errno::{failed_at, failed_by};
use super::spawn::{Streams, spawn};

/// Runs the hook at a path, which is told what is to come or has been.
pub fn run(hook: &str, what: &CStr, cause: &mut Cause) -> Result<(), Failure> {
    let mut failed = |what, error| failed_at(what, format_args!("'{hook}'"), error, cause);
    access(hook, Access::EXEC_OK).map_err(|error| failed("can't access fsfreeze hook ", error))?;
    let path = CString::new(hook).map_err(|_| failed("can't access fsfreeze hook ", Errno::INVAL))?;
    let pid = spawn(&[path, what.into()], None, Streams::default())
        .map_err(|error| failed("failed to run fsfreeze hook ", error))?;
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(failed("failed to wait for fsfreeze hook ", error)),
            // The status comes before the name, because a long name is cut.
            Ok(ended) => match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => return Ok(()),
                Some(status) => {
                    let rest = format_args!("{status}: {hook}");
                    return Err(failed_by("fsfreeze hook has failed with status ", rest, cause));
                }
                None => return Err(failed_by("fsfreeze hook has terminated abnormally: ", hook, cause)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::string::String;

    use super::super::files::testing::TestFolder;
    use super::*;

    /// What the client is told of a hook with this script.
    fn told(folder: &TestFolder, script: &str) -> String {
        let hook = folder.path("hook");
        fs::write(&hook, script).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let mut cause = Cause::new();
        let told = run(&hook, c"freeze", &mut cause).map_or_else(|failure| failure.0, |()| "nothing ");
        // The folder has another name each time.
        std::format!("{told}{}", cause.as_str().replace(&hook, "<hook>"))
    }

    #[test]
    fn a_hook_that_fails_is_told_by_its_name_and_status() {
        let folder = TestFolder::new("hook");
        assert_eq!(told(&folder, "#!/bin/sh\ntest $1 = freeze\n"), "nothing ");
        assert_eq!(told(&folder, "#!/bin/sh\nexit 3\n"), "fsfreeze hook has failed with status 3: <hook>");
        assert_eq!(told(&folder, "#!/bin/sh\nkill -9 $$\n"), "fsfreeze hook has terminated abnormally: <hook>");
        let mut cause = Cause::new();
        assert_eq!(run("/none", c"thaw", &mut cause), Err(Failure("can't access fsfreeze hook ")));
        assert_eq!(cause.as_str(), "'/none': No such file or directory");
    }
}
