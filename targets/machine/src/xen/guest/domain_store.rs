//! The domain's store, and what Xen's tools wish by it.

use super::domain::Domain;
use super::hypercalls::Parameter;
use crate::cell::OneCpu;
use crate::log;
use crate::log::Value;
use crate::xen::pages::StorePage;
use crate::xen::shutdown::Wish;
use crate::xen::store::{Store, StoreError, Wire};

const SHUTDOWN: &[&str] = &["control/shutdown"];

/// How long the store may take for one answer.
const PATIENCE_NS: u64 = 10_000_000_000;
/// How many calls of the store are answered at once.
const CALLS: u32 = 4;

static STORE: OneCpu<Option<Store<StoreWire>>> = OneCpu::new(None);

impl Domain {
    /// Opens the store, and asks it to call when Xen's tools wish something. Called once.
    pub fn open_store(self) {
        let Some(mut store) = StoreWire::find(self).map(Store::new) else {
            log!("xen: no store");
            return;
        };
        if store.watch(SHUTDOWN).is_err() {
            log!("xen: the store does not tell of shutdowns");
        }
        if let Some(mut place) = STORE.borrow() {
            *place = Some(store);
        }
    }

    /// Lets `ask` use the store.
    ///
    /// # Errors
    /// Its own, and if there is no store.
    pub(super) fn with_store<T>(
        self,
        ask: impl FnOnce(&mut Store<StoreWire>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut store = STORE.borrow().ok_or(StoreError::Broken)?;
        ask(store.as_mut().ok_or(StoreError::Broken)?)
    }

    /// What Xen's tools wish since this was last asked.
    pub fn take_wish(self) -> Option<Wish> {
        // The store may call again while it answers.
        for _ in 0..CALLS {
            let mut name = [0; 16];
            let name = self.with_store(|store| match store.has_called() {
                false => Ok(None),
                true => store.read(SHUTDOWN, &mut name).map(Some),
            });
            let name = match name {
                Ok(None) => return None,
                Ok(Some(b"")) | Err(_) => continue,
                Ok(Some(name)) => name,
            };
            let Some(wish) = Wish::named(name) else {
                log!("xen: this guest cannot {}", Value::copied(str::from_utf8(name).unwrap_or("do that")));
                continue;
            };
            // The tools wait until it is taken.
            _ = self.with_store(|store| store.write(SHUTDOWN, ""));
            return Some(wish);
        }
        None
    }
}

/// The rings of the store's page.
#[derive(Debug)]
pub(super) struct StoreWire {
    domain: Domain,
    page: &'static StorePage,
    port: u32,
    /// When the clock shows this, it is waited no longer.
    until: u64,
}

impl StoreWire {
    fn find(domain: Domain) -> Option<Self> {
        let (page, port) = domain.shared_page(Parameter::StoreFrame, Parameter::StorePort)?;
        domain.await_port(port)?;
        Some(Self { domain, page, port, until: 0 })
    }

    /// Tells the store that bytes were put or taken.
    fn moved(&self, bytes: usize) -> usize {
        if bytes > 0 {
            self.domain.notify(self.port);
        }
        bytes
    }
}

impl Wire for StoreWire {
    fn begin(&mut self) {
        self.until = self.domain.now().saturating_add(PATIENCE_NS);
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        self.moved(self.page.requests().put(bytes))
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.moved(self.page.replies().take(buffer))
    }

    fn wait(&mut self) -> bool {
        // A console's events are left for the next sleep.
        self.domain.wait(&[self.port], self.until);
        self.domain.now() < self.until
    }
}
