//! Which address each connection comes from: one address has no more ports than 64 Ki, and loopback has many addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections to one server from one address: what the kernel's default range of ports (32768 to 60999) has room for.
pub const CONNECTIONS_PER_ADDRESS_MAX: u32 = 28_000;
/// Connections from one address where there are many: the kernel looks for a free port the longer the fewer there are.
const CONNECTIONS_PER_ADDRESS: u32 = 4_000;
/// Addresses that are used at the most, 127.0.0.1 to 127.0.0.250.
const ADDRESSES_MAX: u32 = 250;

/// The addresses that connections come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources {
    /// 0: the kernel chooses.
    addresses: u32,
}

/// More connections than can be told apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// From the one address that the kernel chooses.
    #[error(
        "{connections} connections to {server} would all come from one address, which has ports for {CONNECTIONS_PER_ADDRESS_MAX}: \
         ask for fewer, or run the server at 127.0.0.1"
    )]
    OneAddress {
        /// Asked for.
        connections: u32,
        /// To which server.
        server: SocketAddr,
    },
    /// From all loopback addresses that are used.
    #[error("{connections} connections are more than the {most} that loopback addresses are used for: ask for fewer")]
    AllAddresses {
        /// Asked for.
        connections: u32,
        /// What there is room for.
        most: u32,
    },
}

impl Sources {
    /// Spreads `connections` to `server` evenly over as many addresses as leave the kernel's search for ports short.
    ///
    /// # Errors
    ///
    /// [`SourcesError`] when there are not enough addresses: others than 127.0.0.0/8 have one.
    pub fn spread(connections: u32, server: SocketAddr) -> Result<Self, SourcesError> {
        let needed = connections.div_ceil(CONNECTIONS_PER_ADDRESS_MAX);
        let wanted = connections.div_ceil(CONNECTIONS_PER_ADDRESS).clamp(1, ADDRESSES_MAX);
        let many = matches!(server.ip(), IpAddr::V4(address) if address.is_loopback());
        if needed > 1 && !many {
            return Err(SourcesError::OneAddress { connections, server });
        }
        if needed > ADDRESSES_MAX {
            let most = ADDRESSES_MAX * CONNECTIONS_PER_ADDRESS_MAX;
            return Err(SourcesError::AllAddresses { connections, most });
        }
        Ok(Self { addresses: if many { wanted } else { 0 } })
    }

    /// The address that the connection with this number is bound to; `None` leaves it to the kernel.
    pub fn of(self, connection: u32) -> Option<IpAddr> {
        let turn = connection.checked_rem(self.addresses)?;
        Some(Ipv4Addr::new(127, 0, 0, turn as u8 + 1).into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn counts(connections: u32) -> HashMap<IpAddr, u32> {
        let sources = Sources::spread(connections, "127.0.0.1:9001".parse().unwrap()).unwrap();
        let mut counts = HashMap::new();
        (0..connections).for_each(|number| *counts.entry(sources.of(number).unwrap()).or_default() += 1);
        counts
    }

    #[test]
    fn loopback_addresses_share_evenly_and_none_has_too_many() {
        for (connections, addresses) in [(1, 1), (4_000, 1), (4_001, 2), (100_000, 25), (2_000_000, 250)] {
            let counts = counts(connections);
            assert_eq!(counts.len(), addresses, "{connections}");
            let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
            assert!(*most <= CONNECTIONS_PER_ADDRESS_MAX && most - least <= 1, "{least} to {most}");
        }
    }

    #[test]
    fn elsewhere_the_kernel_chooses_within_its_ports() {
        for server in ["192.0.2.1:80", "[::1]:80"].map(|server| server.parse().unwrap()) {
            assert_eq!(Sources::spread(28_000, server).unwrap().of(5), None);
            let error = Sources::spread(28_001, server).unwrap_err().to_string();
            assert!(error.contains("28001 connections to") && error.contains("127.0.0.1"), "{error}");
        }
        let error = Sources::spread(u32::MAX, "127.0.0.1:1".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("7000000"), "{error}");
    }
}
