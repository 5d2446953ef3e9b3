members='10.2.0.101 10.2.0.102 fd00:2::101'

# Collect the needs of the member $own. $n numbers the devices on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102)
    # spread replies by flow over the reachable directors
    want sysctl net/ipv4/fib_multipath_hash_policy 1
    want sysctl net/ipv4/fib_multipath_use_neigh 1
    # send replies through the directors
    want route 0.0.0.0/0 10.2.0.1 10.2.0.2
    ;;
  fd00:2::101)
    # spread replies by flow over the reachable directors
    want sysctl net/ipv6/fib_multipath_hash_policy 1
    # send replies through the directors
    want route ::/0 fd00:2::1 fd00:2::2
    ;;
  esac
}
