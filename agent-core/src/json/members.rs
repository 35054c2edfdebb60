//! The table of a request's parameters.

use super::Span;

/// How many members of `arguments` the table has room for. No command has as many parameters.
pub const MAX_MEMBERS: usize = 32;

/// The first members of `arguments`.
#[derive(Clone, Debug)]
pub struct Members {
    count: u32,
    members: [Member; MAX_MEMBERS],
}

/// A member: its name, without quotes, and where its value ends. A value begins behind the name's quote and a colon.
#[derive(Clone, Copy, Debug)]
struct Member {
    name: Span,
    end: u32,
}

impl Member {
    const fn value(&self) -> Span {
        Span::new(self.name.end().saturating_add(2), self.end as usize)
    }
}

impl Members {
    /// No members.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0, members: [Member { name: Span::new(0, 0), end: 0 }; MAX_MEMBERS] }
    }

    /// The `index`-th member: name, without its quotes, and value.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<(Span, Span)> {
        let member = self.members.get(index as usize).filter(|_| index < self.count)?;
        Some((member.name, member.value()))
    }

    /// The value of the member called `name` of the `stored` message.
    #[must_use]
    pub fn find(&self, name: &[u8], stored: &[u8]) -> Option<Span> {
        let mut members = (0..self.count).map_while(|index| self.get(index));
        members.find(|(found, _)| found.of(stored) == name).map(|(_, value)| value)
    }

    /// Forgets all members.
    pub const fn clear(&mut self) {
        self.count = 0;
    }

    /// A member called `name` begins. Beyond the last place there is one that only counts.
    pub(super) fn begin(&mut self, name: Span) {
        if let Some(member) = self.members.get_mut(self.count as usize) {
            *member = Member { name, end: 0 };
        }
        self.count = self.count.saturating_add(1);
    }

    /// The value of the last member has ended before `end`.
    pub(super) fn end_value(&mut self, end: usize) {
        if let Some(member) = self.count.checked_sub(1).and_then(|last| self.members.get_mut(last as usize)) {
            member.end = end as u32;
        }
    }
}

impl Default for Members {
    fn default() -> Self {
        Self::new()
    }
}
