interfaces {
    switch switch0 {
        address 198.51.100.1/24
        ip {
            ospf {
                dead-interval 3
                hello-interval 1
            }
        }
    }
}
protocols {
    ospf {
        area 0.0.0.0 {
            network 198.51.100.0/24
        }
        parameters {
            abr-type cisco
            router-id 192.0.2.70
        }
    }
}
