members='10.2.0.101 10.2.0.102 fd00:2::101'

# What the host needs as the member $own. $n tells devices apart on a host that is several members.
needs() {
  case $own in
  10.2.0.101)
    # neither answer ARP for a VIP nor ask in its name
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # unpack what directors send
    want link clb-ipip$n ipip $own
    want fou 6080
    # rp_filter 2: decapsulated packets arrive on the tunnel device
    want sysctl net/ipv4/conf/clb-ipip$n/rp_filter 2
    # take packets to the VIPs
    want address 10.100.0.1/32 lo
    want address 10.100.0.2/32 lo
    want address 10.100.0.3/32 clb-ipip$n
    # spread replies by flow, over the directors that answer
    want sysctl net/ipv4/fib_multipath_hash_policy 1
    want sysctl net/ipv4/fib_multipath_use_neigh 1
    # send replies through the directors
    want route 0.0.0.0/0 10.2.0.1 10.2.0.2
    ;;
  10.2.0.102)
    # neither answer ARP for a VIP nor ask in its name
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # unpack what directors send
    want link clb-gre$n gre $own
    # rp_filter 2: decapsulated packets arrive on the tunnel device
    want sysctl net/ipv4/conf/clb-gre$n/rp_filter 2
    # take packets to the VIPs
    want address 10.100.0.1/32 clb-gre$n
    want address 10.100.0.2/32 clb-gre$n
    want address 10.100.0.3/32 clb-gre$n
    # have clients send segments that fit the tunnel
    clamp ip saddr 10.100.0.1 tcp flags syn tcp option maxseg size set 1436
    clamp ip saddr 10.100.0.2 tcp flags syn tcp option maxseg size set 1436
    ;;
  fd00:2::101)
    # nothing: no service has it, or full NAT
    ;;
  esac
}
