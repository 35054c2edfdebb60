//! `cargo xtask run`: boot the image, talk to it, shut it down through the agent.

use anyhow::{Context, Result, bail};
use clap::builder::TypedValueParser;
use console::style;
use debian::linux;
use nanoqga_testkit::client::{Client, request_line};
use nanoqga_testkit::deadline::soon;
use nanoqga_testkit::folder::PrivateFolder;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::{Channel, Machine};
use nanoqga_testkit::probe;
use nanoqga_testkit::qemu::Config;
use serde_json::json;

use crate::image::{self, Profile};
use crate::prompt::{End, prompt};
use crate::setup;
use crate::targets;
use crate::tour::{show_reply, tour};
use crate::usage::one_of;

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
    let mut agent = guest.connect(soon())?;
    greet(&guest, &mut agent, &format!("{machine} over {channel}"))?;
    if !interactive {
        tour(&mut agent)?;
    } else if prompt(&mut agent)? == End::GuestGone {
        return ended(&mut guest);
    }
    shut_down(&mut guest, agent, machine)
}

/// Waits for the agent's first reply, and says how long it took from the start of QEMU.
fn greet(guest: &Guest, agent: &mut Client, place: &str) -> Result<()> {
    agent.execute("guest-sync", json!({"id": 1}), soon())?;
    let milliseconds = guest.started().elapsed().as_secs_f64() * 1e3;
    let line = format!("nanoqga on {place}: first reply {milliseconds:.0} ms after QEMU was started\n");
    println!("{}", style(line).bold());
    Ok(())
}

fn shut_down(guest: &mut Guest, mut agent: Client, machine: &Machine) -> Result<()> {
    let deadline = soon();
    let request = request_line("guest-shutdown", None);
    println!("{}\n  -> {request}", style("guest-shutdown").bold());
    agent.send(request.as_bytes(), deadline)?;
    match agent.line(deadline) {
        // The command has no reply on success.
        Err(_) if agent.is_closed() => ended(guest),
        Err(error) => Err(error.context("guest-shutdown had no effect")),
        Ok(line) => {
            show_reply(&line);
            if machine.powers_off {
                bail!("the guest did not shut down");
            }
            println!("This machine cannot be switched off by its guest; QEMU is stopped from outside.");
            Ok(())
        }
    }
}

fn ended(guest: &mut Guest) -> Result<()> {
    let status = guest.wait(soon()).context("the channel was closed, but QEMU still runs")?;
    if !status.success() {
        bail!("QEMU ended with {status}{}", guest.tails());
    }
    println!("The guest has shut down and QEMU has ended.");
    Ok(())
}
