"""A table of one's own: its indexer (longest_gap.py) proved right, tried on a simulated lab, and refreshed.

Run it from anywhere: `python examples/plugin_author.py`. For others to install it, the module goes into a
package, which `kymflow new-indexer` writes: docs/tutorial-plugin.md goes through it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from longest_gap import LongestGapIndexer

from kymflow import KymDataset, get_registry
from kymflow.testing import check_indexer, simulate_folder


def main(folder: Path) -> None:
    """Try the indexer below `folder`."""
    # Raises unless it is pure, the same in other processes, and right after edits and on damaged artifacts.
    check_indexer(LongestGapIndexer())

    get_registry().register(LongestGapIndexer())  # installing the plugin does this
    simulate_folder(folder / "kymographs", n_images=4)
    kd = KymDataset(folder / "lab.zarr")
    kd.ingest_folder(folder / "kymographs")
    print(kd.get_table("longest_gap", with_source=True)[["rel_path", "roi_id", "gap_s"]])
    print(kd.describe_table("longest_gap"))

    # Somebody cuts a hole of 1 s into one trace: a refresh redoes that image, and no other.
    record = kd.ds.record(kd.get_table("longest_gap")["image_id"].iloc[0])
    trace = record.load_df_parquet("radon")
    trace.loc[trace["time"].between(0.5, 1.5), "velocity"] = None
    record.save_df_parquet("radon", trace)
    kd.refresh("longest_gap")
    print(kd.reports["longest_gap"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(f"{sys.argv[0]} takes no folder: it works on a simulated lab in a temporary one")
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
