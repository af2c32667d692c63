"""The page: how a dataset stands, what its tables show, its most extreme images, and what failed."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING

import kymflow
import kymflow_view
from kymflow import DatasetStatus, KymDataset, KymflowError, TableStatus
from kymflow_view.figures import figure as image_figure
from kymflow_view.figures import plot_figure
from kymflow_view.pooled import Pooled, has_numbers, pool
from kymflow_view.report import markup
from kymflow_view.report.extremes import extreme_images
from kymflow_view.report.measures import IMAGES, Quantity, quantities
from kymflow_view.tables.html import cell, number

if TYPE_CHECKING:
    import pyarrow as pa

# More groups are folded up.
_MAX_OPEN = 8
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SECTIONS = {
    "tables": "Tables",
    "counts": "Counts",
    "plots": "Plots",
    "extremes": "Most extreme images",
    "failed": "What failed",
    "made-by": "What made this",
}


def report_html(kd: KymDataset, tell: Callable[[str], object] | None = None) -> str:
    """Return a dataset as one HTML page that needs no script and no other file.

    Parameters
    ----------
    kd : KymDataset
        The dataset; nothing is written to it.
    tell : callable, optional
        Called with what whoever asked for the page should know at once.
    """
    status = kd.status()
    images, problem = _images(kd)
    found = list(quantities(kd, images))
    measured = [one for one in found if isinstance(one, Quantity)]
    unread = [f"table {one[0]}: {one[1]}" for one in found if not isinstance(one, Quantity)]
    if tell is not None and not any(one.has_values for one in measured):
        tell("no table has a value to draw")
    names = _Names(kd)
    sections = [
        markup.section("tables", _SECTIONS["tables"], _tables(status)),
        markup.section("counts", _SECTIONS["counts"], _counts(status, images)),
        markup.section("plots", _SECTIONS["plots"], *_plots(measured)),
        markup.section("extremes", _SECTIONS["extremes"], *_extremes(kd, measured, names)),
        markup.section("failed", _SECTIONS["failed"], *_failed(status, names, [*problem, *unread])),
        markup.section("made-by", _SECTIONS["made-by"], _made_by(kd, status)),
    ]
    links = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title in _SECTIONS.items())
    title = escape(f"kymflow: {kd.ds.path}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{markup.CSS}</style></head>\n"
        f"<body><h1>{title}</h1>{markup.paragraph(_headline(status), 'faint')}<nav>{links}</nav>\n"
        f"<main>{''.join(sections)}</main></body></html>\n"
    )


class _Names:
    """What people call the images: by their files."""

    def __init__(self, kd: KymDataset) -> None:
        try:
            sources = kd.ds.load_sources_index()
            self._paths = dict(zip(sources["image_id"], sources["source_rel_path"], strict=True))
        except KymflowError:
            # The status tells why.
            self._paths = {}

    def of(self, image_id: str) -> str:
        return self._paths.get(image_id) or image_id


def _images(kd: KymDataset) -> tuple[pa.Table | None, list[str]]:
    if IMAGES not in kd.ds.list_table_names():
        return None, []
    try:
        return kd.load_arrow(IMAGES), []
    except KymflowError as error:
        return None, [f"table {IMAGES}: {error}"]


def _headline(status: DatasetStatus) -> str:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{status.images:,} images, {len(status.tables):,} tables; as of {now}"


def _tables(status: DatasetStatus) -> str:
    counts = ("images fresh", "stale", "failed", "not in it yet", "removed")
    heads = ("table", "state", "rows", *counts, "remarks")
    rows = (
        (
            *(one.table_name, _state(one), one.rows, one.fresh, one.stale),
            *(one.failed, one.missing, one.removed, one.problem),
        )
        for one in status.tables
    )
    return markup.table(heads, rows)


def _state(table: TableStatus) -> str:
    if table.failed:
        return "images failed"
    if table.problem and not (table.fresh or table.stale or table.missing):
        return "see remarks"
    return "up to date" if table.is_fresh else "to be refreshed"


def _counts(status: DatasetStatus, images: pa.Table | None) -> str:
    rows: list[tuple[str, object]] = [("images", status.images)]
    if status.not_analysed is not None:
        rows.append(("not analysed", len(status.not_analysed)))
    if images is not None:
        # Somebody else's table of that name may have texts there.
        fits = [one.name for one in images.schema if one.name in _SUMMED and has_numbers(one.type)]
        frame = images.select(fits).to_pandas()
        if "accepted" in frame:
            accepted = frame["accepted"].dropna().astype(bool)
            rows += [("accepted", int(accepted.sum())), ("not accepted", int((~accepted).sum()))]
        for name, what in (("n_rois", "ROIs"), ("n_events", "velocity events")):
            if name in frame:
                rows.append((what, int(frame[name].sum())))
        if "duration_s" in frame:
            rows.append(("recorded, minutes", round(float(frame["duration_s"].sum()) / 60, 1)))
            rows.append(("images without calibration in time", int(frame["duration_s"].isna().sum())))
    sources = status.sources
    rows += [
        ("sources that failed", len(sources.failed)),
        ("sources that are gone", len(sources.gone)),
        ("edited here and at the source", len(sources.conflicts)),
        ("groups of sources of the same content", len(sources.duplicates)),
        ("excluded sources", len(sources.excluded)),
    ]
    return markup.table(("what", "count"), [row for row in rows if row[1] or row[0] == "images"])


_SUMMED = ("accepted", "n_rois", "n_events", "duration_s")


def _plots(found: list[Quantity]) -> Iterator[str]:
    if not found:
        yield markup.paragraph("No table has a column to be plotted.")
        return
    yield markup.paragraph(
        "Each point is the mean of an image within its group, as rows of one image are no independent "
        "samples. Boxes: median, quartiles, and values within 1.5 interquartile ranges; diamonds: means.",
        "faint",
    )
    for quantity in found:
        yield f"<h3>{cell(f'{quantity.column} of {quantity.table}')}</h3><div class='pair'>"
        for by in quantity.groupings():
            pooled = pool(quantity.grouped(by), "strip", average="image")
            drawn = plot_figure(pooled, width=520, height=340)
            yield f"<div>{markup.figure(drawn, pooled.description, '')}{_numbers(pooled)}</div>"
        yield "</div>"


def _numbers(pooled: Pooled) -> str:
    heads = (pooled.by or "group", "n", "median", "mean", "quartiles", "outside", "missing")
    rows = []
    for one in pooled.groups:
        quartiles = f"{number(one.first_quartile)} to {number(one.third_quartile)}" if one.n else ""
        rows.append((one.name, one.n, one.median, one.mean, quartiles, one.outside, one.missing))
    listed = markup.table(heads, rows)
    if len(rows) <= _MAX_OPEN:
        return listed
    return f"<details><summary>{len(rows)} groups in numbers</summary>{listed}</details>"


def _extremes(kd: KymDataset, found: list[Quantity], names: _Names) -> Iterator[str]:
    chosen = extreme_images(found)
    if not chosen:
        yield markup.paragraph("No table has values to choose by.")
    for one in chosen:
        name, why = names.of(one.image_id), "; ".join(one.why)
        yield f"<h3>{cell(name)}</h3>"
        try:
            drawn = image_figure(kd.ds.record(one.image_id), width=900, picture_height=120)
        except KymflowError as error:
            yield markup.paragraph(f"{why}. It cannot be drawn: {error}", "bad")
            continue
        yield markup.figure(drawn, f"Kymograph of {name} with its traces and events", why)


def _failed(status: DatasetStatus, names: _Names, problems: list[str]) -> Iterator[str]:
    problems = [*problems, *([status.problem] if status.problem else [])]
    for problem in problems:
        yield markup.paragraph(problem, "bad")
    failed = [
        (names.of(image_id), name, "; ".join(plan.stale.get(image_id, [])))
        for name, plan in status.plans.items()
        for image_id in plan.failed
    ]
    lists = (
        ("Images that failed", ("image", "table", "cause"), failed),
        ("Sources that failed", ("source", "cause"), list(status.sources.failed.items())),
        ("Sources that are gone", ("source",), [(path,) for path in status.sources.gone.values()]),
        (
            "Edited here and at the source",
            ("source", "part"),
            [(one.source, one.part) for one in status.sources.conflicts],
        ),
        ("Not analysed", ("image",), [(path,) for path in (status.not_analysed or {}).values()]),
    )
    for title, heads, rows in lists:
        if rows:
            yield f"<h3>{title} ({len(rows):,})</h3>{markup.table(heads, rows)}"
    if not problems and not any(rows for _, _, rows in lists):
        yield markup.paragraph("Nothing.", "good")


def _made_by(kd: KymDataset, status: DatasetStatus) -> str:
    rows = [("this page", f"kymflow-view {kymflow_view.__version__}, kymflow {kymflow.__version__}")]
    rows.append(("Python", platform.python_version()))
    for one in status.tables:
        try:
            rows.append((f"table {one.table_name}", kd.describe_table(one.table_name).made_by))
        except (KymflowError, FileNotFoundError):
            rows.append((f"table {one.table_name}", "not there, or not readable"))
    return markup.table(("what", "made by"), rows)
