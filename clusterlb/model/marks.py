"""The one plan of the numbers that clusterlb reserves on a host; docs/forwarding.md shows it to operators.

A firewall mark has 32 bits. The highest 8 are its kind, the other 24 tell the marks of a kind apart. Rules
match a kind under ``KIND_MASK``, so each kind reserves all of its marks, given or not.
"""

from __future__ import annotations

KIND_MASK = 0xFF000000

PROBE_MARKS = range(0x43000000, 0x44000000)
"""Probes through a VIP: a mark for each member of each service, which leads to that member alone."""

SERVICE_MARKS = range(0x44000000, 0x45000000)
"""Packets to a service of several ports, or of several VIPs: a mark makes them one service in the kernel."""

DIRECTOR_MARKS = range(0x45000000, 0x46000000)
"""SNAT flows: a mark for each director. Its number is also that of the routing table with the route to it."""

REPLY_MARKS = range(0x46000000, 0x47000000)
"""Replies of members with ``forwarding: nat``: a mark for each VIP and port that they stand for."""

RESERVED_MARKS = range(PROBE_MARKS.start, REPLY_MARKS.stop)
"""Every mark that is clusterlb's: an operator's own marks are others."""

UNKNOWN_OWNER = DIRECTOR_MARKS[-1]
"""Mark for a connection with unknown owner: look it up again on every packet."""

PEER_PREFERENCE = 17664
"""Preference of the policy rules that send marked packets to other directors: after table local (0), before
table main (32766)."""

DROP_PREFERENCE = PEER_PREFERENCE + 1
"""Preference of the policy rule that drops a marked packet for which the rules before have no route."""

# A route's protocol says who made it. FRR uses 186 to 198 and 42 (zebra/rt_netlink.h) and sweeps its own.
ANNOUNCE_PROTO = 201
"""Protocol of the routes over the lanes that announce VIPs, and of what leads to other directors."""

CLUSTERLB_PROTO = 210
"""Protocol of the local routes that deliver VIPs, and of the routes on real servers."""

# Far above FRR's own (20): packets follow table local, and no route of anybody's is hidden by these.
LANE_METRICS = range(4211, 4214)
"""Metrics of the routes over the lanes, the best lane first: a VIP may be on two lanes at once."""

EXTERNAL_TAG = 210
"""OSPF tag of the VIPs that are announced as external routes, for the filters of other routers."""
