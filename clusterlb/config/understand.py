"""Files -> everything that can be understood of them, item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from clusterlb.config import build, files
from clusterlb.config.compose import compose
from clusterlb.config.fields import parse_name, parse_vip
from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.models.cluster import ClusterFile
from clusterlb.config.models.director import DirectorFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import PoolFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import VipFile
from clusterlb.config.nodes import Node, Scalar, Sequence, find
from clusterlb.config.report import Report
from clusterlb.config.sections import Sections, gather
from clusterlb.config.source import Place, RefusedError, Source
from clusterlb.config.validate import validate, validate_name
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Director, Pool, Vip, Window
from clusterlb.model.snat import SnatPool


def understand(path: Path, report: Report) -> tuple[Everything | None, str]:
    """Return all that could be understood, and the digest of the files' bytes."""
    trees, digest, whole = _trees(path, report)
    sections = gather(trees, report)
    sections.whole = sections.whole and whole
    if not trees:
        return None, ""
    _required(sections, trees[0][0] if len(trees) == 1 else Source(files.shown(path)), report)
    return _everything(sections, report), digest


def _trees(path: Path, report: Report) -> tuple[list[tuple[Source, Node]], str, bool]:
    """Return each file's tree, the digest of all files, and whether all could be read."""
    digest = hashlib.sha256()
    trees: list[tuple[Source, Node]] = []
    room = files.LIMIT
    try:
        names = files.files(path)
    except RefusedError as refusal:
        report.refused(Source(files.shown(path)), refusal)
        return [], "", False
    for name in names:
        source = files.read(name, room, report)
        tree = compose(source, report, alone=len(names) == 1) if source else None
        if source and tree is not None:
            trees.append((source, tree))
            room -= source.size
            digest.update(source.digest)
    return trees, digest.hexdigest(), len(trees) == len(names)


def _required(sections: Sections, source: Source, report: Report) -> None:
    if not sections.whole:
        return
    place = Place(1, 1) if source.text else Place(0, 0)
    if sections.cluster is None:
        report.error(
            source, place, "section `cluster` is missing", "it names the cluster and its `vip_prefixes`"
        )
    if not sections.directors:
        report.error(
            source,
            place,
            "there are no directors",
            "add `directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}`",
        )


def _everything(sections: Sections, report: Report) -> Everything:
    cluster = validate(sections.cluster, ClusterFile, report) if sections.cluster else None
    return Everything(
        cluster=Placed(cluster[0], build.cluster(cluster[1])) if cluster else None,
        directors=dict(_directors(sections, report)),
        pools=dict(_pools(sections, report)),
        vips=_vips(sections, report),
        snat_pools=dict(_snat_pools(sections, report)),
        maintenance=list(_maintenance(sections, report)),
        director_names=frozenset(sections.directors),
        pool_names=frozenset(sections.pools),
        used=frozenset(_used(sections)),
        whole=sections.whole,
    )


def _directors(sections: Sections, report: Report) -> Iterator[tuple[str, Placed[Director]]]:
    for name, item in sections.directors.items():
        good = validate_name(item, "director name", parse_name, report)
        if (found := validate(item, DirectorFile, report)) and good:
            yield name, Placed(found[0], build.director(name, found[1]))


def _pools(sections: Sections, report: Report) -> Iterator[tuple[str, Placed[Pool]]]:
    for name, item in sections.pools.items():
        good = validate_name(item, "pool name", parse_name, report)
        if (found := validate(item, PoolFile, report)) and good:
            yield name, Placed(found[0], build.pool(name, found[1]))


def _vips(sections: Sections, report: Report) -> dict[IPAddress, Placed[Vip]]:
    vips: dict[IPAddress, Placed[Vip]] = {}
    first: dict[IPAddress, Item] = {}
    for item in sections.vips.values():
        address = validate_name(item, "VIP", parse_vip, report)
        found = validate(item, VipFile, report)
        if address is None:
            continue
        if first.setdefault(address, item) is not item:
            report.error(
                item.source,
                item.place,
                f"duplicate VIP {address}",
                f"first written at {first[address].key_where()}; keep one of them",
            )
        elif found:
            vips[address] = Placed(found[0], build.vip(address, found[1]))
    return vips


def _snat_pools(sections: Sections, report: Report) -> Iterator[tuple[str, Placed[SnatPool]]]:
    for name, item in sections.snat_pools.items():
        good = validate_name(item, "SNAT pool name", parse_name, report)
        if (found := validate(item, SnatPoolFile, report)) and good:
            yield name, Placed(found[0], build.snat_pool(name, found[1]))


def _maintenance(sections: Sections, report: Report) -> Iterator[Placed[Window]]:
    first: dict[str, Item] = {}
    for item in sections.maintenance:
        found = validate(item, WindowFile, report)
        if item.written("name") and first.setdefault(item.name, item) is not item:
            report.error(
                item.source,
                item.at("name"),
                f"duplicate window `{clip(item.name)}`",
                f"first written at {first[item.name].where('name')}; give each its own name",
            )
        elif found:
            yield Placed(found[0], build.window(found[1]))


def _used(sections: Sections) -> Iterator[str]:
    """Name the pools of all services, good or not."""
    for item in sections.vips.values():
        services = find(item.node, ("services",))
        for service in services.items if isinstance(services, Sequence) else ():
            pool = find(service, ("pool",))
            if isinstance(pool, Scalar):
                yield str(pool.value)
