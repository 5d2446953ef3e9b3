"""Take a census in a process of its own: a million entries keep a processor busy for many seconds.

``python -m clusterlb.drivers.ipvs.census_aside`` reads a pickled ``Survey`` from its standard input, and
writes the counts, or the text of what went wrong, pickled to its standard output.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time

from clusterlb import fresh
from clusterlb.core.census import Census, Survey, census
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs.entries import read_entries, table_of_this_process

PATIENCE = 600.0  # seconds; docs/measurements.md has what a table of a million entries takes
_NICE = 10  # the controller's own work goes first


class CensusTaker:
    """Takes censuses in the network namespace of the thread that calls."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def take(self, survey: Survey) -> Census:
        """Count the flows, or raise DriverError."""
        process = fresh.start("clusterlb.drivers.ipvs.census_aside")
        self._running.add(process)
        try:
            done = fresh.finish(process, pickle.dumps(survey), PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise DriverError(f"counting IPVS's entries takes longer than {PATIENCE:g} s") from error
        finally:
            self._running.discard(process)
        if done.returncode:
            raise DriverError(
                f"the process that counts IPVS's entries ended with {done.returncode}: see the log"
            )
        answer = pickle.loads(done.stdout)  # noqa: S301 - written by main() a moment ago
        if isinstance(answer, str):
            raise DriverError(answer)
        found: Census = answer
        return found

    def stop(self) -> None:
        """End what is being counted: a controller that stops does not wait for a million entries."""
        for process in tuple(self._running):
            process.kill()


def main() -> None:
    """Take the census that the controller asks for."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(_NICE)
    survey = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by take()
    path = table_of_this_process()
    answer: Census | str
    try:
        answer = census(survey, read_entries(path))._replace(seconds=time.process_time())
    except OSError as error:
        answer = f"{path}: cannot read IPVS's entries: {error.strerror or error}"
    except ValueError as error:
        answer = f"{path}: this kernel writes its entries in an unknown form ({error})"
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as sink:
        pickle.dump(answer, sink, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main()
