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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_have_the_names_of_the_store() {
        assert_eq!(Wish::named(b"poweroff"), Some(Wish::PowerOff));
        assert_eq!(Wish::named(b"halt"), Some(Wish::PowerOff));
        assert_eq!(Wish::named(b"reboot"), Some(Wish::Reboot));
        assert_eq!(Wish::named(b"suspend"), None);
        assert_eq!(Wish::named(b""), None);
    }
}
