//! The console that every domain has.

use super::domain::Domain;
use super::hypercalls::Parameter;
use crate::xen::pages::ConsolePage;

/// The domain's own console, of which only the way out is used.
#[derive(Debug)]
pub struct PrimaryConsole {
    domain: Domain,
    page: &'static ConsolePage,
    port: u32,
}

impl PrimaryConsole {
    /// The one of `domain`, unless the toolstack has made none.
    pub fn find(domain: Domain) -> Option<Self> {
        let (page, port) = domain.shared_page(Parameter::ConsoleFrame, Parameter::ConsolePort)?;
        Some(Self { domain, page, port })
    }

    /// Sends what there is room for; returns how many bytes.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        let sent = self.page.output().put(bytes);
        self.domain.notify(self.port);
        sent
    }
}
