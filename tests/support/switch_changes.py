"""One changed line each of the ``full`` switch configurations, and what the audit must find there."""
# ruff: noqa: E501 - a table is read a row a line

from switch_inventories import PORTS

from clusterlb.render.switch import System

NXOS, EOS, JUNOS, SONIC, FRR = System.NXOS, System.EOS, System.JUNOS, System.SONIC, System.FRR
XE = "set protocols ospf area 0.0.0.51 interface xe-0/0/1.0"
IN = "set policy-options policy-statement clusterlb-in term"
ECMP = "set policy-options policy-statement clusterlb-ecmp term"

# system, rule, severity, the line of the full configuration, what it becomes, the line the finding is on
CHANGES = [
    (NXOS, "ecmp-width", "error", "  maximum-paths 32", "  maximum-paths 16", None),
    (NXOS, "ecmp-width", "error", "  maximum-paths 32", "", "router ospf clusterlb"),
    (NXOS, "lsa-arrival", "warning", "  timers lsa-arrival 10", "  timers lsa-arrival 1000", None),
    (NXOS, "lsa-arrival", "warning", "  timers lsa-arrival 10", "", "router ospf clusterlb"),
    (NXOS, "spf-delay", "warning", "  timers throttle spf 1 50 500", "", "router ospf clusterlb"),
    (NXOS, "spf-delay", "warning", "  timers throttle spf 1 50 500", "  timers throttle spf 200 1000 5000", None),
    (NXOS, "unequal-cost", "error", "  ip ospf cost 10", "  ip ospf cost 20", None),
    (NXOS, "bfd", "warning", "  ip ospf bfd", "", "interface Ethernet1/1"),
    (NXOS, "bfd", "warning", "  bfd interval 100 min_rx 100 multiplier 5", "  bfd interval 50 min_rx 50 multiplier 3", None),
    (NXOS, "bfd", "warning", "  bfd interval 100 min_rx 100 multiplier 5", "", "interface Ethernet1/1"),
    (NXOS, "hello-dead", "error", "  ip ospf hello-interval 2", "  ip ospf hello-interval 10", None),
    (NXOS, "hello-dead", "error", "  ip ospf dead-interval 8", "  ip ospf dead-interval 40", None),
    (NXOS, "retransmit", "warning", "  ip ospf retransmit-interval 1", "", "interface Ethernet1/1"),
    (NXOS, "network-type", "error", "  ip ospf network point-to-point", "", "interface Ethernet1/1"),
    (NXOS, "area", "error", "  ip router ospf clusterlb area 0.0.0.51", "  ip router ospf clusterlb area 0.0.0.0", None),
    (NXOS, "passive", "error", "  no ip redirects", "  ip ospf passive-interface", None),
    (NXOS, "filter", "warning", "  table-map clusterlb-in filter", "", "router ospf clusterlb"),
    (NXOS, "filter", "warning", "  match ip address prefix-list clusterlb", "", "route-map clusterlb-in permit 10"),
    (NXOS, "filter", "warning", "ip prefix-list clusterlb seq 5 permit 10.100.0.0/24 ge 32", "ip prefix-list clusterlb seq 5 permit 10.100.0.0/16 ge 32", None),
    (NXOS, "filter", "error", "ip prefix-list clusterlb seq 5 permit 10.100.0.0/24 ge 32", "", "  table-map clusterlb-in filter"),
    (NXOS, "authentication", "error", "  ip ospf authentication message-digest", "", "interface Ethernet1/1"),
    (NXOS, "authentication", "error", "  ip ospf message-digest-key 7 md5 s3cret", "  ip ospf message-digest-key 7 md5 wrong", None),
    (NXOS, "authentication", "error", "  ip ospf message-digest-key 7 md5 s3cret", "  ip ospf message-digest-key 1 md5 3 aa55", None),
    (NXOS, "switched-off", "error", "feature ospf", "", "router ospf clusterlb"),
    (NXOS, "bfd", "warning", "feature bfd", "", "router ospf clusterlb"),
    (NXOS, "resilient-hashing", "info", "hardware profile ecmp resilient", "", "router ospf clusterlb"),
    (EOS, "ecmp-width", "error", "   maximum-paths 32", "   maximum-paths 4", None),
    (EOS, "lsa-arrival", "warning", "   timers lsa rx min interval 10", "", "router ospf 1"),
    (EOS, "spf-delay", "warning", "   timers spf delay initial 10 50 500", "   timers spf delay initial 10 5000 5000", None),
    (EOS, "unequal-cost", "error", "   ip ospf cost 10", "", "interface Ethernet1"),
    (EOS, "bfd", "warning", "   ip ospf neighbor bfd", "", "interface Ethernet1"),
    (EOS, "bfd", "warning", "   bfd interval 100 min-rx 100 multiplier 5", "   bfd interval 100 min-rx 100 multiplier 3", None),
    (EOS, "hello-dead", "error", "   ip ospf dead-interval 8", "", "interface Ethernet1"),
    (EOS, "network-type", "error", "   ip ospf network point-to-point", "", "interface Ethernet1"),
    (EOS, "area", "error", "   ip ospf area 0.0.0.51", "   ip ospf area 0.0.0.50", None),
    (EOS, "passive", "error", "   router-id 10.1.0.254", "   passive-interface Ethernet2", None),
    (EOS, "filter", "warning", "   distribute-list route-map clusterlb-in in", "", "router ospf 1"),
    (EOS, "authentication", "error", "   ip ospf authentication message-digest", "", "interface Ethernet1"),
    (JUNOS, "ecmp-width", "error", "set chassis maximum-ecmp 32", "", "set routing-options forwarding-table export clusterlb-ecmp"),
    (JUNOS, "spf-delay", "warning", "set protocols ospf spf-options delay 50", "", "set protocols ospf import clusterlb-in"),
    (JUNOS, "unequal-cost", "error", f"{XE} metric 10", f"{XE} metric 11", None),
    (JUNOS, "bfd", "warning", f"{XE} bfd-liveness-detection minimum-interval 100", f"{XE} bfd-liveness-detection minimum-interval 300", None),
    (JUNOS, "bfd", "warning", f"{XE} bfd-liveness-detection multiplier 5", "", f"{XE} interface-type p2p"),
    (JUNOS, "hello-dead", "error", f"{XE} hello-interval 2", f"{XE} hello-interval 3", None),
    (JUNOS, "network-type", "error", f"{XE} interface-type p2p", f"{XE} interface-type nbma", None),
    (JUNOS, "passive", "error", "set protocols ospf spf-options rapid-runs 10", f"{XE} passive", None),
    (JUNOS, "filter", "warning", "set protocols ospf import clusterlb-in", "", "set protocols ospf spf-options delay 50"),
    (JUNOS, "filter", "warning", f"{IN} directors then reject", "", "set protocols ospf import clusterlb-in"),
    (JUNOS, "filter", "error", f"{IN} vips then accept", f"{IN} vips then reject", f"{IN} vips from route-filter 10.100.0.0/24 prefix-length-range /32-/32"),
    (JUNOS, "authentication", "error", f'{XE} authentication md5 7 key "s3cret"', "", f"{XE} interface-type p2p"),
    (JUNOS, "resilient-hashing", "info", f"{ECMP} vips then load-balance consistent-hash", f"{ECMP} vips then load-balance per-packet", "set protocols ospf import clusterlb-in"),
    *(
        (system, rule, severity, old, new, on and on.replace("PORT", PORTS[system][0]))
        for system in (SONIC, FRR)
        for rule, severity, old, new, on in (
            ("ecmp-width", "error", " maximum-paths 32", " maximum-paths 16", None),
            ("lsa-arrival", "warning", " timers lsa min-arrival 0", "", "router ospf"),
            ("spf-delay", "warning", " timers throttle spf 0 10 500", "", "router ospf"),
            ("unequal-cost", "error", " ip ospf cost 10", " ip ospf cost 100", None),
            ("bfd", "warning", "  transmit-interval 100", "  transmit-interval 200", None),
            ("bfd", "warning", "  detect-multiplier 5", "  detect-multiplier 4", None),
            ("hello-dead", "error", " ip ospf hello-interval 2", "", "interface PORT"),
            ("hello-dead", "error", " ip ospf dead-interval 8", " ip ospf dead-interval minimal hello-multiplier 4", None),
            ("retransmit", "warning", " ip ospf retransmit-interval 1", " ip ospf retransmit-interval 5", None),
            ("network-type", "error", " ip ospf network point-to-multipoint", "", "interface PORT"),
            ("area", "error", " ip ospf area 0.0.0.51", " ip ospf area 52", None),
            ("passive", "error", " timers throttle lsa all 0", " passive-interface default", None),
            ("filter", "warning", "ip protocol ospf route-map clusterlb-in", "", "router ospf"),
            ("filter", "warning", " match ip address prefix-list clusterlb", "", "route-map clusterlb-in permit 10"),
            ("filter", "warning", "route-map clusterlb-in deny 101", "route-map clusterlb-in permit 101", None),
            ("authentication", "error", " ip ospf message-digest-key 7 md5 s3cret", " ip ospf message-digest-key 8 md5 s3cret", None),
        )
    ),
]  # fmt: skip
