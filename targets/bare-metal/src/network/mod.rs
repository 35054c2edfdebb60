//! The appliance's network: what a network card's frames come to, whatever the card is.
//!
//! smoltcp has the protocols; here is what it is given and told, and what it came to know. Nothing here drives hardware, so
//! all of it is tested on the host, with a card that is a pair of lists.

mod advertisement;
mod link;
mod port;
mod setting;

pub use self::link::{Link, Route, Storage};
pub use self::port::{Card, MAX_FRAME};
pub use self::setting::{Method, NAMES, Setting, Static};

#[cfg(test)]
mod tests;
