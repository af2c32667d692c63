"""The images indexer: a row for every image, analysed or not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kymflow import (
    ArtifactNotFoundError,
    Column,
    MetadataNotFoundError,
    PixelSize,
    RecordIndexer,
    get_pixel_size,
)
from kymflow_indexers_builtin.acquired import acquisition_time
from kymflow_indexers_builtin.radon_report import RadonReportIndexer
from kymflow_indexers_builtin.velocity_events import VelocityEventsIndexer

if TYPE_CHECKING:
    from kymflow import SourceFile, ZarrImageRecord

_BEYOND_INT64 = 2**63
_OF_EXPERIMENT = "From the experiment metadata"
# What the programs' experiment metadata have, and as what.
_NUMBERS = ("branch_order", "depth")
_TEXTS = (
    "condition",
    "condition2",
    "treatment",
    "treatment2",
    "genotype",
    "age",
    "sex",
    "species",
    "region",
    "cell_type",
    "direction",
    "date",
    "note",
)


class ImagesIndexer(RecordIndexer):
    """Where every image came from, its size and calibration, what was analysed, and the experiment.

    Sizes and calibration are those of the metadata's header where it has them, and else of the pixels.
    Whatever else a lab keeps in its experiment metadata gets a column of its own: nested names are joined by
    dots, lists are JSON text, and a name that another column has begins with ``experiment.``. An empty text
    is missing. Depth and branch order are numbers; one that is none stands in ``depth_as_written``.
    """

    name = "images"
    columns = (
        Column("rel_path", "str", description="Source file, below the folder that was ingested"),
        Column("file_name", "str", description="Name of the source file"),
        Column("folder", "str", description="Name of the folder that the source file is in"),
        Column("grandparent", "str", description="Name of the folder around that one"),
        Column("root", "str", description="The folder that was ingested"),
        Column("lines", "int", description="Lines of the scan (time)"),
        Column("pixels", "int", description="Pixels of a line (space)"),
        Column("seconds_per_line", "float", "s", "Time from line to line"),
        Column("um_per_pixel", "float", "um", "Distance from pixel to pixel"),
        Column("duration_s", "float", "s", "Of all lines"),
        Column("length_um", "float", "um", "Of a line"),
        Column("n_channels", "int", description="Channels"),
        Column("n_rois", "int", description="ROIs that a person drew; missing where no file lists them"),
        Column("n_events", "int", description="Velocity events; missing where nobody looked for them"),
        Column("analysed", "bool", description="Whether there is a velocity trace, events or a report"),
        Column("accepted", "bool", description="Whether a person accepted the image"),
        Column("duplicate_of", "str", description="rel_path of the first file of the same content"),
        Column("acquired", "datetime", description="When it was acquired, by the microscope's clock"),
        *(Column(name, "str", description=_OF_EXPERIMENT) for name in _TEXTS[:9]),
        *(Column(name, "float", description=_OF_EXPERIMENT) for name in _NUMBERS),
        *(Column(name, "str", description=_OF_EXPERIMENT) for name in _TEXTS[9:]),
    )
    reads = ("metadata.json", "velocity_events.parquet")

    def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
        """Yield the one row."""
        try:
            metadata = rec.load_metadata_payload()
        except MetadataNotFoundError:
            metadata = {}
        rois, accepted = metadata.get("rois"), metadata.get("accepted")
        row = {
            **_source(rec.get_source()),
            **_size(rec, metadata),
            "n_rois": len(rois) if isinstance(rois, list) else None,
            "n_events": _n_events(rec),
            "analysed": _is_analysed(rec),
            "accepted": accepted if isinstance(accepted, bool) else None,
            "acquired": acquisition_time(metadata),
        }
        experiment = _experiment(metadata)
        yield {
            **{f"experiment.{name}" if name in _OWN else name: experiment[name] for name in experiment},
            **row,
        }


# Columns that an experiment's own names must not hide.
_OWN = {"image_id", *(column.name for column in ImagesIndexer.columns)} - {*_TEXTS, *_NUMBERS}


def _source(source: SourceFile | None) -> dict[str, Any]:
    if source is None:
        return {}
    folders = [part for part in re.split(r"[\\/]", source.root) if part]
    folders += source.relative_path.split("/")[:-1]
    return {
        "rel_path": source.relative_path,
        "file_name": source.file_name,
        "folder": folders[-1] if folders else None,
        "grandparent": folders[-2] if len(folders) > 1 else None,
        "root": source.root,
        "duplicate_of": source.duplicate_of,
    }


def _size(rec: ZarrImageRecord, metadata: Mapping[str, Any]) -> dict[str, Any]:
    header = metadata.get("header")
    found = _in_header(header) if isinstance(header, dict) else None
    lines, pixels, n_channels, seconds, micrometers = found or _in_pixels(rec)
    return {
        "lines": lines,
        "pixels": pixels,
        "seconds_per_line": seconds,
        "um_per_pixel": micrometers,
        "duration_s": None if lines is None or seconds is None else lines * seconds,
        "length_um": None if pixels is None or micrometers is None else pixels * micrometers,
        "n_channels": n_channels,
    }


# Lines, pixels, channels, s/line, um/pixel.
_Size = tuple[int | None, int | None, int | None, float | None, float | None]


def _in_header(header: Mapping[str, Any]) -> _Size | None:
    shape = header.get("shape")
    if not isinstance(shape, list) or len(shape) not in (2, 3) or not all(map(_is_length, shape)):
        return None
    n_channels = shape[0] if len(shape) == 3 else 1
    return (shape[-2], shape[-1], n_channels, *PixelSize.of_header(header))


def _in_pixels(rec: ZarrImageRecord) -> _Size:
    try:
        lengths, size = rec.get_axis_lengths(), get_pixel_size(rec)
    except ArtifactNotFoundError:
        return (None, None, None, None, None)
    return (lengths.get("y"), lengths.get("x"), lengths.get("c", 1), *size)


def _is_length(value: object) -> bool:
    return type(value) is int and 0 < value < _BEYOND_INT64


def _n_events(rec: ZarrImageRecord) -> int | None:
    try:
        return rec.count_rows("velocity_events")
    except ArtifactNotFoundError:
        pass
    # As JSON, or in the form of old datasets.
    if rec.has_artifact("velocity_events"):
        return len(VelocityEventsIndexer().extract_rows(rec))
    return None


def _is_analysed(rec: ZarrImageRecord) -> bool:
    if rec.has_artifact("radon") or rec.has_artifact("velocity_events"):
        return True
    # An image that nobody analysed may have a report, of nothing but ROIs.
    means = RadonReportIndexer().read_rows(rec).column("mean_velocity").to_pylist()
    return any(mean is not None and mean == mean for mean in means)


def _experiment(metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = metadata.get("experiment_metadata")
    row: dict[str, Any] = {}
    for name, value in _flat(found, "") if isinstance(found, dict) else ():
        if value is None or value == "":
            continue
        if name in _NUMBERS:
            number = _as_number(value)
            column = name if number is not None else f"{name}_as_written"
            value = _as_text(value) if number is None else number
        else:
            column = name
            is_large = type(value) is int and not -_BEYOND_INT64 <= value < _BEYOND_INT64
            value = _as_text(value) if name in _TEXTS or is_large else value
        while column in _OWN or column in row:
            column = f"experiment.{column}"
        row[column] = value
    return row


def _flat(values: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", json.dumps(value) if isinstance(value, list) else value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_number(value: Any) -> float | None:
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None
