//! Hosts that come, speak and leave at random, against a model of what must be heard.

use embedded_io::{Write, WriteReady};
use proptest::prelude::*;

use crate::peer::{Peers, State};
use crate::wire::{Driver, Host, read, settle, started};

/// What a place has read and written since its host came.
#[derive(Default)]
struct Place {
    host: Option<u32>,
    read: usize,
    written: usize,
}

/// What the host of a port says at a position, and what it is told.
fn said(port: u32, at: usize) -> u8 {
    (port as usize).wrapping_mul(31).wrapping_add(at) as u8
}

struct World {
    host: Host,
    driver: Driver<'static>,
    peers: Peers,
    /// The ports of hosts that have not left, and how much each has sent.
    here: Vec<(u32, usize)>,
    places: [Place; 4],
    next_port: u32,
    connects: usize,
}

impl World {
    fn new() -> Self {
        let (host, driver) = started();
        let (peers, places) = (Peers::default(), [(); 4].map(|()| Place::default()));
        Self { host, driver, peers, here: Vec::new(), places, next_port: 0, connects: 0 }
    }

    fn step(&mut self, what: u8, which: usize, much: usize) {
        let Self { host, peers, here, .. } = self;
        let one = which % here.len().max(1);
        match what % 12 {
            0..=2 => {
                self.next_port = self.next_port.wrapping_add(1);
                self.connects += 1;
                peers.connect(host, self.next_port, 1 + much as u32);
                here.push((self.next_port, 0));
            }
            3..=5 => {
                if let Some((port, sent)) = here.get_mut(one)
                    && peers.of(*port).state == State::Open
                    && !peers.of(*port).sends_no_more
                {
                    let bytes: Vec<u8> = (*sent..*sent + much).map(|at| said(*port, at)).collect();
                    *sent += peers.write(host, *port, &bytes);
                }
            }
            6 => {
                if let Some(&(port, _)) = here.get(one)
                    && peers.of(port).state == State::Open
                {
                    peers.half_close(host, port);
                }
            }
            7 if !here.is_empty() => {
                let (port, _) = here.remove(one);
                if peers.of(port).state == State::Open { peers.leave(host, port) } else { peers.vanish(host, port) }
            }
            8 if !here.is_empty() => {
                let (port, _) = here.remove(one);
                peers.vanish(host, port);
            }
            9 => {
                if let Some(&(port, _)) = here.get(one)
                    && peers.of(port).state == State::Open
                {
                    peers.take(host, port);
                }
            }
            10 => host.device().busy = which.is_multiple_of(2),
            _ => self.serve(which % 4, much),
        }
        if which.is_multiple_of(3) {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.host.device().run();
        settle(&mut self.driver);
        self.peers.listen(&self.host);
        settle(&mut self.driver);
    }

    /// The guest reads, writes and finishes.
    fn serve(&mut self, place: usize, much: usize) {
        let known = &mut self.places[place];
        if self.driver.stream(place).unwrap().take_new() {
            *known = Place::default();
        }
        let bytes = read(&mut self.driver, place);
        if let Some(&first) = bytes.first()
            && known.host.is_none()
        {
            // Who it is follows from the first byte: every host says another one, until the numbers wrap.
            known.host = (0..256).map(|back| self.next_port.wrapping_sub(back)).find(|&port| said(port, 0) == first);
        }
        for byte in bytes {
            assert_eq!(byte, said(known.host.unwrap(), known.read), "byte {} of {:?}", known.read, known.host);
            known.read += 1;
        }
        let mut stream = self.driver.stream(place).unwrap();
        if stream.is_open() && stream.write_ready().unwrap() {
            let bytes: Vec<u8> = (known.written..known.written + much).map(|at| at as u8).collect();
            known.written += stream.write(&bytes).unwrap();
        }
        stream.finish();
    }

    fn check(&mut self) {
        assert_eq!(self.driver.failure(), None);
        for &(port, _) in &self.here {
            let received = &self.peers.of(port).received;
            assert!(received.iter().enumerate().all(|(at, &byte)| byte == at as u8), "{port} received {received:?}");
        }
    }

    /// All leave, and the next one is served as ever.
    fn end(mut self) {
        self.host.device().busy = false;
        while !self.here.is_empty() {
            self.step(8, 0, 0);
        }
        for _ in 0..20 {
            self.settle();
            (0..4).for_each(|place| self.serve(place, 0));
        }
        for port in (1 << 30)..(1 << 30) + 4 {
            self.peers.connect(&self.host, port, 100);
            self.settle();
            assert_eq!(self.peers.of(port).state, State::Open);
        }
        assert!((0..4).all(|place| self.driver.stream(place).unwrap().is_open()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 200 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_byte_comes_where_it_belongs(
        steps in prop::collection::vec((any::<u8>(), 0..1000_usize, 0..1500_usize), 0..if cfg!(miri) { 40 } else { 300 }),
    ) {
        let mut world = World::new();
        for (what, which, much) in steps {
            world.step(what, which, much);
            world.check();
        }
        world.end();
    }
}

#[test]
fn ten_thousand_come_and_leave() {
    let mut world = World::new();
    let mut seed = 1_u64;
    while world.connects < if cfg!(miri) { 20 } else { 10_000 } {
        // The generator of Knuth's MMIX.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = seed >> 33;
        world.step(random as u8, (random >> 8) as usize % 1000, (random >> 16) as usize % 200);
        // So that not all places are taken all the time.
        if world.here.len() > 5 {
            world.step(8, random as usize % 7, 0);
        }
        world.check();
    }
    world.end();
}
