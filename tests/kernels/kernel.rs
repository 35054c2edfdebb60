//! A kernel of `targets/kernels`, and the machine that it runs on.

use std::path::Path;

use anyhow::{Context, Result};
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::qemu::Console;
use serde_json::Value;
use tests::Booted;
use tests::images::kernel;

/// A program of a kernel's folder.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// What `cargo xtask kernels` calls it.
    pub name: &'static str,
    /// QEMU's program.
    pub qemu: &'static str,
    /// Its arguments, with `IMAGE` for the path of what it boots, and `FOLDER` for the folder of that. The agent's channel is the
    /// chardev `agent0`, the console's is `console`.
    pub arguments: &'static str,
    /// Whether the agent is on a UART, and not on a virtio-serial port.
    pub serial: bool,
    /// The `id` of its guest-get-osinfo.
    pub os: &'static str,
    /// A command of its own, and whether a reply of it makes sense.
    pub own: (&'static str, fn(&Value) -> bool),
    /// What the longest request that it takes is shorter than, in bytes.
    pub longest: usize,
}

impl Kernel {
    /// Boots it, and waits until its agent answers.
    pub fn boot(&self) -> Result<Booted> {
        let guest = Guest::start_program(self.qemu, &self.command_line(&kernel(self.name)?)?, Console::File)?;
        Booted::once_it_answers(guest, self.serial)
    }

    fn command_line(&self, image: &Path) -> Result<Vec<String>> {
        let text = |path: &Path| path.to_str().map(String::from).context("the path of the image is no text");
        let (image, folder) = (text(image)?, text(image.parent().context("the image is in no folder")?)?);
        let put = |argument: &str| argument.replace("IMAGE", &image).replace("FOLDER", &folder);
        let own = self.arguments.split_whitespace().map(put);
        let chardevs = [
            "-chardev",
            "socket,id=agent0,path=agent0.sock,server=on,wait=off",
            "-chardev",
            "file,id=console,path=console.log",
            "-qmp",
            "unix:qmp.sock,server=on,wait=off",
        ];
        let all = ["-no-user-config", "-nodefaults", "-display", "none", "-accel", "tcg"];
        Ok(all.into_iter().chain(chardevs).map(String::from).chain(own).collect())
    }
}
