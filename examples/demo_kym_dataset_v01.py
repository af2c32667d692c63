"""Open a dataset, rebuild both built-in tables, look at the results, edit one image, update its rows.

Run it from anywhere: `python examples/demo_kym_dataset_v01.py [FOLDER]`. It writes a simulated lab and
its dataset below FOLDER, which must be empty or absent; by default into a temporary one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer


def main(folder: Path) -> None:
    """Run the demo below `folder`."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty: give a folder for what this writes")
    kymographs = folder / "kymographs"
    simulate_folder(kymographs, n_images=6, seed=1)

    kd = KymDataset(folder / "lab.zarr", mode="a")
    report = kd.ingest_folder(kymographs)
    print(f"{len(report.new)} images taken in, {len(report.failed)} failed")

    # An indexer may be an instance, or the name of an installed one.
    radon = kd.rebuild(RadonReportIndexer())
    events = kd.rebuild(VelocityEventsIndexer())
    print(f"radon_report: {len(radon)} rows, velocity_events: {len(events)} rows\n")

    for row in kd.get_table("radon_report", with_source=True).itertuples():
        print(f"  {row.rel_path}, ROI {row.roi_id}: {row.mean_velocity:.3f} mm/s from {row.n_valid} samples")

    # A person reviews one event; the artifact is the truth, so it is the artifact that is edited.
    image_id = events["image_id"].iloc[0]
    record = kd.ds.record(image_id)
    artifact = record.load_df_parquet("velocity_events")
    artifact.loc[0, "user_type"] = "true_stall"
    record.save_df_parquet("velocity_events", artifact)

    updated = kd.update_image(VelocityEventsIndexer(), image_id)
    last = kd.reports["velocity_events"]
    print(f"\nupdated {last.updated} in {last.seconds:.3f} s; {last.unchanged} images untouched")
    print(updated.loc[updated["image_id"] == image_id, ["event_id", "kind", "t0_s", "user_type"]])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
