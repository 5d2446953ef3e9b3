members='10.2.0.101 10.2.0.102 fd00:2::101'

# What the host needs as the member $own. $n tells devices apart on a host that is several members.
needs() {
  case $own in
  10.2.0.101 | 10.2.0.102 | fd00:2::101)
    # nothing: no service has it, or full NAT
    ;;
  esac
}
