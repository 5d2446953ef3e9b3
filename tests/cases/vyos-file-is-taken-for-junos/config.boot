interfaces {
    bonding bond0 {
        address 198.51.100.1/24
    }
}
protocols {
    ospf {
        area 0.0.0.0 {
            network 198.51.100.0/24
        }
    }
}
system {
    host-name edge7
}
