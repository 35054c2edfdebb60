//! The Debian package.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::process::run;

use super::{TOOL, VERSION, install, packaging};
use crate::workspace;

/// Files of packaging/, and where they are installed.
const FILES: [(&str, &str); 4] = [
    ("qemu-ga.conf", "etc/qemu/qemu-ga.conf"),
    ("systemd/qemu-guest-agent.service", "usr/lib/systemd/system/qemu-guest-agent.service"),
    ("systemd/60-qemu-guest-agent.rules", "usr/lib/udev/rules.d/60-qemu-guest-agent.rules"),
    ("systemd/restricted.conf", "usr/share/doc/nanoqga/restricted.conf"),
];
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// Builds the package of a program in a folder.
///
/// # Errors
/// When dpkg-deb fails.
pub(super) fn build(program: &Path, architecture: &str, date: &str, folder: &Path) -> Result<()> {
    let staging = PrivateFolder::new()?;
    let root = staging.path().join("root");
    install(program, &root, "usr/sbin/qemu-ga", 0o755)?;
    for (file, place) in FILES {
        install(&packaging(file), &root, place, 0o644)?;
    }
    install(&workspace::path("docs/linux.md"), &root, "usr/share/doc/nanoqga/linux.md", 0o644)?;
    let licences: Vec<_> =
        LICENCES.iter().map(|name| fs::read_to_string(workspace::path(name))).collect::<Result<_, _>>()?;
    let copyright = format!("nanoqga may be used under either of these licences.\n\n{}", licences.join("\n\n"));
    fs::write(root.join("usr/share/doc/nanoqga/copyright"), copyright)?;
    let control = fs::read_to_string(packaging("debian/control"))?
        .replace("INSTALLED_SIZE", &(fs::metadata(program)?.len().div_ceil(1024) + 64).to_string())
        .replace("VERSION", VERSION)
        .replace("ARCHITECTURE", architecture);
    install(&packaging("debian/conffiles"), &root, "DEBIAN/conffiles", 0o644)?;
    fs::write(root.join("DEBIAN/control"), control)?;
    for script in SCRIPTS {
        install(&packaging("debian").join(script), &root, &format!("DEBIAN/{script}"), 0o755)?;
    }
    // Whatever the umask of who builds it.
    run(Command::new("chmod").args(["--recursive", "u=rwX,go=rX"]).arg(&root), TOOL)?;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755))?;
    let package = folder.join(format!("nanoqga_{VERSION}_{architecture}.deb"));
    let mut dpkg_deb = Command::new("dpkg-deb");
    dpkg_deb.args(["--build", "--root-owner-group", "-Zxz", "--threads-max=1"]).arg(&root).arg(package);
    // Newer files than that count as so old.
    run(dpkg_deb.env("SOURCE_DATE_EPOCH", date).stdout(std::io::stderr()), TOOL)
}
