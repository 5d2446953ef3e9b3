members='10.2.0.101 10.2.0.102 fd00:2::101'

# Collect the needs of the member $own. $n numbers the devices on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102)
    # answer no ARP for a VIP, and send none from a VIP
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # accept packets to the VIPs
    want address 10.100.0.1/32 lo
    ;;
  fd00:2::101)
    # accept packets to the VIPs
    want address fd00:100::1/128 lo
    ;;
  esac
}
