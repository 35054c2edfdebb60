//! `cargo xtask run`: boot the image, talk to it, shut it down through the agent.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::builder::TypedValueParser;
use console::style;
use debian::linux;
use nanoqga_testkit::agent::{Agent, Down, Mode};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::error::{Error, Kind};
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::probe;
use nanoqga_testkit::qemu::Config;
use nanoqga_testkit::shell::{End, shell};

use crate::image::{self, Profile};
use crate::setup;
use crate::targets;
use crate::tour::tour;
use crate::usage::one_of;

/// How long a reply may take at the prompt.
const REPLY: Duration = Duration::from_secs(5);

/// Boot the image and talk to the agent in it.
///
/// Installs what is missing, builds the image, boots it in QEMU, and shows a conversation with its agent: each command, its
/// reply, and the round-trip time. Then it shuts the guest down through the agent.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "NANOQGA_ACCEL in the environment says what runs the guest: tcg (emulation, the default), kvm, hvf or auto."
)]
pub(crate) struct Args {
    /// Which machine boots it
    #[arg(long, value_parser = targets::named_machine(), default_value = "q35")]
    machine: &'static Machine,
    /// How host and agent talk
    #[arg(long, value_parser = named_channel(), default_value = "virtio")]
    channel: Channel,
    /// What the image has in it
    #[arg(long, value_parser = image::named_profile())]
    profile: Option<&'static Profile>,
    /// A prompt instead of the conversation; it takes commands from a pipe, too
    #[arg(long)]
    interactive: bool,
}

fn named_channel() -> impl TypedValueParser<Value = Channel> {
    one_of([("virtio", Channel::Virtio), ("uart", Channel::Com2)].map(|(name, channel)| (name.into(), channel)))
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let &Args { machine, channel, profile, interactive } = args;
    setup::qemu_for(machine)?;
    let profile = Profile::of(machine, profile)?;
    let folder = PrivateFolder::new()?;
    let mut config = if machine == &targets::LINUX {
        linux::config(
            &image::build(targets::LINUX_TARGET, &image::LINUX)?,
            channel,
            &folder.path().join("initramfs"),
            &[],
        )?
    } else {
        let mut config = Config::new(machine, channel, &image::build(targets::target(machine), profile)?);
        profile.equip(&mut config);
        config
    };
    config.accelerator = probe::chosen(machine)?;
    let mut guest = Guest::start(&config)?;
    if machine == &targets::LINUX {
        linux::listens(&guest, channel, soon())?;
    }
    let mut agent = Agent::over(guest.connect(soon())?);
    greet(&guest, &mut agent, &format!("{machine} over {channel}"))?;
    if !interactive {
        tour(&mut agent)?;
    } else {
        agent = agent.with_limit(REPLY);
        if shell(&mut agent, "shut the guest down (so does the end of the input, Ctrl-D)")? != End::Quit {
            return ended(&mut guest);
        }
    }
    shut_down(&mut guest, agent, machine)
}

/// Waits for the agent's first reply, and says how long it took from the start of QEMU.
fn greet(guest: &Guest, agent: &mut Agent, place: &str) -> Result<()> {
    agent.ping()?;
    let milliseconds = guest.started().elapsed().as_secs_f64() * 1e3;
    let line = format!("nanoqga on {place}: first reply {milliseconds:.0} ms after QEMU was started\n");
    println!("{}", style(line).bold());
    Ok(())
}

fn shut_down(guest: &mut Guest, mut agent: Agent, machine: &Machine) -> Result<()> {
    println!("{}\n  -> {}", style("guest-shutdown").bold(), Mode::Powerdown.request());
    match agent.shut_down(Mode::Powerdown) {
        Err(error) if Error::kind_of(&error) == Some(Kind::Refused) && !machine.powers_off => {
            println!("  {error:#}");
            println!("This machine cannot be switched off by its guest; QEMU is stopped from outside.");
            Ok(())
        }
        Err(error) => Err(error.context("the guest did not shut down")),
        // It is given the time that it takes to do as it has said.
        Ok(Down::Gone | Down::Accepted | Down::Silent) => ended(guest),
    }
}

fn ended(guest: &mut Guest) -> Result<()> {
    let status = guest.wait(soon()).context("the guest went down, but QEMU still runs")?;
    if !status.success() {
        bail!("QEMU ended with {status}{}", guest.tails());
    }
    println!("The guest has shut down and QEMU has ended.");
    Ok(())
}
