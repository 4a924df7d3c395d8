"""Address blocks that IANA registered for a special use; none of them is the address of a server to call.

A block counts whatever the registry says about its reach: addresses that lead to relays, translators and
nameservers of the network's own are globally reachable and still belong to somebody else's machine.
"""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The month of the last change that the lists below contain, RFC 9780. Compare them from time to time with
# https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
AS_OF = "2025-05"

IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space of providers",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link local, also the metadata of cloud machines",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments, such as DS-Lite, port control and NAT64 discovery",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "automatic multicast tunneling",
    "192.88.99.0/24": "6to4 relays, deprecated",
    "192.168.0.0/16": "private use",
    "192.175.48.0/24": "AS112, direct delegation",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "240.0.0.0/4": "reserved, with limited broadcast",
}
IPV6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64, local use",
    "100::/64": "discard only",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments, such as Teredo, benchmarking, AMT, AS112, ORCHID and DRIP",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112, direct delegation",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing",
    "fc00::/7": "unique local",
    "fe80::/10": "link local",
}
# From the registries of multicast addresses and of the whole IPv6 space.
ELSEWHERE = {
    "224.0.0.0/4": "multicast",
    "::/96": "IPv4-compatible, deprecated",
    "fec0::/10": "site local, deprecated",
    "ff00::/8": "multicast",
}
SPECIAL_USE: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in IPV4 | IPV6 | ELSEWHERE)
# IANA gives out IPv6 addresses of single machines from this block only.
IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")


def is_special_use(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Tell whether an address is in a block for a special use, or in none that is given out."""
    if address.version == 6 and address not in IPV6_UNICAST:
        return True
    return any(address in network for network in SPECIAL_USE if network.version == address.version)
