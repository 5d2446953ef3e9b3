"""A lab whose directors speak with each other and keep flows on their members."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from clusterlb.peers.certificates import make_certificates
from tests.support.lab_view import LabView, eventually

Document = dict[str, Any]


def change(lab: LabView, edit: Callable[[Document], None]) -> None:
    """Change the inventory, and wait until every director that answers has taken it over."""
    before = {name: lab.control.status(name)["inventory"]["digest"] for name in running(lab)}
    document = yaml.safe_load(lab.inventory.read_text())
    edit(document)
    fresh = lab.inventory.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(document, sort_keys=False))
    fresh.rename(lab.inventory)
    eventually(
        lambda: all(lab.control.status(n)["inventory"]["digest"] != was for n, was in before.items()),
        60,
        "the changed inventory on all directors",
    )


def running(lab: LabView) -> list[str]:
    """Return the directors whose controllers run."""
    return list(lab.control.do("processes")["directors"])


def speak(lab: LabView, **cluster: Any) -> None:
    """Have the directors speak with each other, with these settings of the cluster beside."""
    folder = lab.inventory.parent / "peers"
    make_certificates(folder, "lab", list(lab.directors), 1)
    paths = {"certificate": f"{folder}/{{director}}.pem", "key": f"{folder}/{{director}}.key"}

    def edit(document: Document) -> None:
        document["cluster"] |= {"peers": {"authority": f"{folder}/authority.pem", **paths}, **cluster}
        for name, director in document["directors"].items():
            director["peer_address"] = f"10.2.0.{name.removeprefix('d')}"

    change(lab, edit)
    all_speak(lab)


def silent(lab: LabView) -> dict[str, list[Document]]:
    """Return, by director that runs, its peers that run, too, and that it does not speak with."""
    there = running(lab)
    found = {}
    for name in there:
        peers = {each["peer"]: each for each in lab.control.status(name)["peers"]}
        others = (peers.get(other, {"peer": other, "state": "unknown"}) for other in there if other != name)
        found[name] = [each for each in others if each["state"] != "connected" or not each["reads"]]
    return {name: each for name, each in found.items() if each}


def all_speak(lab: LabView) -> None:
    """Wait until every director that runs hears all others, and they it."""
    until = time.monotonic() + 60
    while not_yet := silent(lab):
        assert time.monotonic() < until, f"these do not speak with each other: {not_yet}"
        time.sleep(0.5)


def flows(lab: LabView, name: str) -> tuple[int, int, int]:
    """Return how many flows a director has counted, how many of them are strays, and what is anchored."""
    services = [service for vip in lab.control.status(name)["vips"] for service in vip["services"]]
    return (
        sum(service["flows"] or 0 for service in services),
        sum(service["strays"] or 0 for service in services),
        sum(service["anchored"] for service in services),
    )


def anchored_alike(lab: LabView) -> int:
    """Return how many flows are anchored on every director that runs, 0 where the directors differ."""
    found = {flows(lab, name)[2] for name in running(lab)}
    return found.pop() if len(found) == 1 else 0


@contextmanager
def as_before(lab: LabView) -> Iterator[Path]:
    """Put the inventory back in the end."""
    text = lab.inventory.read_text()
    try:
        yield lab.inventory
    finally:
        lab.inventory.write_text(text)
