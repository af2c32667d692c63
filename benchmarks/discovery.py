"""What finding and registering installed plugins costs, the plugins' own imports left out.

    python benchmarks/discovery.py --plugins 200

Fake distributions with metadata as long as real ones go on ``sys.path``, and their modules are
imported beforehand. Then registries are made and asked, one after the other: every one looks for
metadata, sorts, calls hooks and checks contracts and conflicts anew.

    python benchmarks/discovery.py --slow-import-s 10

Instead, whole commands beside the built-in indexers and one plugin whose import takes so long: without it,
with it where nothing is noted of what plugins offer (as it was before such notes), and with it where it is.
Each command is a process of its own, with a cache folder of its own (Linux).
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kymflow import IndexerRegistry
from kymflow.core.plugins.discovery import installed_plugins
from kymflow.testing import make_lab

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


def time_commands(seconds: float, repeats: int) -> None:
    """Print how long two commands take beside a plugin whose import takes `seconds`."""
    with tempfile.TemporaryDirectory() as folder:
        site, lab, cache = (Path(folder) / name for name in ("site", "lab.zarr", "cache"))
        (module,) = install(site, 1)
        source = (site / f"{module}.py").read_text("utf-8")
        (site / f"{module}.py").write_text(f"import time\ntime.sleep({seconds})\n{source}", "utf-8")
        make_lab(lab, 5)
        (Path(folder) / "file").touch()
        with_plugin = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(cache)}
        cases = {
            "without the plugin": {"XDG_CACHE_HOME": str(Path(folder) / "other-cache")},
            # Where nothing can be noted, all are imported.
            "with it, nothing noted": with_plugin | {"XDG_CACHE_HOME": str(Path(folder) / "file")},
            "with it, noted": with_plugin,
        }
        commands = {
            "rebuild --indexer radon_report": ["rebuild", str(lab), "--indexer", "radon_report"],
            "status": ["status", str(lab)],
        }
        # Once, so that there is a table and what plugins offer is noted.
        for variables in cases.values():
            run(commands["rebuild --indexer radon_report"], variables)
        for words, command in commands.items():
            times: dict[str, list[float]] = {case: [] for case in cases}
            for _ in range(repeats):
                for case, variables in cases.items():
                    times[case].append(run(command, variables))
            for case, taken in times.items():
                spread = f"{min(taken):.2f} to {max(taken):.2f}"
                print(f"{words}, {case}: {statistics.median(taken):.2f} s ({spread})")


def run(command: list[str], variables: dict[str, str]) -> float:
    """Return how long a command takes, s."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from kymflow.cli.main import main; main()", *command],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--plugins", type=int, nargs="+", default=[200])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--slow-import-s", type=float, help="time whole commands beside such a plugin")
    options = parser.parse_args()
    if options.slow_import_s is not None:
        time_commands(options.slow_import_s, options.repeats)
        return
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
