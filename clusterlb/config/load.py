"""Inventory files -> Inventory, or every problem that they have."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from clusterlb.config import build, files
from clusterlb.config.compose import compose
from clusterlb.config.error import InventoryError
from clusterlb.config.fields import parse_name, parse_vip
from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.lint import lint
from clusterlb.config.models.cluster import ClusterFile
from clusterlb.config.models.director import DirectorFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import PoolFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import VipFile
from clusterlb.config.nodes import Node, Scalar, Sequence, find
from clusterlb.config.problem import Problem, Severity
from clusterlb.config.render import render
from clusterlb.config.report import FullError, Report
from clusterlb.config.sections import Sections, gather
from clusterlb.config.source import Position, Source, UnusableFileError
from clusterlb.config.validate import validate, validate_name
from clusterlb.core.marks import service_marks
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Vip, Window

__all__ = ["InventoryError", "Problem", "Severity", "load", "render"]

_File = TypeVar("_File", bound=BaseModel)
_Object = TypeVar("_Object")


def load(path: Path) -> tuple[Inventory, tuple[Problem, ...]]:
    """Read one file, or the ``*.yaml`` and ``*.yml`` files of a folder, merged in the order of their names.

    Returns the inventory and the warnings. Raises InventoryError with all problems if one of them is an
    error, and no other exception, whatever the files contain.
    """
    report = Report()
    try:
        inventory = _load(path, report)
    except FullError:
        inventory = None
    problems = report.ordered()
    if inventory is None:
        raise InventoryError(problems)
    return inventory, problems


def _load(path: Path, report: Report) -> Inventory | None:
    everything, digest = valid_parts(path, report)
    if everything is None:
        return None
    lint(everything, report)
    if report.errors or everything.cluster is None:
        return None
    return Inventory(
        everything.cluster.value,
        {name: placed.value for name, placed in everything.directors.items()},
        {name: placed.value for name, placed in everything.pools.items()},
        _by_address([placed.value for placed in everything.vips.values()]),
        tuple(placed.value for placed in everything.maintenance),
        {name: placed.value for name, placed in everything.snat_pools.items()},
        digest=digest,
    )


def _by_address(written: list[Vip]) -> dict[IPAddress, Vip]:
    """Return a VIP for each address, with its services' firewall marks.

    The addresses of a group follow each other and have the same services.
    """
    marks = service_marks(written)
    vips: dict[IPAddress, Vip] = {}
    for vip in written:
        services = tuple(
            replace(service, mark=marks.get((vip.address, service.name), service.mark))
            for service in vip.services
        )
        for address in vip.addresses:
            vips[address] = replace(vip, address=address, services=services)
    return vips


def valid_parts(path: Path, report: Report) -> tuple[Everything | None, str]:
    """Return all valid parts of the files (None: no file could be read) and the digest of their bytes."""
    trees, digest, whole = _trees(path, report)
    sections = gather(trees, report)
    sections.whole = sections.whole and whole
    if not trees:
        return None, ""
    _required(sections, trees[0][0] if len(trees) == 1 else Source(files.printable_path(path)), report)
    return _everything(sections, report), digest


def _trees(path: Path, report: Report) -> tuple[list[tuple[Source, Node]], str, bool]:
    """Return each file's tree, the digest of all files, and whether all of them could be read."""
    digest = hashlib.sha256()
    trees: list[tuple[Source, Node]] = []
    room = files.LIMIT
    try:
        names = files.files(path)
    except UnusableFileError as refusal:
        report.unusable(Source(files.printable_path(path)), refusal)
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
    place = Position(source, 1, 1) if source.text else source.as_place
    if sections.cluster is None:
        hint = "it names the cluster and its `vip_prefixes`"
        report.error(place, "section `cluster` is missing", hint)
    if not sections.directors:
        hint = "add `directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}`"
        report.error(place, "there are no directors", hint)


def _everything(sections: Sections, report: Report) -> Everything:
    cluster = validate(sections.cluster, ClusterFile, report) if sections.cluster else None
    return Everything(
        cluster=Placed(cluster[0], build.cluster(cluster[1])) if cluster else None,
        directors=_named(sections.directors, "director", DirectorFile, build.director, report),
        pools=_named(sections.pools, "pool", PoolFile, build.pool, report),
        vips=_vips(sections, report),
        snat_pools=_named(sections.snat_pools, "SNAT pool", SnatPoolFile, build.snat_pool, report),
        maintenance=list(_maintenance(sections, report)),
        director_names=frozenset(sections.directors),
        pool_names=frozenset(sections.pools),
        used=frozenset(_used(sections)),
        whole=sections.whole,
    )


def _named(
    items: dict[str, Item],
    kind: str,
    model: type[_File],
    built: Callable[[str, _File], _Object],
    report: Report,
) -> dict[str, Placed[_Object]]:
    """Return the valid items of a section whose keys are names, as objects of the model."""
    placed = {}
    for name, item in items.items():
        is_good = validate_name(item, f"{kind} name", parse_name, report) is not None
        if (valid := validate(item, model, report)) and is_good:
            placed[name] = Placed(valid[0], built(name, valid[1]))
    return placed


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
                item.place,
                f"duplicate VIP {address}",
                f"first written at {first[address].place}; keep one of them",
            )
        elif found:
            vips[address] = Placed(found[0], build.vip(address, found[1]))
    return vips


def _maintenance(sections: Sections, report: Report) -> Iterator[Placed[Window]]:
    first: dict[str, Item] = {}
    for item in sections.maintenance:
        found = validate(item, WindowFile, report)
        if item.has("name") and first.setdefault(item.name, item) is not item:
            report.error(
                item.at("name"),
                f"duplicate window `{clip(item.name)}`",
                f"first written at {first[item.name].at('name')}; give each its own name",
            )
        elif found:
            yield Placed(found[0], build.window(found[1]))


def _used(sections: Sections) -> Iterator[str]:
    """Yield the names of the pools of all services, of invalid ones too."""
    for item in sections.vips.values():
        services = find(item.node, ("services",))
        for service in services.items if isinstance(services, Sequence) else ():
            pool = find(service, ("pool",))
            if isinstance(pool, Scalar):
                yield str(pool.value)
