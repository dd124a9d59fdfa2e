//! Which addresses lie on the open internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a stranger may make us connect to this address. Follows IANA's registries of
/// special-purpose addresses (RFC 6890 and its successors).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (0 | 10 | 127, ..) => false,                  // this network, private, loopback
        (100, 64..=127, ..) => false,                 // carrier-grade NAT; one cloud's metadata service
        (168, 63, 129, 16) => false,                  // another cloud's host, seen from its guests
        (169, 254, ..) => false,                      // link-local, most clouds' metadata service
        (172, 16..=31, ..) | (192, 168, ..) => false, // private
        (192, 0, 0, _) => false,                      // protocol assignments
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => false, // documentation
        (192, 88, 99, _) => false,                    // 6to4 relays
        (198, 18 | 19, ..) => false,                  // benchmarks
        (224..=255, ..) => false,                     // multicast, reserved, broadcast
        _ => true,
    }
}

/// Only global unicast (2000::/3) is public, and of it what does not stand for an IPv4 address in
/// some tunnel; the two live ways to write an IPv4 address are judged by that address.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let embedded = || {
        let [.., w, x, y, z] = address.octets();
        Ipv4Addr::new(w, x, y, z)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => is_public_v4(embedded()), // IPv4-mapped
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(embedded()), // NAT64, the way out of an IPv6-only network
        _ if a == 0x2001 && b < 0x200 => false,                  // Teredo, benchmarks, ORCHID
        _ if a == 0x2001 && b == 0xdb8 => false,                 // documentation
        _ if a == 0x2002 => false,                               // 6to4
        _ if a == 0x3fff && b < 0x1000 => false,                 // documentation
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "169.253.1.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::8",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        let private = [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
