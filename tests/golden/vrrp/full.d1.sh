#!/bin/sh
# The macvlan devices that vrrpd needs on d1, one a group. Run it as root at every boot; it may run again.
set -eu

# Each device answers ARP for its own addresses alone, and nobody asks in a VIP's name: a VIP has its group's MAC only.
sysctl -qw net.ipv4.conf.bond0/100.arp_ignore=1 net.ipv4.conf.bond0/100.arp_announce=2
sysctl -qw net.ipv4.conf.e1.arp_ignore=1 net.ipv4.conf.e1.arp_announce=2

# VIP 10.100.0.1: group 10 on bond0.100
if ! ip link show dev vrrp4-1-10 >/dev/null 2>&1; then
  ip link add vrrp4-1-10 link bond0.100 address 00:00:5e:00:01:0a type macvlan mode bridge
  # not of the MAC, which the others have too: VRRP tells routers by their link-local addresses
  ip link set dev vrrp4-1-10 addrgenmode none
  # until vrrpd is there to decide; it takes this away when it becomes master
  ip link set dev vrrp4-1-10 protodown on
fi
sysctl -qw net.ipv4.conf.vrrp4-1-10.arp_ignore=1 net.ipv4.conf.vrrp4-1-10.rp_filter=2
ip addr replace 10.100.0.1/32 dev vrrp4-1-10
ip link set dev vrrp4-1-10 up

# VIP 10.100.0.1: group 10 on e1, the second link, without the address
if ! ip link show dev vrrp4-2-10 >/dev/null 2>&1; then
  ip link add vrrp4-2-10 link e1 address 00:00:5e:00:01:0a type macvlan mode bridge
  # not of the MAC, which the others have too: VRRP tells routers by their link-local addresses
  ip link set dev vrrp4-2-10 addrgenmode none
  # until vrrpd is there to decide; it takes this away when it becomes master
  ip link set dev vrrp4-2-10 protodown on
fi
sysctl -qw net.ipv4.conf.vrrp4-2-10.arp_ignore=1 net.ipv4.conf.vrrp4-2-10.rp_filter=2
ip link set dev vrrp4-2-10 up

# VIP 10.100.0.2: group 255 on bond0.100
if ! ip link show dev vrrp4-1-255 >/dev/null 2>&1; then
  ip link add vrrp4-1-255 link bond0.100 address 00:00:5e:00:01:ff type macvlan mode bridge
  # not of the MAC, which the others have too: VRRP tells routers by their link-local addresses
  ip link set dev vrrp4-1-255 addrgenmode none
  # until vrrpd is there to decide; it takes this away when it becomes master
  ip link set dev vrrp4-1-255 protodown on
fi
sysctl -qw net.ipv4.conf.vrrp4-1-255.arp_ignore=1 net.ipv4.conf.vrrp4-1-255.rp_filter=2
ip addr replace 10.100.0.2/32 dev vrrp4-1-255
ip link set dev vrrp4-1-255 up

# VIP fd00:100::1: group 11 on bond0.100
if ! ip link show dev vrrp6-1-11 >/dev/null 2>&1; then
  ip link add vrrp6-1-11 link bond0.100 address 00:00:5e:00:02:0b type macvlan mode bridge
  # not of the MAC, which the others have too: VRRP tells routers by their link-local addresses
  ip link set dev vrrp6-1-11 addrgenmode random
  # until vrrpd is there to decide; it takes this away when it becomes master
  ip link set dev vrrp6-1-11 protodown on
fi
sysctl -qw net.ipv4.conf.vrrp6-1-11.arp_ignore=1 net.ipv4.conf.vrrp6-1-11.rp_filter=2
ip addr replace fd00:100::1/128 dev vrrp6-1-11 nodad
ip link set dev vrrp6-1-11 up
