from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from kymflow import KymDataset, ZarrDataset
from kymflow_view.server.context import Context

MakeClient = Any


def get(client: TestClient, url: str, status: int = 200) -> Any:
    answer = client.get(url)
    assert answer.status_code == status, answer.text
    return answer.json()


def picture(client: TestClient, url: str) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    told = json.loads(answer.headers["Kymflow-Picture"])
    shape = (len(told["planes"]), told["columns"], told["pixels"])
    return told, np.frombuffer(answer.content, np.dtype(told["dtype"]).newbyteorder("<")).reshape(shape)


@pytest.fixture
def image(lab_to_read: Path) -> str:
    """An analysed image of the simulated lab."""
    kd = KymDataset(lab_to_read, "r")
    return next(str(image_id) for image_id in kd.get_table("velocity_events")["image_id"])


@pytest.fixture
def odd(local: ZarrDataset) -> str:
    """An uncalibrated image with everything that JSON has no word for."""
    record = local.add_image(np.array([[0.5, np.nan], [np.inf, -4.0], [1.0, 2.0]] * 100))
    trace = pd.DataFrame(
        {"roi_id": 1, "channel": 1, "time": np.arange(300) * 0.1, "velocity": np.arange(300.0)}
    )
    trace.loc[5, "velocity"], trace.loc[7, "velocity"] = np.nan, -np.inf
    record.save_df_parquet("radon", trace)
    events = [{"roi_id": 1, "kind": "<b>stall</b>", "t0_s": 2.0, "t1_s": 1.0, "many": [1, None]}]
    record.save_json("velocity_events", [*events, {"roi_id": 1, "kind": "open", "t0_s": 3.0}])
    return record.image_id


def test_an_image_is_told_with_all_that_lies_over_it(client: TestClient, image: str) -> None:
    told = get(client, f"/api/images/{image}")
    assert told["image_id"] == image
    assert told["rel_path"].endswith(told["name"])
    assert told["rel_path"] == "/".join(filter(None, [told["folder"], told["name"]]))
    assert (told["lines"], told["channels"], told["dtype"]) == (200, 1, "uint16")
    assert told["seconds_per_line"] > 0
    assert told["accepted"] is True
    assert told["um_per_pixel"] > 0
    assert told["trace_unit"] == "mm/s"
    assert {"roi_id", "name", "line_start", "line_stop", "pixel_start", "pixel_stop"} == set(told["rois"][0])
    assert told["traces"][0]["n"] > 0
    for event in told["events"]:
        assert event["line_start"] * told["seconds_per_line"] == pytest.approx(event["t0"])
        assert event["kind"]


def test_pixels_come_as_bytes_and_a_header_says_what_they_are(
    client: TestClient, image: str, lab_to_read: Path
) -> None:
    pixels = ZarrDataset(lab_to_read, "r").record(image).load_array()
    told, values = picture(client, f"/api/images/{image}/pixels?from=20&to=120&columns=100")
    assert (told["planes"], told["from"], told["to"], told["complete"]) == (["raw"], 20, 120, True)
    assert told["dtype"] == "uint16"
    np.testing.assert_array_equal(values[0], pixels[20:120])

    told, values = picture(client, f"/api/images/{image}/pixels?columns=7")
    assert (told["planes"], told["columns"]) == (["mean", "min", "max"], 7)
    np.testing.assert_array_equal(values[2].max(axis=0), pixels.max(axis=0))


def test_a_range_may_end_beyond_the_image(client: TestClient, image: str) -> None:
    told, _ = picture(client, f"/api/images/{image}/pixels?from=190&to=999&columns=100")
    assert (told["from"], told["to"]) == (190, 200)


def test_contrast_is_of_raw_pixels(client: TestClient, image: str, lab_to_read: Path) -> None:
    pixels = ZarrDataset(lab_to_read, "r").record(image).load_array()
    told = get(client, f"/api/images/{image}/histogram?from=50&to=150")
    assert (told["low"], told["high"]) == (pixels[50:150].min(), pixels[50:150].max())
    np.testing.assert_allclose([told["p1"], told["p99"]], np.percentile(pixels[50:150], [1, 99]))
    assert len(told["edges"]) == len(told["counts"]) + 1
    assert sum(told["counts"]) == told["n"] == pixels[50:150].size


def test_traces_are_on_the_time_axis(client: TestClient, image: str) -> None:
    told = get(client, f"/api/images/{image}")
    traces = get(client, f"/api/images/{image}/traces?columns=1000")
    assert traces["unit"] == "mm/s"
    assert len(traces["traces"]) == len(told["traces"])
    for trace, whole in zip(traces["traces"], told["traces"], strict=True):
        assert (trace["raw"], trace["n"], trace["roi_id"]) == (True, whole["n"], whole["roi_id"])
        assert len(trace["t"]) == len(trace["low"]) == len(trace["high"]) == trace["n"]
        assert 0 <= trace["t"][0] < trace["t"][-1] < 200 * told["seconds_per_line"]
        assert trace["name"]
    part = get(client, f"/api/images/{image}/traces?from=100&to=200&columns=5")
    assert all(len(trace["t"]) <= 5 for trace in part["traces"])
    assert all(trace["t"][0] >= 100 * told["seconds_per_line"] for trace in part["traces"])


def test_missing_and_infinite_numbers_are_what_json_can_hold(
    local: ZarrDataset, odd: str, make_client: MakeClient
) -> None:
    client = make_client(local.path)
    told = get(client, f"/api/images/{odd}")
    assert (told["name"], told["rel_path"], told["dtype"]) == (odd, "", "float64")
    assert (told["seconds_per_line"], told["um_per_pixel"]) == (None, None)
    assert told["accepted"] is None
    first, second = told["events"]
    assert (first["kind"], first["many"]) == ("<b>stall</b>", [1, None])
    # In lines, as the image is not calibrated: a sample of the trace is a line.
    assert (first["t0"], first["t1"]) == pytest.approx((10, 20))
    assert (first["t0_s"], first["t1_s"]) == (1.0, 2.0)
    assert second["line_stop"] is second["t1"] is None

    (trace,) = get(client, f"/api/images/{odd}/traces?columns=300")["traces"]
    assert trace["low"][5:8] == [None, 6.0, "-inf"]
    found, values = picture(client, f"/api/images/{odd}/pixels?columns=300")
    assert (found["planes"], found["dtype"]) == (["raw"], "float32")
    assert np.isnan(values[0, 0, 1])
    histogram = get(client, f"/api/images/{odd}/histogram")
    assert (histogram["low"], histogram["high"], histogram["not_finite"]) == (-4.0, 2.0, 200)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("pixels?columns=0", "columns must be a whole number from 1 to 4096"),
        ("pixels?columns=4097", "columns must be a whole number from 1 to 4096"),
        ("pixels?from=-1", "from must be a whole number from 0"),
        ("pixels?from=5&to=5", "from must be less than to"),
        ("pixels?from=200", "200 lines"),
        ("pixels?channel=1", "has no channel 1: expected 0 to 0"),
        ("pixels?from=1e3", "from must be a whole number"),
        ("histogram?from=300&to=400", "200 lines"),
        ("histogram?channel=x", "channel must be a whole number"),
        ("traces?from=200", "from must be less than 200"),
        ("traces?columns=99999", "columns must be a whole number from 1 to 4096"),
    ],
)
def test_parameters_out_of_bounds_are_refused(client: TestClient, image: str, part: str, why: str) -> None:
    assert why in get(client, f"/api/images/{image}/{part}", 400)["error"]


@pytest.mark.parametrize("part", ["", "/pixels", "/histogram", "/traces"])
@pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e", "a%00b", "con"])
def test_an_image_that_is_not_there_is_told(client: TestClient, part: str, name: str) -> None:
    answer = client.get(f"/api/images/{name}{part}")
    assert answer.status_code in (400, 404)


def test_a_better_picture_is_told_to_open_pages(
    lab: Path, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *names, **how: tmp_path / "cache")
    context = Context(str(lab))
    told: list[tuple[str, Any]] = []
    context.changes.publish = lambda kind, data, keep=False: told.append((kind, data))  # type: ignore[method-assign]
    (image_id, *_) = context.kd().ds.list_image_ids()
    context.pictures._limits = type(context.pictures._limits)(large_bytes=0)
    make_client(context).get(f"/api/images/{image_id}/pixels?columns=2")
    context.pictures.wait()
    context.close()
    assert ("picture", {"image_id": image_id}) in told
