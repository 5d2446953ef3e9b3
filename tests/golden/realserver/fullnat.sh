members='10.2.0.101 10.2.0.102 fd00:2::101'

# Collect the needs of the member $own. $n numbers the devices on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102 | fd00:2::101)
    # nothing: no service uses this member, or only by full NAT
    ;;
  esac
}
