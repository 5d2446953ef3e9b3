"""Whatever example the lab runs: each of its services works, and so do its SNAT pools."""

import ipaddress
import subprocess
import sys
from functools import partial

import pytest
from lab_view import eventually

from clusterlb.lab import exchange
from clusterlb.lab.exchange import Cell
from clusterlb.lab.topology import CLIENT, CLIENTS
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.ipvs import Protocol
from tests.kernel.examples import sctp

pytestmark = pytest.mark.kernel

CONNECTIONS = 40
LISTENING = 9000
LISTEN = f"from clusterlb.lab.server import RealServer; RealServer('client', [{LISTENING}]).run()"


def ask(namespace, cells):
    return list(exchange.ask(namespace, cells))


def targets(inventory):
    """Yield every address and port of every service: of a range of ports the first and the last."""
    for vip in inventory.vips.values():
        for service in vip.services:
            ends = {port for ports in service.ports for port in ports} or {service.port}
            for address in vip.group or (vip.address,):
                for port in sorted(ends):
                    yield address, port, service


def local_addresses(inventory):
    return {str(a) for director in inventory.directors.values() for a in director.local_addresses}


def verdict(inventory, servers, service, outcome):
    """Say what is wrong with what a client met at a service; nothing when all is well."""
    members = inventory.pools[service.pool].members
    pool = {servers[str(member.address)]: service.forwarding_of(member) for member in members}
    if outcome.answered != outcome.wanted:
        return f"{outcome.lost} of {outcome.wanted} not answered: {outcome.errors}"
    if not set(outcome.servers) <= set(pool):
        return f"answered by {outcome.servers}, and the pool is {sorted(pool)}"
    if "mh-port" in service.flags and set(outcome.servers) != set(pool):
        return f"of {sorted(pool)} only {outcome.servers} answered"
    if set(pool.values()) == {Forwarding.FULLNAT}:
        if not set(outcome.clients) <= local_addresses(inventory):
            return f"members saw {outcome.clients}, not local addresses"
    elif outcome.kept != outcome.answered:
        return f"members saw {outcome.clients}: the client's own address and port only {outcome.kept} times"
    return ""


def sources(control, version):
    known = map(ipaddress.ip_address, control.description["clients"])
    return [str(address) for address in known if address.version == version]


def test_every_service_is_answered_by_its_pool_with_the_promised_client_address(
    control, inventory, servers, one_arm
):
    wanted = [found for found in targets(inventory) if found[2].protocol is not Protocol.SCTP]
    cells = [
        Cell(
            str(address),
            port,
            sources(control, address.version),
            service.protocol.name.lower(),
            CONNECTIONS,
            width=20,
        )
        for address, port, service in wanted
    ]
    if one_arm:  # the directors' way to their members has just changed
        first = [Cell(cells[0].vip, cells[0].port, cells[0].sources, connections=1)]
        eventually(lambda: not ask(CLIENT, first)[0].lost, 120, "an answer on one arm")
    results = ask(CLIENT, cells) if cells else []
    wrong = {
        f"{cell.protocol} {cell.vip} {cell.port}": text
        for cell, (_, _, service), result in zip(cells, wanted, results, strict=True)
        if (text := verdict(inventory, servers, service, result.outcome))
    }
    assert not wrong


def test_every_sctp_service_is_answered_by_its_pool_with_the_clients_address(inventory, servers):
    wanted = [found for found in targets(inventory) if found[2].protocol is Protocol.SCTP]
    if not wanted:
        pytest.skip("no SCTP in this example")
    for address, port, service in wanted:
        members = [servers[str(m.address)] for m in inventory.pools[service.pool].members]
        with sctp.serving(members, str(address), port):
            answers = sctp.ask(CLIENT, str(address), port, list(map(str, CLIENTS)), CONNECTIONS)
        assert {answer["server"] for answer in answers} == set(members)
        assert all(answer["client"] == answer["source"] for answer in answers), answers


def addresses_for(inventory, source, destination):
    """Return the addresses of the first SNAT pool that matches."""
    for pool in inventory.snat_pools.values():
        to = any(destination in network for network in pool.destinations) or not pool.destinations
        if to and not pool.fwmark and any(source in network for network in pool.sources):
            return {str(address) for own in pool.addresses.values() for address in own}
    raise AssertionError(f"no pool for {source} to {destination}")


def test_what_servers_begin_leaves_with_an_address_of_the_pool_that_matches(inventory, servers):
    if not inventory.snat_pools:
        pytest.skip("no SNAT pools in this example")
    world = subprocess.Popen(["ip", "netns", "exec", CLIENT, sys.executable, "-c", LISTEN])
    try:
        for source, name in servers.items():
            cells = [Cell(str(to), LISTENING, [source], connections=20) for to in (CLIENTS[0], CLIENTS[-1])]
            hello = partial(ask, name, cells[:1])
            eventually(lambda hello=hello: not hello()[0].lost, 120, "the client listens")
            for cell, result in zip(cells, ask(name, cells), strict=True):
                assert result.outcome.answered == 20, result.outcome
                pool = addresses_for(inventory, *map(ipaddress.ip_address, (source, cell.vip)))
                assert set(result.outcome.clients) <= pool
    finally:
        world.kill()
        world.wait()
