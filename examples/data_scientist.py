"""Compare two groups of animals by their table: one value an image, a test by permutation, a file for R.

Run it from anywhere: `python examples/data_scientist.py`. In a temporary folder it simulates two groups of
line scans that differ by chance alone. For your own, copy `main` and open a dataset that `kymflow ingest` has
made.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from kymflow import KymDataset
from kymflow.testing import simulate_folder

N_SHUFFLES = 10_000


def simulate_groups(folder: Path) -> None:
    """Write twelve line scans of each group; which one an image belongs to stands in its metadata."""
    for seed, condition in enumerate(("control", "stroke")):
        for image in simulate_folder(folder / condition, n_images=12, seed=seed):
            sidecar = image.tiff.with_suffix(".json")
            metadata = json.loads(sidecar.read_text("utf-8"))
            metadata["experiment_metadata"]["condition"] = condition
            sidecar.write_text(json.dumps(metadata), "utf-8")


def main(folder: Path) -> None:
    """Compare the groups of a dataset below `folder`."""
    simulate_groups(folder / "kymographs")
    kd = KymDataset(folder / "lab.zarr")
    kd.ingest_folder(folder / "kymographs")

    # A row for each ROI, with what is known of its image: condition, accepted, file, depth, ...
    rows = kd.get_table("radon_report", with_images=True)
    # Ids of images are random numbers: ordered by file, the same shuffles give the same p at every run.
    rows = rows[rows["accepted"] & rows["median_velocity"].notna()].sort_values(["rel_path", "roi_id"])
    (unit,) = rows["velocity_unit"].unique()  # of mm/s and um/s together nothing can be said

    # ROIs of one image are no independent samples: one value an image. Of medians, as one bad sample can be
    # any number.
    by_image = rows.groupby(["condition", "image_id"], as_index=False, sort=False)
    images = by_image["median_velocity"].median()
    print(images.groupby("condition")["median_velocity"].describe()[["count", "mean", "std"]].round(3))

    values = images["median_velocity"].to_numpy(float)
    treated = (images["condition"] == "stroke").to_numpy()
    observed = values[treated].mean() - values[~treated].mean()
    random = np.random.default_rng(0)
    shuffled = np.array([random.permutation(values) for _ in range(N_SHUFFLES)])
    differences = shuffled[:, treated].mean(axis=1) - shuffled[:, ~treated].mean(axis=1)
    p = (1 + (np.abs(differences) >= abs(observed)).sum()) / (1 + N_SHUFFLES)
    print(f"stroke - control: {observed:.3f} {unit}, p = {p:.3f}, n = {len(values)} images")

    # For R and others. They read lab.zarr/tables/radon_report.parquet, too, but that lacks columns of images.
    rows.to_parquet(folder / "velocities.parquet", index=False)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(f"{sys.argv[0]} takes no folder: it works on a simulated lab in a temporary one")
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
