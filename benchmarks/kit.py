"""What the conformance kit costs, its default set of checks and the thorough one, side by side.

    python benchmarks/kit.py --repeats 3

Each round checks each indexer with each set in a process of its own: twice there, as the first check in a
process also starts the processes in which an indexer is tried. CPU time is that of the process with all of
its children, both checks together, imports included.
"""

from __future__ import annotations

import argparse
import importlib
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

HEART_RATE = Path(__file__).parents[1] / "examples" / "kymflow-indexer-heart-rate" / "src"
INDEXERS = {
    "heart_rate": "kymflow_indexer_heart_rate:HeartRateIndexer",
    "velocity_events": "kymflow_indexers_builtin:VelocityEventsIndexer",
    "radon_report": "kymflow_indexers_builtin:RadonReportIndexer",
    "images": "kymflow_indexers_builtin:ImagesIndexer",
}
SETS = ("default", "thorough")


def check_twice(name: str, which: str) -> None:
    """Print how long the first and the second check take, s."""
    from kymflow.testing import check_indexer

    sys.path.insert(0, str(HEART_RATE))
    module, _, attribute = INDEXERS[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    times = []
    for _ in range(2):
        started = time.perf_counter()
        check_indexer(kind(), thorough=which == "thorough")
        times.append(time.perf_counter() - started)
    print(*times)


def cpu_of_children() -> float:
    """Return the CPU time of all children that have ended, s."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("INDEXER", "SET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        check_twice(*options.one)
        return
    found: dict[tuple[str, str], list[tuple[float, ...]]] = defaultdict(list)
    for _ in range(options.repeats):
        for name in INDEXERS:
            for which in SETS:
                before = cpu_of_children()
                command = [sys.executable, __file__, "--one", name, which]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                times = map(float, done.stdout.split())
                found[name, which].append((*times, cpu_of_children() - before))
    for (name, which), rounds in found.items():
        first, second, cpu = (statistics.median(values) for values in zip(*rounds, strict=True))
        fastest = [min(values) for values in zip(*rounds, strict=True)]
        print(
            f"{name}, {which}: first {first:.2f} s (least {fastest[0]:.2f}), "
            f"another {second:.2f} s (least {fastest[1]:.2f}), CPU {cpu:.2f} s"
        )


if __name__ == "__main__":
    main()
