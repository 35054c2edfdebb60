//! Bytes that were received and not read yet.

/// A ring of bytes in memory that the caller lends.
pub(crate) struct Window<'m> {
    memory: &'m mut [u8],
    /// Where the first byte lies, less than the memory's length.
    start: usize,
    length: usize,
}

impl<'m> Window<'m> {
    pub(crate) const fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, start: 0, length: 0 }
    }

    /// Number of bytes that it holds at most. A packet has a field of 32 bits for it.
    pub(crate) fn size(&self) -> u32 {
        self.memory.len() as u32
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Number of bytes for which there is room.
    pub(crate) fn room(&self) -> usize {
        self.memory.len().saturating_sub(self.length)
    }

    /// The first piece of the room, which is empty only if there is none.
    pub(crate) fn piece(&mut self) -> &mut [u8] {
        let size = self.memory.len();
        let end = self.start + self.length;
        let piece = if end < size { end..size } else { end - size..self.start };
        self.memory.get_mut(piece).unwrap_or_default()
    }

    /// The first `count` bytes of the room were written.
    pub(crate) fn filled(&mut self, count: usize) {
        self.length += count.min(self.room());
    }

    /// Moves the first bytes to `bytes`, as many as are there and fit. Returns their number.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> usize {
        let mut count = 0;
        // Two pieces, because the bytes may go on at the memory's beginning.
        for _ in 0..2 {
            let piece = self.memory.get(self.start..).unwrap_or_default();
            let piece = piece.get(..self.length).unwrap_or(piece);
            let room = bytes.get_mut(count..).unwrap_or_default();
            let copied = piece.len().min(room.len());
            room.iter_mut().zip(piece).for_each(|(room, &byte)| *room = byte);
            count += copied;
            self.length -= copied;
            self.start += copied;
            if self.start >= self.memory.len() {
                self.start = 0;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::vec;

    use super::Window;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        for size in 0..6 {
            let mut memory = vec![0; size];
            let mut window = Window::new(&mut memory);
            let (mut model, mut next) = (VecDeque::new(), 0_u8);
            for step in 0..1000 {
                for _ in 0..2 {
                    let piece = window.piece();
                    let count = piece.len().min(step % 5);
                    for room in &mut piece[..count] {
                        *room = next;
                        model.push_back(next);
                        next = next.wrapping_add(1);
                    }
                    window.filled(count);
                }
                assert_eq!((window.room(), window.is_empty()), (size - model.len(), model.is_empty()));
                assert_eq!(window.piece().is_empty(), model.len() == size);
                let mut bytes = vec![0; step % 4];
                let count = window.read(&mut bytes);
                assert_eq!(count, bytes.len().min(model.len()));
                assert!(bytes[..count].iter().all(|&byte| model.pop_front() == Some(byte)));
            }
        }
    }
}
