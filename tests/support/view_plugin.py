"""A lab's plugin as the viewer meets it: a table with units, and panels, one of which fails.

Processes load it by an entry point: :func:`install` lays one into a folder that is put on ``PYTHONPATH``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kymflow_view
from kymflow import Column, RecordIndexer, hookimpl
from kymflow_view import Axis, Boxes, Lines, Panel, Picture, Points

if TYPE_CHECKING:
    from kymflow import ZarrImageRecord

# Where it names a FIFO, each image's rows wait until somebody opens that FIFO for writing.
GATE = "KYMFLOW_TEST_GATE"
_INFO = "Metadata-Version: 2.1\nName: lab-vessels\nVersion: 1.0\n"
_ENTRY_POINTS = f"[kymflow.indexers]\nlab = {__name__}\n\n[kymflow.view]\nlab = {__name__}\n"


def install(site: Path) -> None:
    """Lay out an installed distribution in a folder, whose entry points name this module."""
    info = site / "lab_vessels-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(_INFO, "utf-8")
    (info / "entry_points.txt").write_text(_ENTRY_POINTS, "utf-8")


class VesselsIndexer(RecordIndexer):
    """Vessels, as a lab counts them."""

    name = "vessels"
    columns = (
        Column("diameter_um", "float", "um", "Width of the vessel <b>at rest</b>"),
        Column("side", "str", description="Left or right of the midline"),
    )
    reads = ("metadata.json",)

    def rows(self, rec: ZarrImageRecord) -> Iterator[dict[str, Any]]:
        wait_at_the_gate()
        metadata = rec.load_metadata_payload() if rec.has_artifact("metadata") else {}
        side = "left" if metadata.get("accepted") else "right"
        yield {"diameter_um": rec.get_axis_lengths()["x"] / 10, "side": side}


def wait_at_the_gate() -> None:
    gate = os.environ.get(GATE)
    if gate:
        # It is gone when the gate stands open.
        with suppress(FileNotFoundError), open(gate, "rb") as fifo:
            fifo.read()


@hookimpl
def kymflow_indexers() -> list[RecordIndexer]:
    return [VesselsIndexer()]


class Brightness:
    """Everything that a panel can hold."""

    name = "brightness"

    def draw(self, record: ZarrImageRecord) -> Panel:
        pixels = record.load_array()
        mean = pixels.mean(axis=1)
        brightest = int(mean.argmax())
        return Panel(
            "Brightness <of lines>",
            Axis("time", "lines"),
            Axis("grey value"),
            [
                Picture(pixels[:100], 0, 100, 0, float(mean.max())),
                Boxes("first half", [0], [len(mean) / 2], [float("-inf")], [float("inf")]),
                Lines("mean", range(len(mean)), mean),
                Points("brightest", [brightest], [mean[brightest]]),
            ],
        )


class Failing:
    """A panel that fails."""

    name = "failing"

    def draw(self, record: ZarrImageRecord) -> Panel:
        raise ValueError("no <b>luck</b> today")


@kymflow_view.hookimpl
def kymflow_view_panels() -> list[Brightness | Failing]:
    return [Brightness(), Failing()]
