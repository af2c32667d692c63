"""``/api/tables/{name}/plot``: a picture of a column, and where its points are."""

from __future__ import annotations

import base64
import math
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kymflow import TableNotFoundError
from kymflow_view.pooled import AVERAGES, KINDS, Measured, Pooled, measure, pool
from kymflow_view.server.parameters import bad_request, get_choice, get_number, get_text
from kymflow_view.server.table_routes import get_query, get_tables, version_of
from kymflow_view.tables import Query, View
from kymflow_view.tables.joined import IMAGES
from kymflow_view.units import VELOCITY_UNIT

if TYPE_CHECKING:
    import pyarrow as pa
    from starlette.requests import Request

    from kymflow_view.figures import PlotFigure

THEMES = ("light", "dark")
# CSS pixels, and pixels of a screen for each of them.
SIZES, RATIOS = (100, 4_000), (0.5, 4)
# Of a larger picture there are fewer pixels for each CSS pixel: matplotlib holds it several times.
MAX_PIXELS = 32_000_000
# What tells of which image and folder a row is.
_OF_IMAGES = ("image_id", "rel_path", "root")
# One after the other: of millions of rows, each takes some hundred megabytes, and a browser that has given up
# a plot for another one does not end it.
_POOLING = threading.Lock()


def _plot(request: Request) -> Response:
    kind: Any = get_choice(request, "kind", "strip", KINDS)
    average: Any = get_choice(request, "average", "none", AVERAGES)
    theme: Any = get_choice(request, "theme", "light", THEMES)
    width = get_number(request, "width", 640, *SIZES)
    height = get_number(request, "height", 420, *SIZES)
    ratio = min(get_number(request, "ratio", 1, *RATIOS), math.sqrt(MAX_PIXELS / (width * height)))
    # The order of rows is not in a plot.
    view = get_tables(request).view(request.path_params["name"], replace(get_query(request), sort=""))
    with _POOLING:
        pooled = pool(_measured(request, view), kind, average=average)
    # Loaded with the first plot: the server is to listen before.
    from kymflow_view.figures import plot_figure

    figure = plot_figure(pooled, width=width, height=height, ratio=ratio, theme=theme)
    picture = base64.b64encode(figure.to_bytes("png")).decode("ascii")
    return JSONResponse(
        {
            **version_of(view),
            "picture": f"data:image/png;base64,{picture}",
            "groups": _groups(pooled),
            "n": pooled.n,
            "outside": pooled.outside,
            "shown": pooled.shown,
            "points": _points(figure),
            "label": pooled.label,
            "description": pooled.description,
        }
    )


def _measured(request: Request, view: View) -> Measured:
    """Return the columns that a request names, of the rows that it asks for."""
    y, x, by = (get_text(request, name) or None for name in ("y", "x", "by"))
    if y is None:
        raise bad_request("y is missing: the column to plot")
    known = view.joined.columns
    # What is not there is missed below, in a sentence that says what is.
    names = [name for name in dict.fromkeys(("image_id", VELOCITY_UNIT, y, x, by)) if name in known]
    return measure(
        view.arrow(names),
        _images(request),
        y=y,
        x=x,
        by=by,
        table=view.joined.table.name,
        columns=list(known),
    )


def _images(request: Request) -> pa.Table | None:
    try:
        images = get_tables(request).view(IMAGES, Query())
    except TableNotFoundError:
        return None
    return images.arrow([name for name in _OF_IMAGES if name in images.joined.columns])


def _groups(pooled: Pooled) -> list[dict[str, Any]]:
    return [
        {
            "name": group.name,
            "n": group.n,
            "median": _number(group.median),
            "mean": _number(group.mean),
            "outside": group.outside,
        }
        for group in pooled.groups
    ]


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


def _points(figure: PlotFigure) -> dict[str, list[Any]]:
    """Return where the points are that belong to an image, and to which; each id is told once."""
    points = figure.pooled.points
    x, y = figure.points_px()
    known = points.images >= 0
    images, places = np.unique(points.images[known], return_inverse=True)
    return {
        "x": np.round(x[known], 1).tolist(),
        "y": np.round(y[known], 1).tolist(),
        "image": places.tolist(),
        "images": [figure.pooled.image_ids[image] for image in images],
    }


routes: list[BaseRoute] = [Route("/api/tables/{name}/plot", _plot)]
