//! Which commands the host allows.

use heapless::Vec;
use machine::log::Value;
use machine::{heap, log};
use nanoqga::{Command, CommandSet};

use crate::settings::Settings;

/// The most names in the lists of commands that are allowed, and of those that are blocked.
const MAX_NAMES: usize = 64;

/// The commands of `tables` as the words `allow=` and `block=` have it. `None` if there is no memory for them.
pub fn commands<G>(
    tables: &'static [&'static [Command<G>]],
    settings: &Settings,
) -> Option<&'static CommandSet<'static, G>> {
    let mut all = CommandSet::new(tables);
    for (about, is_allowed) in [("allow", true), ("block", false)] {
        let names: &mut Vec<&str, MAX_NAMES> = heap::room_for()?.write(Vec::new());
        for list in settings.values(about) {
            for name in list.split(',') {
                let is_there = tables.iter().any(|table| table.iter().any(|command| command.name() == name));
                if !is_there || names.push(name).is_err() {
                    log!("{}: there is no command {}, or no room for it", about, Value::copied(name));
                }
            }
        }
        // A list without any of our commands is one, too.
        if settings.values(about).next().is_some() {
            all = if is_allowed { all.allow(names) } else { all.block(names) };
        }
    }
    Some(heap::room_for()?.write(all))
}

/// How many lists of commands there are in the settings.
pub fn lists(settings: &Settings) -> usize {
    settings.values("allow").count() + settings.values("block").count()
}
