#!/bin/sh
# The macvlan devices that vrrpd needs on d1, one a group. Run it as root at every boot; it may run again.
set -eu

# Each device answers ARP for its own addresses alone, and nobody asks in a VIP's name: a VIP has its group's MAC only.
sysctl -qw net.ipv4.conf.e0.arp_ignore=1 net.ipv4.conf.e0.arp_announce=2

# VIP 10.100.0.1: group 10 on e0
if ! ip link show dev vrrp4-1-10 >/dev/null 2>&1; then
  ip link add vrrp4-1-10 link e0 address 00:00:5e:00:01:0a type macvlan mode bridge
  # not of the MAC, which the others have too: VRRP tells routers by their link-local addresses
  ip link set dev vrrp4-1-10 addrgenmode none
  # until vrrpd is there to decide; it takes this away when it becomes master
  ip link set dev vrrp4-1-10 protodown on
fi
sysctl -qw net.ipv4.conf.vrrp4-1-10.arp_ignore=1 net.ipv4.conf.vrrp4-1-10.rp_filter=2
ip addr replace 10.100.0.1/32 dev vrrp4-1-10
ip link set dev vrrp4-1-10 up
