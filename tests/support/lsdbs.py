"""Small link-state databases: routers by a number, which is the last byte of their ids."""

from ipaddress import IPv4Address, ip_address

from clusterlb.model.lsdb import HostRoute, Lsdb, NetworkId, NetworkLsa, RouterLink, RouterLsa

VIP = ip_address("10.100.0.1")
AREA = "0.0.0.0"
SWITCH = 254


def rid(number: int) -> IPv4Address:
    return IPv4Address("10.1.0.0") + number


def net(number: int) -> NetworkId:
    return NetworkId(None, IPv4Address("10.2.0.0") + number)


def router(number: int, *links: int | NetworkId, cost: int = 10, area: str = AREA, age: int = 5) -> RouterLsa:
    ends = (rid(link) if isinstance(link, int) else link for link in links)
    return RouterLsa(area, rid(number), tuple(RouterLink(end, cost) for end in ends), age)


def network(number: int, *routers: int, area: str = AREA, age: int = 5) -> NetworkLsa:
    return NetworkLsa(area, net(number), frozenset(map(rid, routers)), age)


def stub(number: int, cost: int = 10, vip=VIP, area: str | None = AREA, age: int = 5) -> HostRoute:
    return HostRoute(area, rid(number), vip, cost, False, age)


def external(number: int, cost: int = 10, vip=VIP, area: str | None = None, age: int = 5) -> HostRoute:
    return HostRoute(area, rid(number), vip, cost, True, age)


def star(directors: int, *routes: HostRoute, **changes) -> Lsdb:
    """Return the database of a switch with directors 1, 2, ... on links of their own."""
    numbers = range(1, directors + 1)
    routers = (router(SWITCH, *numbers), *(router(number, SWITCH) for number in numbers))
    return Lsdb(**{"routers": routers, "host_routes": routes, **changes})
