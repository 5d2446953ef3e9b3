"""The look-up table of IPVS's scheduler ``mh``, bit for bit: which destination it picks for a flow.

Source: net/netfilter/ipvs/ip_vs_mh.c, the same from Linux 4.18 to 7.3, and lib/siphash.c for its hash. Two
directors pick alike as long as their services have the same destinations in the same order with the same last
weights, and the same of them at weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import Destination, DestinationKey, ServiceFlag, ServiceState

SIZE = 4093
"""Slots of a table: ``primes[CONFIG_IP_VS_MH_TAB_INDEX - 8]``; the index is 12 in every kernel of Debian."""

_TURN_BITS = 6  # IP_VS_MH_TAB_BITS, half of the index: a destination has 63 turns at most
_PLACE_KEY = 2654435761  # generate_hash_secret(): each key has the same number twice
_STEP_KEY = 2654446892
_32 = 0xFFFFFFFF
_64 = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class MaglevTable:
    """One service's table.

    ``slots`` has for each slot the number of its destination, and is empty where no destination has a weight.
    ``serving``: whether each destination takes new flows; whether it is overloaded (``upper``) is not known.
    """

    destinations: tuple[DestinationKey, ...]
    slots: tuple[int, ...]
    serving: tuple[bool, ...]
    by_port: bool
    falls_back: bool

    def pick(self, client: IPAddress, port: int) -> DestinationKey | None:
        """Return where a flow from this address and port goes, None where it is turned away."""
        if not self.slots:
            return None
        number = fold(client) + (port if self.by_port else 0)
        place = hsiphash(number & _32, _PLACE_KEY) % SIZE
        found = self.slots[place]
        if self.serving[found]:
            return self.destinations[found]
        if not self.falls_back:
            return None
        for offset in range(SIZE):  # ip_vs_mh_get_fallback(): the flow's number is hashed again, a step on
            slot = hsiphash(number + (offset + place) % SIZE & _32, _PLACE_KEY) % SIZE
            if self.serving[self.slots[slot]]:
                return self.destinations[self.slots[slot]]
        return None


def maglev_table(state: ServiceState) -> MaglevTable:
    """Return the table that ``mh`` has for a service with these destinations."""
    newest_first = state.destinations[::-1]  # as the kernel's list of them is (__ip_vs_update_dest)
    return MaglevTable(
        destinations=tuple(one.key for one in newest_first),
        slots=_slots(newest_first),
        serving=tuple(one.weight > 0 for one in newest_first),
        by_port=bool(state.service.flags & ServiceFlag.SCHED2),
        falls_back=bool(state.service.flags & ServiceFlag.SCHED1),
    )


def shape(state: ServiceState) -> object:
    """Return what decides a service's table: services with equal shapes pick alike."""
    flags = state.service.flags & (ServiceFlag.SCHED1 | ServiceFlag.SCHED2)
    return flags, tuple((one.key, last_weight(one), one.weight > 0) for one in state.destinations)


def last_weight(destination: Destination) -> int:
    """Return the weight by which a destination has its share of the slots: the last that was not 0."""
    return destination.weight or destination.nominal


def _slots(destinations: tuple[Destination, ...]) -> tuple[int, ...]:
    """Share the slots out: in turns, each destination takes the next free one of its own sequence.

    (ip_vs_mh_permutate() and ip_vs_mh_populate().)
    """
    turns = _turns([last_weight(one) for one in destinations])
    if not any(turns):
        return ()
    places, steps = [], []
    for one in destinations:
        number = fold(one.key.address) + one.key.port & _32
        places.append(hsiphash(number, _PLACE_KEY) % SIZE)
        steps.append(hsiphash(number, _STEP_KEY) % (SIZE - 1) + 1)
    slots = [-1] * SIZE
    free = SIZE
    while True:
        for number, mine in enumerate(turns):
            place, step = places[number], steps[number]
            for _ in range(mine):
                while slots[place] >= 0:
                    place = (place + step) % SIZE
                slots[place] = number
                free -= 1
                if not free:
                    return tuple(slots)
            places[number] = place


def _turns(weights: list[int]) -> list[int]:
    """Return how many slots each destination takes in a turn: its weight in small whole numbers.

    (ip_vs_mh_gcd_weight() and ip_vs_mh_shift_weight().)
    """
    unit = gcd(*weights)
    if not unit:
        return [0] * len(weights)
    shift = max(0, (max(weights) // unit).bit_length() - _TURN_BITS)
    return [(weight // unit >> shift) or int(weight > 0) for weight in weights]


def fold(address: IPAddress) -> int:
    """Return an address as the number that ``mh`` hashes: an IPv6 address's four words, XORed."""
    number = int(address)
    return (number ^ number >> 32 ^ number >> 64 ^ number >> 96) & _32


@lru_cache(maxsize=16)  # a census asks two tables for the same flow, one after the other
def hsiphash(value: int, key: int) -> int:
    """Return the kernel's ``hsiphash_1u32`` of a number of 32 bits; both halves of the key are ``key``.

    It is SipHash-1-3, whose result is cut to 32 bits, on kernels of 64 bits.
    """
    word = 4 << 56 | value
    state = (
        0x736F6D6570736575 ^ key,
        0x646F72616E646F6D ^ key,
        0x6C7967656E657261 ^ key,
        0x7465646279746573 ^ key ^ word,
    )
    v0, v1, v2, v3 = _sip_round(*state)
    state = _sip_round(*_sip_round(*_sip_round(v0 ^ word, v1, v2 ^ 0xFF, v3)))
    return (state[0] ^ state[1] ^ state[2] ^ state[3]) & _32


def _sip_round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 = v0 + v1 & _64
    v1 = (v1 << 13 & _64 | v1 >> 51) ^ v0
    v0 = v0 << 32 & _64 | v0 >> 32
    v2 = v2 + v3 & _64
    v3 = (v3 << 16 & _64 | v3 >> 48) ^ v2
    v0 = v0 + v3 & _64
    v3 = (v3 << 21 & _64 | v3 >> 43) ^ v0
    v2 = v2 + v1 & _64
    v1 = (v1 << 17 & _64 | v1 >> 47) ^ v2
    v2 = v2 << 32 & _64 | v2 >> 32
    return v0, v1, v2, v3
