"""How long a kernel of our own takes to build, from the source package to the program."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from clusterlb.lab.kernel import build, cache, source
from tests.bench.figures import Figure, main


def measure() -> Iterator[Figure]:
    """Build once, beside the cache: the download is not in the figure."""
    cache.kernels().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache.kernels().parent, prefix="bench-") as folder:
        found = source.find(None, Path(folder))
        archive = found.fetch()
        started = time.monotonic()
        build.compiled(found, archive, Path(folder))
        yield Figure("uml_build_s", time.monotonic() - started, "s", 300)


if __name__ == "__main__":
    main(measure)
