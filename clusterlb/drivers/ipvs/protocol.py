"""Numbers of the netlink protocol that IPVS speaks, under the kernel's own names.

Sources: include/uapi/linux/genetlink.h and ip_vs.h of Linux 6.1.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

# linux/genetlink.h
GENL_HEADER = Struct("=BBH")  # genlmsghdr: command, version, 0
GENL_ID_CTRL = 0x10
CTRL_CMD_GETFAMILY = 3
CTRL_ATTR_FAMILY_ID = 1
CTRL_ATTR_FAMILY_NAME = 2

# linux/ip_vs.h
IPVS_GENL_NAME = "IPVS"
IPVS_GENL_VERSION = 1
SCHEDULER_NAME_MAX = 15  # IP_VS_SCHEDNAME_MAXLEN - 1, as the attribute policy has it
ALL_FLAGS = 0xFFFFFFFF


class Command(IntEnum):
    """IPVS_CMD_* of the commands we use; SET_CONFIG is also the answer to GET_CONFIG."""

    NEW_SERVICE = 1
    SET_SERVICE = 2
    DEL_SERVICE = 3
    GET_SERVICE = 4
    NEW_DEST = 5
    SET_DEST = 6
    DEL_DEST = 7
    GET_DEST = 8
    SET_CONFIG = 12
    GET_CONFIG = 13


class CommandAttr(IntEnum):
    """IPVS_CMD_ATTR_*, the first level of attributes; those we use."""

    SERVICE = 1
    DEST = 2
    TIMEOUT_TCP = 4
    TIMEOUT_TCP_FIN = 5
    TIMEOUT_UDP = 6


class ServiceAttr(IntEnum):
    """IPVS_SVC_ATTR_*."""

    AF = 1
    PROTOCOL = 2
    ADDR = 3
    PORT = 4
    FWMARK = 5
    SCHED_NAME = 6
    FLAGS = 7
    TIMEOUT = 8
    NETMASK = 9
    STATS = 10
    PE_NAME = 11
    STATS64 = 12


class DestinationAttr(IntEnum):
    """IPVS_DEST_ATTR_*."""

    ADDR = 1
    PORT = 2
    FWD_METHOD = 3
    WEIGHT = 4
    U_THRESH = 5
    L_THRESH = 6
    ACTIVE_CONNS = 7
    INACT_CONNS = 8
    PERSIST_CONNS = 9
    STATS = 10
    ADDR_FAMILY = 11
    STATS64 = 12
    TUN_TYPE = 13
    TUN_PORT = 14
    TUN_FLAGS = 15


class StatsAttr(IntEnum):
    """IPVS_STATS_ATTR_* of the counters we use; rates follow them."""

    CONNS = 1
    INPKTS = 2
    OUTPKTS = 3
    INBYTES = 4
    OUTBYTES = 5
