//! What Xen's tools ask a domain to do, by `control/shutdown` in its store (Xen, docs/misc/xenstore-paths.pandoc).

/// What the domain is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To switch itself off: `poweroff`, or `halt`.
    PowerOff,
    /// To restart: `reboot`.
    Reboot,
}

impl Wish {
    /// The wish in the words of the store. `None` for one that a domain does not grant, such as `suspend`.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"poweroff" | b"halt" => Some(Self::PowerOff),
            b"reboot" => Some(Self::Reboot),
            _ => None,
        }
    }
}
