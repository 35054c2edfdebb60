//! The part newest: both tables of machines, old devices, clocks and migration on the newest QEMU that Debian has, and all that is tested
//! with libvirt with the newest of that.

use std::collections::BTreeMap;

use anyhow::Result;
use debian::libvirt::Libvirt;
use nanoqga_testkit::process::is_root;
use nanoqga_testkit::qemu;

use super::commands::{LIMIT, may_mount, qemu_tests, whole_system};
use super::report::Report;
use crate::{image, setup};

/// What asks the tests of the part libvirt for the newest one.
const NEWEST_LIBVIRT: &str = "NANOQGA_NEWEST_LIBVIRT";

/// Beginnings of the names of tests.
const TESTS: [&str; 5] = ["rows::", "migration::", "machines::", "legacy::", "clock::"];

pub(super) fn test(report: &mut Report) -> Result<()> {
    setup::disks()?;
    let (programs, version) = debian::qemu::newest()?;
    let mut tests = qemu_tests()?;
    tests.env(qemu::FOLDER, programs).arg("--").args(TESTS);
    report.tests_then(&mut tests, LIMIT, |output| eprintln!("\nQEMU {version}:\n{}", table(output)))?;
    libvirt(report)
}

/// The part libvirt, with another one.
fn libvirt(report: &mut Report) -> Result<()> {
    if !is_root() || !may_mount() {
        report.skip("libvirt: only root can start its daemon in mounts of its own");
        return Ok(());
    }
    let libvirt = match Libvirt::newest() {
        Ok(libvirt) => libvirt,
        Err(reason) => {
            report.skip(format!("libvirt: {reason:#}"));
            return Ok(());
        }
    };
    let [version, of_qemu] = libvirt.versions()?;
    eprintln!("\nlibvirt {version} with QEMU {of_qemu}:");
    let mut tests = whole_system("libvirt");
    tests.envs(image::for_tests()?).env(NEWEST_LIBVIRT, "1");
    report.tests(&mut tests, LIMIT)
}

/// The rows of the output of `cargo test`, each with how many of its tests passed of how many.
fn table(output: &str) -> String {
    let mut rows = BTreeMap::<&str, (u32, u32)>::new();
    for line in output.lines() {
        let Some((test, verdict)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) else {
            continue;
        };
        let Some((row, _)) = test.rsplit_once("::") else { continue };
        let (passed, all) = rows.entry(row).or_default();
        *passed += u32::from(verdict == "ok");
        *all += 1;
    }
    let line = |(row, (passed, all)): (&str, (u32, u32))| {
        let failed = if passed < all { "  FAILED" } else { "" };
        format!("{row:<50} {passed:>2} of {all:>2}{failed}\n")
    };
    rows.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_row() {
        let output = "running 3 tests\n\
            test rows::nano::q35_virtio::guest_shutdown ... ok\n\
            test rows::nano::pc_uart::guest_shutdown ... FAILED\n\
            test rows::nano::q35_virtio::replies_are_these_bytes ... ok\n\
            test result: FAILED. 2 passed; 1 failed\n";
        let lines: Vec<_> = table(output).lines().map(String::from).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("rows::nano::pc_uart ") && lines[0].ends_with(" 0 of  1  FAILED"), "{lines:?}");
        assert!(lines[1].starts_with("rows::nano::q35_virtio ") && lines[1].ends_with(" 2 of  2"), "{lines:?}");
    }
}
