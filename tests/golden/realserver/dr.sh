members='10.2.0.101 10.2.0.102 fd00:2::101'

# What the host needs as the member $own. $n tells devices apart on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102)
    # neither answer ARP for a VIP nor ask in its name
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # take packets to the VIPs
    want address 10.100.0.1/32 lo
    ;;
  fd00:2::101)
    # take packets to the VIPs
    want address fd00:100::1/128 lo
    ;;
  esac
}
