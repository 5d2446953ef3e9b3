members='10.2.0.101 10.2.0.102 fd00:2::101'

# What the host needs as the member $own. $n tells devices apart on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102)
    # neither answer ARP for a VIP nor ask in its name
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # unpack what directors send
    want link clb-gre$n gre $own
    # rp_filter 2: decapsulated packets arrive on the tunnel device
    want sysctl net/ipv4/conf/clb-gre$n/rp_filter 2
    # take packets to the VIPs
    want address 10.100.0.1/32 clb-gre$n
    # have clients send segments that fit the tunnel
    clamp ip saddr 10.100.0.1 tcp flags syn tcp option maxseg size set 1436
    ;;
  fd00:2::101)
    # unpack what directors send
    want link clb-ip6gre$n ip6gre $own
    # take packets to the VIPs
    want address fd00:100::1/128 lo
    # have clients send segments that fit the tunnel
    clamp ip6 saddr fd00:100::1 tcp flags syn tcp option maxseg size set 1396
    ;;
  esac
}
