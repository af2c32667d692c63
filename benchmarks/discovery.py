"""What finding and registering installed plugins costs, the plugins' own imports left out.

    python benchmarks/discovery.py --plugins 200

Fake distributions with metadata as long as real ones go on ``sys.path``, and their modules are
imported beforehand. Then registries are made and asked, one after the other: every one looks for
metadata, sorts, calls hooks and checks contracts and conflicts anew.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kymflow import IndexerRegistry
from kymflow.core.plugins.discovery import installed_plugins

# A module that offers one indexer; nothing of kymflow but the marker is imported.
PLUGIN = """
from kymflow import hookimpl

class Indexer:
    name = table_name = "{name}"

    def required_columns(self):
        return ["roi_id", "velocity_mm_s"]

    def extract_rows(self, rec):
        raise NotImplementedError

@hookimpl
def kymflow_indexers():
    return [Indexer()]
"""
# About as long as a README on PyPI.
DESCRIPTION = "Ten words of a description that nobody reads in here.\n" * 200


def install(site: Path, plugins: int) -> list[str]:
    """Make `site` look as if so many plugins were installed there; return their modules."""
    modules = []
    for number in range(plugins):
        name = f"bench_lab_{number:04}"
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.4\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
            f"Requires-Dist: kymflow>=1.0\n\n{DESCRIPTION}",
            "utf-8",
        )
        (info / "entry_points.txt").write_text(f"[kymflow.indexers]\nlab = {name}\n", "utf-8")
        (site / f"{name}.py").write_text(PLUGIN.format(name=name), "utf-8")
        modules.append(name)
    return modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--plugins", type=int, nargs="+", default=[200])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    for plugins in options.plugins:
        with tempfile.TemporaryDirectory() as folder:
            sys.path.insert(0, folder)
            for module in install(Path(folder), plugins):
                importlib.import_module(module)
            finding, whole = [], []
            for _ in range(options.repeats + 1):
                started = time.perf_counter()
                installed_plugins()
                finding.append(time.perf_counter() - started)
                started = time.perf_counter()
                usable = [info for info in IndexerRegistry().list() if info.status == "ok"]
                whole.append(time.perf_counter() - started)
                assert len(usable) >= plugins, f"only {len(usable)} of {plugins} are usable"
            sys.path.remove(folder)
        for module in [name for name in sys.modules if name.startswith("bench_lab_")]:
            del sys.modules[module]
        for what, times in (("finding", finding[1:]), ("finding, registering, listing", whole[1:])):
            print(
                f"{plugins} plugins: {what}: {1000 * statistics.median(times):.1f} ms "
                f"({1000 * min(times):.1f} to {1000 * max(times):.1f}; the first time "
                f"{1000 * (finding if what == 'finding' else whole)[0]:.1f})"
            )
    alone = "import kymflow.core.plugins.registry, importlib_metadata, time"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", alone], check=True)
    print(f"importing the registry: {1000 * (time.perf_counter() - started - bare):.0f} ms, once per process")


if __name__ == "__main__":
    main()
