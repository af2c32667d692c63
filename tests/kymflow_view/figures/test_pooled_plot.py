"""Figures of pooled values: what is in them, and where their points are."""

from __future__ import annotations

import io
import threading

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from kymflow_view.figures import THEMES, Theme, plot_figure
from kymflow_view.pooled import KINDS, Kind, Pooled, measure, pool

NAMES = ["_hidden", "$\\frac{1}{0}$", "a name that is longer than there is any room for it", "日本", "<b>"]


def pooled(kind: Kind = "strip", n: int = 500, names: list[str] = NAMES) -> Pooled:
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "image_id": [f"i{k % 50}" for k in range(n)],
            "$y_1$": random.normal(size=n),
            "x": random.normal(size=n),
            "by $": [names[k % len(names)] for k in range(n)],
        }
    )
    rows.loc[0, "$y_1$"] = -310_061.0
    rows.loc[1, "$y_1$"] = np.nan
    return pool(measure(rows, y="$y_1$", x="x", by="by $"), kind)


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_with_its_names_as_text(kind: Kind, theme: Theme) -> None:
    figure = plot_figure(pooled(kind), theme=theme)
    picture = imread(io.BytesIO(figure.to_bytes()))
    assert picture.shape == (420, 640, 4)
    background = tuple(int(THEMES[theme].paper[place : place + 2], 16) / 255 for place in (1, 3, 5))
    assert picture[0, 0, :3] == pytest.approx(background, abs=1e-6)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50
    texts = " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", "")
    assert "_hidden" in texts
    assert "$\\frac{1}{0}$" in texts
    assert "1 of 499 outside the axis; 1 missing" in texts
    assert not any(text.get_parse_math() or text.get_usetex() for text in figure.findobj(Text))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 640])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_title_is_neither_cut_off_nor_under_the_legend(kind: Kind, width: int) -> None:
    rows = pd.DataFrame(
        {
            "mean_velocity": [1.0, 2.0, 4.0],
            "baseline_before": [1.0, 2.0, 3.0],
            "condition": ["control", "stroke", "control"],
        }
    )
    measured = measure(rows, y="mean_velocity", x="baseline_before", by="condition")
    figure = plot_figure(pool(measured, kind), width=width)
    (title,) = [
        text
        for text in figure.findobj(Text)
        if text.get_text().startswith("mean_velocity") and text.get_size() == 10
    ]
    box = title.get_window_extent()

    ends = [legend.get_window_extent().x0 for legend in figure.legends]
    assert box.x1 <= min([figure.bbox.width, *ends])


def test_bars_of_whole_numbers_are_not_cut_off() -> None:
    counts = pd.DataFrame({"n": [1, 2, 2, 3, 3, 3, 4, 4, 5]})
    low, high = plot_figure(pool(measure(counts, y="n"), "histogram")).axes_of_points.get_xlim()
    assert (low, high) == (0.5, 5.5)


@pytest.mark.parametrize("count", [1, 2, 12, 24])
def test_any_number_of_groups_has_room_for_its_values(count: int) -> None:
    figure = plot_figure(pooled(names=[f"a group of number {number}" for number in range(count)]))
    box = figure.axes_of_points.get_window_extent()
    assert box.height > 0.45 * figure.bbox.height
    assert box.width > 0.8 * figure.bbox.width


@pytest.mark.parametrize("kind", ["strip", "scatter"])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_points_are_where_they_are_told_to_be(kind: Kind, ratio: float) -> None:
    rows = pd.DataFrame({"image_id": ["a", "b", "c"], "y": [0.0, 1.0, 5.0], "x": [0.0, 2.0, 1.0]})
    figure = plot_figure(pool(measure(rows, y="y", x="x"), kind), ratio=ratio)
    x, y = figure.points_px()
    picture = imread(io.BytesIO(figure.to_bytes()))
    assert picture.shape[:2] == (420 * ratio, 640 * ratio)
    for across, down in zip(x, y, strict=True):
        # The box may lie over its middle.
        row, column = int(down * ratio), int(across * ratio)
        around = picture[row - 2 : row + 3, column - 2 : column + 3]
        assert (around[..., 2] > around[..., 0] + 0.2).any()
    # The largest value is the highest point.
    assert figure.pooled.points.y[int(np.argmin(y))] == 5.0


def test_kinds_without_points_and_plots_without_values_have_none() -> None:
    assert len(plot_figure(pooled("histogram")).points_px()[0]) == 0
    empty = plot_figure(pool(measure(pd.DataFrame({"y": np.array([np.nan])}), y="y")))
    assert len(empty.points_px()[0]) == 0
    assert len(empty.to_bytes()) > 1000


@pytest.mark.parametrize(("kind", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_files_say_nothing_of_when_they_were_made(kind: str, begin: bytes) -> None:
    content = plot_figure(pooled()).to_bytes(kind)  # type: ignore[arg-type]
    assert content.startswith(begin)
    assert b"dc:date" not in content
    assert b"CreationDate" not in content


def test_a_notebook_shows_it() -> None:
    assert plot_figure(pooled())._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_threads_draw_side_by_side() -> None:
    expected = plot_figure(pooled("violin")).to_bytes()
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: drawn.append(plot_figure(pooled("violin")).to_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 4


def test_an_unknown_theme_is_an_error() -> None:
    with pytest.raises(ValueError, match="theme must be 'light' or 'dark', got 'pink'"):
        plot_figure(pooled(), theme="pink")  # type: ignore[arg-type]
