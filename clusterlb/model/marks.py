"""The one plan of the numbers that clusterlb reserves on a host; docs/forwarding.md shows it to operators.

A firewall mark has 32 bits. The highest 8 are its kind, the other 24 tell the marks of a kind apart. Rules
match a kind under ``KIND_MASK``, so each kind reserves all of its marks, given or not.
"""

from __future__ import annotations

KIND_MASK = 0xFF000000
PROBE_MARKS = range(0x43000000, 0x44000000)  # probes through a VIP: one for each member of each service
SERVICE_MARKS = range(0x44000000, 0x45000000)  # services of several ports, or of several VIPs
DIRECTOR_MARKS = range(0x45000000, 0x46000000)  # SNAT: one for each director; routing tables have them, too
REPLY_MARKS = range(0x46000000, 0x47000000)  # replies of members with nat: one for each VIP and port
ANCHOR_MARKS = range(0x47000000, 0x48000000)  # anchored flows: one for each destination of each service
RESERVED_MARKS = range(PROBE_MARKS.start, ANCHOR_MARKS.stop)
UNKNOWN_OWNER = DIRECTOR_MARKS[-1]
"""Mark for a connection with unknown owner: look it up again on every packet."""

# Preferences of policy rules, between those of table local (0) and table main (32766).
PEER_PREFERENCE = 17664  # send packets with a director's mark to its table
DROP_PREFERENCE = 17665  # drop what has such a mark and found no route there

# A route's protocol says who made it. FRR uses 186 to 198 and 42 (zebra/rt_netlink.h) and sweeps its own.
ANNOUNCE_PROTO = 201  # routes over the lanes, which announce VIPs; rules and routes to other directors
CLUSTERLB_PROTO = 210  # local routes, which deliver VIPs; routes on real servers

# Far above FRR's own (20): packets follow table local, and no route of anybody's is hidden by these.
LANE_METRICS = range(4211, 4214)  # of the routes over the lanes, the best lane first
EXTERNAL_TAG = 210  # OSPF tag of the VIPs that are external routes, for the filters of other routers
