members='10.2.0.101 10.2.0.102 fd00:2::101'

# Collect the needs of the member $own. $n numbers the devices on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102)
    # answer no ARP for a VIP, and send none from a VIP
    want sysctl net/ipv4/conf/all/arp_ignore 1
    want sysctl net/ipv4/conf/all/arp_announce 2
    # decapsulate the packets of the directors' tunnels
    want link clb-gre$n gre $own
    # rp_filter 2: decapsulated packets arrive on the tunnel device
    want sysctl net/ipv4/conf/clb-gre$n/rp_filter 2
    # accept packets to the VIPs
    want address 10.100.0.1/32 clb-gre$n
    # limit the clients' segments to a size that fits the tunnel
    clamp ip saddr 10.100.0.1 tcp flags syn tcp option maxseg size set 1436
    ;;
  fd00:2::101)
    # decapsulate the packets of the directors' tunnels
    want link clb-ip6gre$n ip6gre $own
    # accept packets to the VIPs
    want address fd00:100::1/128 lo
    # limit the clients' segments to a size that fits the tunnel
    clamp ip6 saddr fd00:100::1 tcp flags syn tcp option maxseg size set 1396
    ;;
  esac
}
