"""``clusterlb up`` in the namespace that it is started in; IPVS alone is a fake, in a file.

Run it as ``python -m tests.support.snat_controller ROOT DIRECTOR PATHSPACE``. ROOT holds ``inventory.yaml``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

from clusterlb import service
from tests.support.rig_controller import KeptIpvs


def options(root: Path, director: str, pathspace: str) -> service.Options:
    """Return what the command line would say; each director has folders of its own."""
    return service.Options(
        inventory=root / "inventory.yaml",
        director=director,
        run_dir=root / director,
        state_dir=root / director / "state",
        pathspace=pathspace,
        metrics=None,
    )


if __name__ == "__main__":
    chosen = options(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    with patch.object(service, "KernelIpvs", lambda: KeptIpvs(chosen.run_dir / "ipvs")):
        service.run(chosen)
