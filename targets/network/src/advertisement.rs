//! Router advertisements on which smoltcp 0.14 panics.
//!
//! It makes an address of the advertised prefix before it checks the prefix, and panics if that is impossible. So anybody on the
//! link could end the guest.

use smoltcp::wire::{NdiscPrefixInformation, NdiscRepr};

use crate::icmpv6::message;

/// Whether a frame advertises a prefix that is longer than an address, or that no host's address begins with.
pub(crate) fn is_impossible(frame: &[u8]) -> bool {
    prefix(frame).is_some_and(|advertised| advertised.prefix_len > 128 || advertised.prefix.is_multicast())
}

/// The prefix that smoltcp would find in a frame.
fn prefix(frame: &[u8]) -> Option<NdiscPrefixInformation> {
    match NdiscRepr::parse(&message(frame)?.packet).ok()? {
        NdiscRepr::RouterAdvert { prefix_info, .. } => prefix_info,
        _ => None,
    }
}
