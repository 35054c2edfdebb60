//! The pump over a channel that is awaited: `embedded-io-async`.

use embedded_io_async::{Read, Write};

use super::Pump;
use crate::agent::Agent;

impl<const N: usize, const OUT: usize> Pump<N, OUT> {
    /// Serves the channel until its host closes it: until a read gives nothing, or a write takes nothing. What that host left
    /// half sent or unread is forgotten then, and the pump is ready for the next one.
    ///
    /// A request is run only when every earlier reply was written and flushed: it is with the host, as far as the channel can
    /// tell, before a command such as `guest-shutdown` runs. A host that reads nothing keeps only its own requests waiting.
    ///
    /// What waits is the channel: nothing else is ever awaited. The future may be dropped and another one made to go on, if
    /// the channel's own may be; what was read or is to be written stays in the pump.
    ///
    /// # Errors
    /// Those of the channel. What was read and not yet answered stays.
    pub async fn serve<C, G>(
        &mut self,
        agent: &mut Agent<'_, G>,
        guest: &mut G,
        channel: &mut C,
    ) -> Result<(), C::Error>
    where
        C: Read + Write,
    {
        // Whoever went before may have been dropped after a write.
        let mut flushed = false;
        loop {
            while !self.output.is_empty() {
                let written = channel.write(self.output.bytes()).await?;
                if written == 0 {
                    self.reset(agent);
                    return Ok(());
                }
                self.output.consume(written);
                flushed = false;
            }
            if !agent.is_receiving() {
                let filled = agent.transmit(guest, self.output.room());
                self.output.filled(filled);
                continue;
            }
            if !flushed {
                channel.flush().await?;
                flushed = true;
            }
            if self.input.is_empty() {
                let read = channel.read(self.input.room()).await?;
                if read == 0 {
                    self.reset(agent);
                    return Ok(());
                }
                self.input.filled(read);
                self.end_what_was_left_behind(agent);
            }
            let taken = agent.receive(self.input.bytes());
            self.input.consume(taken);
        }
    }
}
