//! A host that attacks: every fault over every kind of channel. Nothing may be lost, answered twice, or hang.
//!
//! As a test it takes a minute or two. `cargo xtask attack` runs the long form, which NANOQGA_ATTACK=long asks for. All
//! chance comes from the number NANOQGA_SEED, which a failure names.

mod leaving;
mod numbers;
mod pumped;
mod sizes;
mod splits;
mod target;

use std::env;
use std::time::Instant;

use anyhow::{Context, Result};
use nanoqga_testkit::machine::Channel::{Com1, Com2, Virtio, VirtioModern};
use target::Kind::{self, Image, Linux, Pump, Vsock};
use target::{LeftOver, Target};
use tests::hostile::Noise;
use tests::images::{APPLIANCE, NANO};

/// What chance begins with when nobody says.
const SEED: u64 = 20_261_122;

/// A target, and how far an attack on it goes.
#[derive(Debug)]
struct Attack {
    target: Target,
    noise: Noise,
    long: bool,
}

impl Attack {
    /// How often: in the tests, and in the long form.
    fn scale(&self, short: usize, long: usize) -> usize {
        if self.long { long } else { short }
    }

    /// How much. Over a 16550, a 32nd part of it: under emulation, some ten thousand bytes a second pass there.
    fn volume(&self, short: usize, long: usize) -> usize {
        let volume = self.scale(short, long);
        if self.target.left_over() == LeftOver::Anything { volume / 32 } else { volume }
    }
}

/// Runs an attack, whose result tells what was done.
fn attack(kind: Kind, name: &str, run: fn(&mut Attack) -> Result<String>) -> Result<()> {
    let long = env::var("NANOQGA_ATTACK").is_ok_and(|form| form == "long");
    let seed = match env::var("NANOQGA_SEED") {
        Ok(seed) => seed.parse().context("NANOQGA_SEED is the number that chance begins with")?,
        Err(_) => SEED,
    };
    let mut attack = Attack { target: Target::start(kind, seed)?, noise: Noise::new(seed), long };
    let start = Instant::now();
    let done = run(&mut attack).with_context(|| format!("seed {seed}"))?;
    attack.target.goes_on().with_context(|| format!("after the attack of seed {seed}"))?;
    let again = match attack.target.forgotten {
        0 => String::new(),
        hosts => format!("; {hosts} hosts connected again for QEMU's sake"),
    };
    println!("{name}: {done} in {:.1} s{again}", start.elapsed().as_secs_f64());
    Ok(())
}

/// One module of tests for each target, so that a failure names both. Some are for the long form only.
macro_rules! targets {
    ($($(#[$form:meta])? $name:ident: $kind:expr;)*) => {$(
        mod $name {
            use super::*;

            const KIND: Kind = $kind;

            targets! { @attacks $name $(#[$form])?;
                messages_in_any_pieces_with_stalls: splits::any_pieces,
                a_0xff_at_every_byte: splits::a_reset_at_every_byte,
                random_bytes: splits::random_bytes,
                hosts_that_leave_at_every_byte: leaving::at_every_byte,
                reconnects_in_mid_message: leaving::in_mid_message,
                effects_of_hosts_that_leave: leaving::effects,
                messages_of_any_size: sizes::messages,
                floods: sizes::floods,
                pings: numbers::pings,
                a_reader_of_a_byte_a_second: numbers::slow_reader,
            }
        }
    )*};
    (@attacks $name:ident; $($attack:ident: $run:path,)*) => {
        $(targets! { @attack $name; $attack: $run })*
    };
    (@attacks $name:ident #[$form:meta]; $($attack:ident: $run:path,)*) => {
        $(targets! { @attack $name #[$form]; $attack: $run })*
    };
    (@attack $name:ident $(#[$form:meta])?; $attack:ident: $run:path) => {
        #[test]
        $(#[$form])?
        fn $attack() -> Result<()> {
            attack(KIND, concat!(stringify!($name), "::", stringify!($attack)), $run)
        }
    };
}

targets! {
    pump: Pump;
    linux: Linux;
    q35_virtio: Image(&NANO, "q35", Virtio, Some(Com2));
    q35_uart: Image(&NANO, "q35", Com2, Some(Virtio));
    appliance_virtio: Image(&APPLIANCE, "q35", Virtio, Some(Com2));
    q35_vsock: Vsock("q35");
    microvm_vsock: Vsock("microvm");
    #[ignore = "for the long form"]
    appliance_uart: Image(&APPLIANCE, "microvm", Com1, None);
    #[ignore = "for the long form"]
    microvm_virtio_modern: Image(&NANO, "microvm", VirtioModern, None);
    #[ignore = "for the long form"]
    aarch64_virtio: Image(&NANO, "aarch64-virt-pcie", Virtio, None);
    #[ignore = "for the long form"]
    riscv64_uart: Image(&NANO, "riscv64-virt", Com2, None);
}
