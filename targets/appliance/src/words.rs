//! The agent's words of the command line.

use heapless::String;

use machine::SerialPlace;

/// The agent's channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentChannel {
    /// `agent=virtio`: the virtio-serial port.
    Virtio,
    /// `agent=console`: that, or the single port of a virtio console without named ports.
    #[cfg(feature = "appliance")]
    Console,
    /// `agent=com1` and the like: a serial port. The log is not printed on that.
    Serial(SerialPlace),
    /// `agent=pci`: the first serial port on PCI.
    #[cfg(feature = "appliance")]
    Pci,
}

/// `agent=vsock:PORT`, or `agent=vsock:PORT,any`.
#[cfg(feature = "appliance")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VsockPort {
    /// The port that hosts connect to.
    pub port: u32,
    /// Others than the host may connect, too.
    pub any: bool,
}

#[cfg(feature = "appliance")]
impl VsockPort {
    fn parse(word: &str) -> Option<Self> {
        let port = word.strip_prefix("agent=vsock:")?;
        let (port, any) = port.strip_suffix(",any").map_or((port, false), |port| (port, true));
        // The largest number is not a port: it stands for any.
        let port = port.parse().ok().filter(|&port| port != u32::MAX)?;
        Some(Self { port, any })
    }
}

/// A host name.
pub type Name = String<HOST_NAME>;

/// The longest host name, in bytes.
const HOST_NAME: usize = 64;
/// The same of a virtio-serial port's.
#[cfg(feature = "appliance")]
const PORT_NAME: usize = 119;

/// The agent's words of a command line. Those that only the appliance knows are not in the smaller image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// `agent=virtio|com1|com2|auto`, and in the appliance `console|com3|com4|pci`. `None`, for `auto`: virtio and the second serial port,
    /// else another one.
    pub agent: Option<AgentChannel>,
    /// `agent=vsock:PORT`, in the appliance: serves this port of a virtio socket device, too.
    #[cfg(feature = "appliance")]
    pub vsock: Option<VsockPort>,
    /// `hostname=NAME`: the guest's name in its network, of at most 64 bytes.
    pub host_name: Option<Name>,
}

impl Words {
    /// Takes a word. Returns whether it is one of these.
    pub fn take(&mut self, word: &str) -> bool {
        use SerialPlace::{Com1, Com2};
        let agent = match word {
            "agent=auto" => None,
            "agent=virtio" => Some(AgentChannel::Virtio),
            "agent=com1" => Some(AgentChannel::Serial(Com1)),
            "agent=com2" => Some(AgentChannel::Serial(Com2)),
            #[cfg(feature = "appliance")]
            "agent=console" => Some(AgentChannel::Console),
            #[cfg(feature = "appliance")]
            "agent=com3" => Some(AgentChannel::Serial(SerialPlace::Com3)),
            #[cfg(feature = "appliance")]
            "agent=com4" => Some(AgentChannel::Serial(SerialPlace::Com4)),
            #[cfg(feature = "appliance")]
            "agent=pci" => Some(AgentChannel::Pci),
            _ => return self.take_name(word).is_some(),
        };
        self.agent = agent;
        true
    }

    /// Takes a word that has a name or a number.
    fn take_name(&mut self, word: &str) -> Option<()> {
        #[cfg(feature = "appliance")]
        if let Some(vsock) = VsockPort::parse(word) {
            self.vsock = Some(vsock);
            return Some(());
        }
        #[cfg(feature = "appliance")]
        if let Some(name) = word.strip_prefix("port=") {
            // The settings keep it.
            return (1..=PORT_NAME).contains(&name.len()).then_some(());
        }
        let name = word.strip_prefix("hostname=").filter(|name| (1..=HOST_NAME).contains(&name.len()))?;
        self.host_name = Some(Name::try_from(name).ok()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use machine::SerialPlace;

    use super::{AgentChannel, Words};

    #[test]
    fn every_word_is_understood_and_the_last_one_counts() {
        let mut words = Words::default();
        for (word, agent) in [
            ("agent=virtio", Some(AgentChannel::Virtio)),
            ("agent=com1", Some(AgentChannel::Serial(SerialPlace::Com1))),
            ("agent=com2", Some(AgentChannel::Serial(SerialPlace::Com2))),
            #[cfg(feature = "appliance")]
            ("agent=console", Some(AgentChannel::Console)),
            #[cfg(feature = "appliance")]
            ("agent=com4", Some(AgentChannel::Serial(SerialPlace::Com4))),
            #[cfg(feature = "appliance")]
            ("agent=pci", Some(AgentChannel::Pci)),
            ("agent=auto", None),
            ("hostname=web-1", None),
            #[cfg(feature = "appliance")]
            ("port=org.example.0", None),
        ] {
            assert!(words.take(word), "{word}");
            assert_eq!(words.agent, agent, "{word}");
        }
        assert_eq!(words.host_name.as_deref(), Some("web-1"));
        assert!(!words.take("hostname=") && words.host_name.is_some());
        #[cfg(feature = "appliance")]
        for (word, vsock) in [
            ("agent=vsock:0", super::VsockPort { port: 0, any: false }),
            ("agent=vsock:4294967294", super::VsockPort { port: u32::MAX - 1, any: false }),
            ("agent=vsock:1234,any", super::VsockPort { port: 1234, any: true }),
        ] {
            assert!(words.take(word), "{word}");
            assert_eq!((words.vsock, words.agent), (Some(vsock), None), "{word}");
        }
    }

    #[test]
    fn unknown_and_malformed_words_change_nothing() {
        let mut words = Words::default();
        let long = std::format!("hostname={}", "x".repeat(65));
        let long_port = std::format!("port={}", "x".repeat(120));
        for word in [
            "agent",
            "agent=",
            "agent=serial",
            "agent=com5",
            "agent=vsock",
            "agent=vsock:",
            "agent=vsock:,any",
            "agent=vsock:-1",
            "agent=vsock:4294967295",
            "agent=vsock:1234,",
            "agent=vsock:1234,all",
            "port",
            "port=",
            &long_port,
            "hostname",
            "hostname=",
            &long,
            "ip=eth0,dhcp",
            "quiet",
        ] {
            assert!(!words.take(word), "{word}");
        }
        assert_eq!(words, Words::default());
    }
}
