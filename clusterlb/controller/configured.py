"""A director as it is after a restart: FRR's file has our lines, and the ledger says that they are ours."""

from __future__ import annotations

from collections.abc import Sequence

from clusterlb.controller.ledger import Ledger
from clusterlb.drivers.frr.merge import merge_text
from clusterlb.drivers.frr.text import parse
from clusterlb.model.state import FrrLine


def configured(text: str, ours: Sequence[FrrLine], ledger: Ledger) -> str:
    """Return an frr.conf with our lines among the others, and record in the ledger what ``down`` takes back.

    Raises LedgerError when the ledger cannot be written.
    """
    ledger.own_lines(parse(text), ours)
    ledger.save()
    return merge_text(text, ours, ())
