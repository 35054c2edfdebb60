//! Devices by number.

use heapless::Vec;
use machine::room::Room;

/// Devices, each with a number that it keeps as long as it is there, whatever leaves. A new one gets the lowest that is free.
#[derive(Debug)]
pub(crate) struct Numbered<T, const N: usize>(Vec<Option<Room<T>>, N>);

impl<T, const N: usize> Numbered<T, N> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The number that the next device will have. `None` if there are as many as can be.
    pub(crate) fn next_number(&self) -> Option<usize> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        (free < N).then_some(free)
    }

    /// Adds a device. `None` if there are as many as can be, or too little memory is left.
    pub(crate) fn add(&mut self, device: T) -> Option<()> {
        let number = self.next_number()?;
        let room = Some(Room::new(device)?);
        match self.0.get_mut(number) {
            Some(free) => *free = room,
            // There is room: the number is less than `N`.
            None => _ = self.0.push(room),
        }
        Some(())
    }

    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        self.0.get(number)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.0.get_mut(number)?.as_deref_mut()
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.0.iter_mut().enumerate().filter_map(|(number, device)| Some((number, device.as_deref_mut()?)))
    }

    /// Drops those that `keep` does not keep.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, &mut T) -> bool) {
        for (number, place) in self.0.iter_mut().enumerate() {
            place.take_if(|device| !keep(number, device));
        }
    }
}
