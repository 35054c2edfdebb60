//! Frames from a network, most of them of DHCP servers: a link survives them, and sends no more messages than it may.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use network::{Card, Duration, Instant, Link, MAX_FRAME};

const MAC: [u8; 6] = [0x52, 0x54, 0, 0, 0, 2];
/// Where a frame has the UDP ports, from the server to the client, and the number of the question that it answers.
const PORTS: std::ops::Range<usize> = 34..38;
const TO_CLIENT: [u8; 4] = [0, 67, 0, 68];
const TO_SERVER: [u8; 4] = [0, 68, 0, 67];
const TRANSACTION: std::ops::Range<usize> = 46..50;
/// How long the link runs after each frame. It may send a message a second, and some at once.
const PAUSE: u64 = 20;
const AT_ONCE: u64 = 4;

/// Both directions of a cable.
#[derive(Default)]
struct Cable {
    to_link: VecDeque<Vec<u8>>,
    /// The number of the last question of the client, and how many it has asked.
    transaction: [u8; 4],
    asked: u64,
}

impl Card for Cable {
    fn acknowledge(&mut self) {}

    fn receive(&mut self, room: &mut [u8; MAX_FRAME]) -> Option<Result<usize, ()>> {
        let frame = self.to_link.pop_front()?;
        let room = room.get_mut(..frame.len()).ok_or(());
        Some(room.map(|room| {
            room.copy_from_slice(&frame);
            frame.len()
        }))
    }

    fn take_moved(&mut self) -> bool {
        false
    }

    fn can_send(&mut self) -> bool {
        true
    }

    fn send(&mut self, frame: &[u8]) {
        if frame.get(PORTS) == Some(&TO_SERVER) {
            self.asked += 1;
            self.transaction.copy_from_slice(&frame[TRANSACTION]);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let mut link = Link::new(Cable::default(), MAC, 1, &[], "guest");
    let (mut now, mut rest) = (Instant::ZERO, input);
    pass(&mut link, &mut now);
    // Each frame comes after its length, which has two bytes.
    while let Some((length, bytes)) = rest.split_first_chunk() {
        let (frame, others) = bytes.split_at(usize::from(u16::from_le_bytes(*length)).min(bytes.len()));
        rest = others;
        let mut frame = frame.to_vec();
        // By chance, no answer would ever name the question.
        if frame.get(PORTS) == Some(&TO_CLIENT) && frame.len() >= TRANSACTION.end {
            frame[TRANSACTION].copy_from_slice(&link.card().transaction);
        }
        link.card().to_link.push_back(frame);
        pass(&mut link, &mut now);
    }
    let seconds = now.total_millis() as u64 / 1000;
    assert!(link.card().asked <= seconds + AT_ONCE, "{} messages in {seconds} s", link.card().asked);
    _ = (0..).map_while(|index| link.route(index).ok()).count();
});

fn pass(link: &mut Link<Cable>, now: &mut Instant) {
    let end = *now + Duration::from_secs(PAUSE);
    for _ in 0..1000 {
        let busy = link.poll(*now);
        *now += Duration::from_millis(1);
        match link.idle(*now) {
            _ if busy => {}
            Some(idle) if *now + idle < end => *now += idle,
            _ => break,
        }
    }
    *now = (*now).max(end);
}
