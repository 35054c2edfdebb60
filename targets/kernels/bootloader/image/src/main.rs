//! `image KERNEL FOLDER`: writes the disk images `bios.img` and `uefi.img` of a kernel to a folder, or the one whose feature is chosen.

use std::path::PathBuf;

use bootloader::DiskImageBuilder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(kernel), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: image KERNEL FOLDER".into());
    };
    let disk = DiskImageBuilder::new(kernel);
    #[cfg(feature = "bios")]
    disk.create_bios_image(&folder.join("bios.img"))?;
    #[cfg(feature = "uefi")]
    disk.create_uefi_image(&folder.join("uefi.img"))?;
    Ok(())
}
