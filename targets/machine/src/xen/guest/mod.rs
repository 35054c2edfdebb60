//! The way from the domain to the hypervisor, and to other domains over the pages that it shares with them.

mod console;
mod domain;
mod domain_store;
mod hypercalls;
mod primary_console;

pub use self::console::Console;
pub use self::domain::Domain;
pub use self::primary_console::PrimaryConsole;
