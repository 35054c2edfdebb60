//! Domains of Xen: the agent for Linux and the images, each behind a console of the name that Xen's tools give an agent.

mod host;
mod images;
mod rows;
mod scenario;

use anyhow::Result;

macro_rules! rows {
    ($($test:ident: $row:ident,)*) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                scenario::of(rows::$row)
            }
        )*
    };
}

rows! {
    linux_pv: LINUX_PV,
    linux_pvh: LINUX_PVH,
    linux_hvm: LINUX_HVM,
    nano_xen_pvh: NANO_XEN_PVH,
    nano_xen_hvm: NANO_XEN_HVM,
    appliance_xen_pvh: APPLIANCE_XEN_PVH,
    nano_virtio: NANO_VIRTIO,
    nano_com2: NANO_COM2,
    appliance_virtio: APPLIANCE_VIRTIO,
    appliance_com2: APPLIANCE_COM2,
}
