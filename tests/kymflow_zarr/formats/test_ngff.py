"""NGFF attributes as plain JSON: what they say, and for which axes there are some."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow_zarr import Calibration
from kymflow_zarr.formats import ngff
from kymflow_zarr.formats.ngff import ImageAxes, can_express, check_calibration, multiscales_of
from kymflow_zarr.store.attributes import CALIBRATION_ATTRS

LINE_SCAN = ImageAxes(["y", "x"], Calibration((0.001, 0.3), ("second", "micrometer")))


def describe(attrs: dict[str, Any], axes: ImageAxes, zarr_format: int) -> dict[str, Any]:
    return ngff.describe(attrs, axes, zarr_format, "cell-1")


def axis(name: str, kind: str, unit: str | None = None) -> dict[str, str]:
    return {"name": name, "type": kind, **({"unit": unit} if unit else {})}


def image(attrs: dict[str, Any], zarr_format: int = 3) -> tuple[list[dict[str, str]], list[float]]:
    """The axes and the scale that attributes tell of their one image of one level."""
    (found,) = multiscales_of(attrs, zarr_format)  # type: ignore[misc]
    (level,) = found["datasets"]
    assert (found["name"], level["path"]) == ("cell-1", "data")
    ((kind, scale),) = [(one["type"], one["scale"]) for one in level["coordinateTransformations"]]
    assert kind == "scale"
    return found["axes"], scale


def test_a_line_scan_has_two_axes_of_space_and_says_that_y_is_time() -> None:
    attrs = describe({"created_utc": "then"}, LINE_SCAN, 3)

    assert list(attrs) == ["created_utc", "axes", "scale", "units", "axis_display", "ome"]
    assert attrs["axis_display"] == {"y": {"type": "time", "unit": "second"}}
    assert attrs["ome"]["version"] == "0.5"
    assert "version" not in attrs["ome"]["multiscales"][0]
    assert image(attrs) == ([axis("y", "space"), axis("x", "space", "micrometer")], [0.001, 0.3])


def test_zarr_v2_has_the_version_before_without_a_namespace() -> None:
    attrs = describe({}, LINE_SCAN, 2)

    assert "ome" not in attrs
    assert attrs["multiscales"][0]["version"] == "0.4"
    assert image(attrs, 2) == image(describe({}, LINE_SCAN, 3))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_where_nothing_is_known_there_is_no_unit_and_the_scale_is_1(zarr_format: int) -> None:
    attrs = describe({}, ImageAxes(["z", "y", "x"], Calibration.unknown(3)), zarr_format)

    assert not {"scale", "units", "axis_display"} & set(attrs)
    assert image(attrs, zarr_format) == ([axis(name, "space") for name in "zyx"], [1.0, 1.0, 1.0])


def test_each_kind_of_axis_has_its_type_and_only_units_of_that_type() -> None:
    names = ["t", "c", "z", "y", "x"]
    units = ("second", "nanometer", "micrometer", None, "millisecond")
    attrs = describe({}, ImageAxes(names, Calibration((2.0, 1.0, 0.5, 1.0, 4.0), units)), 3)

    assert image(attrs) == (
        [
            axis("t", "time", "second"),
            axis("c", "channel"),
            axis("z", "space", "micrometer"),
            axis("y", "space"),
            axis("x", "space"),
        ],
        [2.0, 1.0, 0.5, 1.0, 4.0],
    )
    assert attrs["axis_display"] == {
        "c": {"type": "space", "unit": "nanometer"},
        "x": {"type": "time", "unit": "millisecond"},
    }


def test_ngff_has_a_form_for_some_of_tcz_and_then_yx_alone() -> None:
    expected = {"".join(some) + "yx" for length in range(4) for some in itertools.combinations("tcz", length)}
    orders = ("".join(some) for length in range(1, 6) for some in itertools.permutations("tczyx", length))
    assert {order for order in orders if can_express(list(order))} == expected
    for names in (["Y", "X"], ["y", "x", "roi"], ["roi", "y", "x"], ["time", "y", "x"], []):
        assert not can_express(names)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_other_axes_keep_their_calibration_without_ngff(zarr_format: int) -> None:
    axes = ImageAxes(
        ["z", "y", "x", "c"], Calibration((2.0, 1.0, 1.0, 1.0), ("micrometer", None, None, None))
    )
    before = describe({"mine": 1}, ImageAxes(["z", "y", "x"], Calibration.unknown(3)), zarr_format)

    attrs = describe(before, axes, zarr_format)

    assert attrs == {
        "mine": 1,
        "axes": ["z", "y", "x", "c"],
        "scale": [2.0, 1.0, 1.0, 1.0],
        "units": ["micrometer", None, None, None],
    }


def test_what_others_have_written_beside_it_is_kept() -> None:
    omero = {"channels": [{"color": "FF0000"}]}
    v3 = describe({"ome": {"version": "0.4", "omero": omero, "multiscales": []}, "own": 1}, LINE_SCAN, 3)
    assert (v3["ome"]["omero"], v3["ome"]["version"], v3["own"]) == (omero, "0.5", 1)
    assert describe({"omero": omero, "multiscales": []}, LINE_SCAN, 2)["omero"] == omero
    assert describe({"ome": "nonsense"}, LINE_SCAN, 3)["ome"]["version"] == "0.5"


sizes = st.floats(1e-9, 1e9)
units = st.sampled_from([None, "second", "micrometer", "millimeter", "hour", "angstrom"])
names = st.permutations("tczyx").flatmap(lambda all: st.integers(2, 5).map(lambda n: list(all[:n]))) | (
    st.sampled_from(["yx", "cyx", "tczyx"]).map(list)
)


@st.composite
def described_axes(draw: st.DrawFn) -> ImageAxes:
    found = draw(names)
    ndim = len(found)
    scale = draw(st.none() | st.lists(sizes, min_size=ndim, max_size=ndim))
    known = None if scale is None else draw(st.lists(units, min_size=ndim, max_size=ndim))
    return ImageAxes(found, check_calibration(found, scale, known))


@given(described_axes(), described_axes(), st.sampled_from([2, 3]))
def test_attributes_say_again_what_they_were_made_from(
    axes: ImageAxes, before: ImageAxes, zarr_format: int
) -> None:
    attrs = describe({"own": [1]}, axes, zarr_format)

    assert json.loads(json.dumps(attrs)) == attrs
    assert ngff.axes_of(attrs, axes.names) == axes
    assert describe(attrs, axes, zarr_format) == attrs
    # Nothing is left of what was said before.
    assert describe(describe({"own": [1]}, before, zarr_format), axes, zarr_format) == attrs
    assert set(attrs) - {"own", "axes"} <= CALIBRATION_ATTRS
    assert (multiscales_of(attrs, zarr_format) is None) == (not can_express(axes.names))


@pytest.mark.parametrize(
    ("scale", "given_units", "message"),
    [
        (None, ["second", None], r"units \['second', None\] say nothing without a scale"),
        ([0.1], None, r"scale must have a value for each of the axes \['y', 'x'\], got \[0.1\]"),
        (
            [0.1, 0.2],
            ["second"],
            r"units must have a value for each of the axes \['y', 'x'\], got \['second'\]",
        ),
        ([0.1, 0.0], None, r"positive sizes of a pixel, 1 where unknown; got \[0.1, 0.0\]"),
        ([0.1, -1], None, "positive sizes"),
        ([0.1, float("nan")], None, "positive sizes"),
        ([0.1, float("inf")], None, "positive sizes"),
        ([0.1, None], None, "positive sizes"),
        ([0.1, "wide"], None, "positive sizes"),
        ([0.1, 0.2], ["s", "um"], "'s' is no unit of NGFF; give its whole name, as 'second'"),
        ([0.1, 0.2], [None, "furlong"], "'furlong' is no unit of NGFF"),
        ([0.1, 0.2], [None, 3], "3 is no unit of NGFF"),
    ],
)
def test_what_does_not_fit_is_refused(scale: Any, given_units: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_calibration(["y", "x"], scale, given_units)


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"scale": [1.0]},
        {"scale": "ab", "units": [None, None]},
        {"scale": 3},
        {"scale": [0.1, 0.2], "units": ["s", "um"]},
        {"scale": [0.1, 0.2], "units": 5},
        {"scale": [0.1, 0.2], "units": [["second"], None]},
        {"scale": [{}, 1]},
    ],
)
def test_odd_attributes_tell_nothing(attrs: dict[str, Any]) -> None:
    assert ngff.axes_of(attrs, ["y", "x"]).calibration == ((1.0, 1.0), (None, None))


def test_the_units_are_those_of_ngff() -> None:
    assert len(ngff.UNITS["space"]) == 26
    assert len(ngff.UNITS["time"]) == 23
    assert not ngff.UNITS["space"] & ngff.UNITS["time"]
