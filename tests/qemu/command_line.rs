//! The kernel command line decides where the agent listens.

use anyhow::Result;
use nanoqga_testkit::guest::Guest;
use nanoqga_testkit::machine::Channel;
use tests::booted::{config, synchronise};
use tests::soon;

#[test]
fn agent_com1_takes_the_console_though_there_is_a_port() -> Result<()> {
    second_channel_answers(Channel::Com1, "agent=com1 console=none")
}

#[test]
fn agent_com2_takes_the_second_uart_though_there_is_a_port() -> Result<()> {
    second_channel_answers(Channel::Com2, "agent=com2")
}

fn second_channel_answers(channel: Channel, append: &str) -> Result<()> {
    let mut config = config("q35", Channel::Virtio)?;
    config.channels.push(channel);
    config.append = append.into();
    let mut guest = Guest::start(&config)?;
    let mut agent = guest.connect_to(1, soon())?;
    synchronise(&mut agent, 1)
}
