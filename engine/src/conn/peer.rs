//! A peer's address in 18 bytes: `SocketAddr` takes 32, and every idle connection holds one.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address and a port; IPv4 as an IPv4-mapped IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    ip: [u8; 16],
    port: [u8; 2],
}

impl Peer {
    pub(crate) const UNKNOWN: Self = Self { ip: [0; 16], port: [0; 2] };
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self { ip: ip.octets(), port: addr.port().to_ne_bytes() }
    }
}

impl From<Peer> for SocketAddr {
    fn from(peer: Peer) -> Self {
        Self::new(Ipv6Addr::from(peer.ip).to_canonical(), u16::from_ne_bytes(peer.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives() {
        for text in ["127.0.0.1:9001", "[2001:db8::1]:65535", "[::1]:1", "0.0.0.0:0"] {
            let addr: SocketAddr = text.parse().expect("an address");
            assert_eq!(SocketAddr::from(Peer::from(addr)), addr);
        }
    }
}
