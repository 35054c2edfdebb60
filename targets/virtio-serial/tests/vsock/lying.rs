//! Devices that lie. The driver does not panic, and touches no memory but its own; it goes on, or it stops and says so.

use proptest::prelude::*;
use virtio_serial::Error;

use crate::device::{EVENT, RECEIVE, TRANSMIT};
use crate::liar::lie;
use crate::memory::pages_in_use;
use crate::talking::connected;
use crate::wire::settle;

#[test]
fn a_returned_buffer_that_was_not_lent_stops_the_driver() {
    for (index, id) in [(RECEIVE, 16), (RECEIVE, u32::MAX), (TRANSMIT, 0), (TRANSMIT, 4), (EVENT, 4)] {
        let (host, mut driver, mut peers) = connected(100);
        host.device().queues.get_mut(&index).unwrap().lie(id, 44);
        settle(&mut driver);
        let _ = driver.stream(0).map(|mut stream| embedded_io::WriteReady::write_ready(&mut stream));
        assert_eq!(driver.failure(), Some(Error::RingCorrupt), "queue {index}, buffer {id}");
        assert_eq!((pages_in_use(), host.device().status, driver.cid()), (0, 0, None));
        assert!(driver.stream(0).unwrap().has_left());
        driver.restart();
        driver.stream(0).unwrap().finish();
        peers.connect(&host, 9, 100);
        settle(&mut driver);
        assert!(driver.stream(0).unwrap().is_open());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 300 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_lies_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..if cfg!(miri) { 300 } else { 3000 })) {
        lie(&bytes);
    }
}
