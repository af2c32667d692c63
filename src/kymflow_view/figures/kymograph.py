"""The kymograph of a figure, with the boxes of its ROIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patheffects import withStroke

from kymflow_view.figures.content import Content
from kymflow_view.figures.style import colour, counted, drawable
from kymflow_view.pictures.levels import Grid
from kymflow_view.pictures.plane import PictureError, Plane, ReplacedError
from kymflow_view.pictures.reduce import column_edges, reduce_lines

if TYPE_CHECKING:
    import numpy.typing as npt

    from kymflow import Roi

# What is read and reduced at once, in bytes.
_AT_ONCE = 32 << 20


def draw_kymograph(axes: Any, plane: Plane, content: Content) -> list[str]:
    """Draw an image, lines reduced to columns; return what there is to say of it."""
    n_lines, n_pixels = content.shape
    # A column of two pixels is drawn wherever it falls between those of the screen.
    edges = column_edges(0, n_lines, int(axes.bbox.width / 2))
    columns = _fitting(_brightest(plane, edges), int(axes.bbox.height))
    finite = columns[np.isfinite(columns)] if columns.size else np.zeros(1)
    black, white = np.percentile(finite, (1, 99.5)) if len(finite) else (0, 1)
    length = n_pixels * content.scale.per_pixel
    if columns.size:
        axes.imshow(
            columns.T,
            cmap="gray",
            vmin=black,
            vmax=white if white > black else black + 1,
            aspect="auto",
            origin="lower",
            interpolation="none",
            extent=(0, content.duration, 0, length),
        )
    axes.set(xlim=(0, content.duration or 1), ylim=(0, length or 1), ylabel=content.scale.space_label)
    corners = [(roi.line_start, roi.pixel_stop) for roi in content.rois]
    for number, roi in enumerate(content.rois):
        _draw_roi(axes, roi, content, colour(number), corners[:number].count(corners[number]))
    told = [f"{counted(n_lines, 'line')} × {counted(n_pixels, 'pixel')}"]
    told += [counted(len(content.rois), "ROI")] if content.rois else []
    per_column = int(np.diff(edges).max(initial=1))
    told += [f"each column: the brightest of {per_column} lines"] if per_column > 1 else []
    return told


def _brightest(plane: Plane, edges: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return the greatest value of each pixel in each column; read piece by piece."""
    grid = Grid.of(plane)
    per_line = max(plane.pixels * plane.dtype.itemsize, 1)
    pieces: list[npt.NDArray[Any]] = []
    first, last = 0, len(edges) - 1
    while first < last and plane.lines:
        # Whole columns, as many as are read at once.
        end = int(np.searchsorted(edges, edges[first] + _AT_ONCE // per_line, "right")) - 1
        end = min(max(end, first + 1), last)
        try:
            lines = grid.shown(plane.read(int(edges[first]), int(edges[end])))
        except ReplacedError as error:
            raise PictureError(
                f"no figure of image {plane.image_id!r}: its pixels were replaced while it was drawn. Draw "
                "it again.",
                image_id=plane.image_id,
            ) from error
        pieces.append(reduce_lines(lines, edges[first : end + 1] - edges[first]).high)
        first = end
    return np.concatenate(pieces) if pieces else np.empty((0, plane.pixels), grid.dtype)


def _fitting(columns: npt.NDArray[Any], most: int) -> npt.NDArray[Any]:
    """Take the brightest of pixels for which there is no room."""
    if not columns.size:
        return columns
    return reduce_lines(columns.T, column_edges(0, columns.shape[1], most)).high.T


def _draw_roi(axes: Any, roi: Roi, content: Content, its: str, before: int) -> None:
    """Draw the box of a ROI, kept inside the image, with its name beside those in the same corner."""
    x = np.clip([roi.line_start, roi.line_stop], 0, content.shape[0]) * content.scale.per_line
    y = np.clip([roi.pixel_start, roi.pixel_stop], 0, content.shape[1]) * content.scale.per_pixel
    halo = [withStroke(linewidth=3, foreground="white", alpha=0.7)]
    axes.plot(x[[0, 1, 1, 0, 0]], y[[0, 0, 1, 1, 0]], color=its, linewidth=1.4, path_effects=halo)
    axes.annotate(
        drawable(f"ROI {roi.roi_id} {roi.name}", 24),
        (x[0], y[1]),
        (3 + 40 * before, -3),
        textcoords="offset points",
        va="top",
        color=its,
        fontsize=8,
        fontweight="bold",
        path_effects=halo,
        annotation_clip=False,
    )
