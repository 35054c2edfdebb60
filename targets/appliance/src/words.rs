//! The agent's words of the command line.

use heapless::String;

/// The agent's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentChannel {
    /// `agent=virtio`: the virtio-serial port.
    Virtio,
    /// `agent=com1`: the first serial port. The log is not printed then.
    Com1,
    /// `agent=com2`: the second serial port.
    Com2,
}

/// The agent's words of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `agent=virtio|com1|com2`. `None`: virtio and the second serial port, else the first.
    pub agent: Option<AgentChannel>,
    /// `hostname=NAME`: the guest's name in its network, of at most 64 bytes.
    pub host_name: Option<String<64>>,
}

impl Words {
    /// Takes a word. Returns whether it is one of these.
    pub fn take(&mut self, word: &str) -> bool {
        match word {
            "agent=virtio" => self.agent = Some(AgentChannel::Virtio),
            "agent=com1" => self.agent = Some(AgentChannel::Com1),
            "agent=com2" => self.agent = Some(AgentChannel::Com2),
            _ => {
                let name = word.strip_prefix("hostname=").filter(|name| !name.is_empty());
                let Some(name) = name.and_then(|name| String::try_from(name).ok()) else { return false };
                self.host_name = Some(name);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{AgentChannel, Words};

    #[test]
    fn every_word_is_understood_and_the_last_one_counts() {
        let mut words = Words::default();
        for word in ["agent=virtio", "hostname=web-1", "agent=com1", "agent=com2"] {
            assert!(words.take(word), "{word}");
        }
        assert_eq!((words.agent, words.host_name.as_deref()), (Some(AgentChannel::Com2), Some("web-1")));
    }

    #[test]
    fn unknown_and_malformed_words_change_nothing() {
        let mut words = Words::default();
        let long = std::format!("hostname={}", "x".repeat(65));
        for word in ["agent", "agent=", "agent=serial", "hostname", "hostname=", &long, "ip=eth0,dhcp", "quiet"] {
            assert!(!words.take(word), "{word}");
        }
        assert_eq!(words, Words::default());
    }
}
