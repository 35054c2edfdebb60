//! A guest that has nothing to do sleeps.

use anyhow::{Result, ensure};
use tests::Booted;
use tests::booted::{config_of, synchronise};
use tests::processor::smallest_share;
use xtask::image::{APPLIANCE, NANO};
use xtask::machine::Channel;

const BAR: f64 = 0.01;

#[test]
fn an_idle_guest_takes_less_than_a_hundredth_of_a_core() -> Result<()> {
    for (profile, machine, channel) in [
        (&NANO, "q35", Channel::Virtio),
        (&NANO, "q35", Channel::Com2),
        (&NANO, "microvm", Channel::Virtio),
        (&NANO, "microvm", Channel::Com2),
        (&APPLIANCE, "q35", Channel::Virtio),
        (&APPLIANCE, "pc", Channel::Com2),
        (&APPLIANCE, "microvm", Channel::Virtio),
    ] {
        let Booted { mut agent, guest } = Booted::start(&config_of(profile, machine, channel)?)?;
        synchronise(&mut agent, 2)?;
        let share = smallest_share(guest.pid(), BAR)?;
        ensure!(share < BAR, "{}, {machine}, {channel}: idle at {share:.3} of a core", profile.name);
        synchronise(&mut agent, 3)?;
    }
    Ok(())
}
