//! All of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::build::{Build, Finish, Kernel};
use crate::apt::Needed;
use crate::boot_disk::make_empty;

const ARM: &[Needed] = &[Needed { program: "qemu-system-arm", package: "qemu-system-arm" }];

const CLANG: [Needed; 2] = [
    Needed { program: "clang-14", package: "clang-14" },
    Needed { program: "/usr/lib/llvm-14/lib/libclang.so", package: "libclang-14-dev" },
];
const OVMF: Needed = Needed { program: "/usr/share/ovmf/OVMF.fd", package: "ovmf" };

/// What makes a disk image with only the first stage that boots it.
const BIOS_IMAGE: &[&str] = &["--release", "--package", "image", "--no-default-features", "--features", "bios"];
const UEFI_IMAGE: &[&str] = &["--release", "--package", "image", "--no-default-features", "--features", "uefi"];

/// The size of a disk's volume, in bytes.
const VOLUME: usize = 16 << 20;

pub(super) const CORTEX_M_POLLED: Kernel = Kernel {
    name: "cortex-m-polled",
    folder: "cortex-m",
    build: Build::Cargo(&["--release", "--bin", "polled"]),
    program: "thumbv7m-none-eabi/release/polled",
    finish: Finish::Nothing,
    needs: ARM,
    long: false,
};

/// The firmware of the others without an agent, to measure them by.
pub(super) static CORTEX_M_BARE: Kernel = Kernel {
    name: "cortex-m-bare",
    build: Build::Cargo(&["--release", "--bin", "bare"]),
    program: "thumbv7m-none-eabi/release/bare",
    ..CORTEX_M_POLLED
};

/// Those of a folder follow each other. What takes longest to build comes first.
pub(super) static KERNELS: [Kernel; 16] = [
    Kernel {
        name: "arceos-tested",
        folder: "arceos",
        build: Build::Cargo(&["--release", "--features", "testing", "--target", "aarch64-unknown-none-softfloat"]),
        program: "aarch64-unknown-none-softfloat/release/arceos",
        finish: Finish::Function(beside_a_disk),
        needs: &CLANG,
        long: false,
    },
    Kernel {
        name: "arceos-aarch64",
        folder: "arceos",
        build: Build::Cargo(&["--release", "--target", "aarch64-unknown-none-softfloat"]),
        program: "aarch64-unknown-none-softfloat/release/arceos",
        finish: Finish::Function(beside_a_disk),
        needs: &CLANG,
        long: false,
    },
    Kernel {
        name: "arceos-riscv64",
        folder: "arceos",
        build: Build::Cargo(&["--release", "--target", "riscv64gc-unknown-none-elf"]),
        program: "riscv64gc-unknown-none-elf/release/arceos",
        finish: Finish::Function(beside_a_disk),
        needs: &CLANG,
        long: true,
    },
    Kernel {
        name: "arceos-x86_64",
        folder: "arceos",
        build: Build::Cargo(&["--release", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/arceos",
        finish: Finish::Function(on_an_efi_volume_beside_a_disk),
        needs: &[CLANG[0], CLANG[1], OVMF],
        long: true,
    },
    Kernel {
        name: "own-appliance",
        folder: "own-appliance",
        build: Build::Cargo(&["--release", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/own-appliance",
        finish: Finish::Function(kept),
        needs: &[],
        long: false,
    },
    Kernel {
        name: "own-appliance-tested",
        folder: "own-appliance",
        build: Build::Cargo(&["--release", "--features", "testing", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/own-appliance",
        finish: Finish::Function(kept),
        needs: &[],
        long: false,
    },
    CORTEX_M_POLLED,
    Kernel {
        name: "cortex-m-awaited",
        build: Build::Cargo(&["--release", "--bin", "awaited"]),
        program: "thumbv7m-none-eabi/release/awaited",
        ..CORTEX_M_POLLED
    },
    Kernel {
        name: "cortex-m-tested",
        build: Build::Cargo(&["--release", "--features", "testing", "--bin", "tested"]),
        program: "thumbv7m-none-eabi/release/tested",
        ..CORTEX_M_POLLED
    },
    Kernel {
        name: "uefi-tested",
        folder: "uefi",
        build: Build::Cargo(&["--release", "--features", "testing"]),
        program: "x86_64-unknown-uefi/release/application.efi",
        finish: Finish::Function(on_an_efi_volume),
        needs: &[OVMF],
        long: false,
    },
    Kernel {
        name: "uefi-application",
        folder: "uefi",
        build: Build::Cargo(&["--release"]),
        program: "x86_64-unknown-uefi/release/application.efi",
        finish: Finish::Function(on_an_efi_volume),
        needs: &[OVMF],
        long: false,
    },
    Kernel {
        name: "bootloader-tested",
        folder: "bootloader",
        build: Build::Cargo(&["--release", "--features", "testing", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/bootloader-kernel",
        finish: Finish::Cargo(BIOS_IMAGE, "bios.img"),
        needs: &[],
        long: false,
    },
    Kernel {
        name: "bootloader-bios",
        folder: "bootloader",
        build: Build::Cargo(&["--release", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/bootloader-kernel",
        finish: Finish::Cargo(BIOS_IMAGE, "bios.img"),
        needs: &[],
        long: false,
    },
    Kernel {
        name: "bootloader-uefi",
        folder: "bootloader",
        build: Build::Cargo(&["--release", "--target", "x86_64-unknown-none"]),
        program: "x86_64-unknown-none/release/bootloader-kernel",
        finish: Finish::Cargo(UEFI_IMAGE, "uefi.img"),
        needs: &[OVMF],
        long: true,
    },
    Kernel {
        name: "ostd-tested",
        folder: "ostd",
        build: Build::Osdk(&["--features", "testing"]),
        program: "osdk/ostd-kernel/ostd-kernel-osdk-bin.elf",
        finish: Finish::Function(kept),
        needs: &[],
        long: true,
    },
    Kernel {
        name: "ostd",
        folder: "ostd",
        build: Build::Osdk(&[]),
        program: "osdk/ostd-kernel/ostd-kernel-osdk-bin.elf",
        finish: Finish::Function(kept),
        needs: &[],
        long: true,
    },
];

/// A copy of the kernel, which another build of the same folder does not overwrite.
fn kept(program: &Path, folder: &Path) -> Result<PathBuf> {
    let kernel = folder.join("kernel");
    fs::copy(program, &kernel)?;
    Ok(kernel)
}

/// A disk with an empty volume, and beside it the kernel.
fn beside_a_disk(program: &Path, folder: &Path) -> Result<PathBuf> {
    make_empty(VOLUME, &folder.join("disk.img"))?;
    kept(program, folder)
}

/// A folder that is the volume from which UEFI firmware boots the kernel, and a disk beside it.
fn on_an_efi_volume_beside_a_disk(program: &Path, folder: &Path) -> Result<PathBuf> {
    make_empty(VOLUME, &folder.join("disk.img"))?;
    on_an_efi_volume(program, folder)
}

/// A folder that is the volume from which UEFI firmware boots the kernel.
fn on_an_efi_volume(program: &Path, folder: &Path) -> Result<PathBuf> {
    let volume = folder.join("volume");
    fs::create_dir_all(volume.join("EFI/BOOT"))?;
    fs::copy(program, volume.join("EFI/BOOT/BOOTX64.EFI"))?;
    Ok(volume)
}
