"""``/api/images/{id}``: one image; its pixels, histogram and velocity traces for a range of lines."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kymflow import MetadataNotFoundError, get_pixel_size
from kymflow_view.pictures.overlays import Event, Overlays, Trace, get_overlays
from kymflow_view.pictures.plane import open_plane
from kymflow_view.server.parameters import bad_request, get_integer
from kymflow_view.units import shown_unit

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow import ZarrImageRecord
    from kymflow_view.server.context import Context

MAX_COLUMNS = 4096
# A line or a channel has no higher number; each image says in its turn which it has.
_MAX_LINES = 10**12
_MAX_CHANNELS = 10**6
# JavaScript tells no more integers apart.
_EXACT = 2**53


def _image(request: Request) -> Response:
    context, record = _asked(request)
    plane = open_plane(record)
    overlays = get_overlays(record, plane.lines, plane.pixels)
    source = record.get_source()
    rel_path = source.relative_path if source is not None else ""
    told = {
        "image_id": record.image_id,
        "name": rel_path.rpartition("/")[2] or record.image_id,
        "rel_path": rel_path,
        "folder": rel_path.rpartition("/")[0],
        "lines": plane.lines,
        "pixels": plane.pixels,
        "channels": plane.channels,
        "dtype": str(plane.dtype),
        "seconds_per_line": overlays.seconds_per_line,
        "um_per_pixel": get_pixel_size(record).um_per_pixel,
        "accepted": _accepted(record),
        "placed_by": overlays.placed_by,
        "rois": [dataclasses.asdict(box) for box in overlays.boxes],
        "events": [_event(event, overlays) for event in overlays.events],
        "traces": [{"roi_id": trace.roi_id, "n": len(trace.lines)} for trace in overlays.traces],
        "trace_unit": _unit(overlays.traces),
        "panels": [{"name": name} for name in context.panels.names],
    }
    return JSONResponse(_plain(told))


def _accepted(record: ZarrImageRecord) -> bool | None:
    """Return whether a person accepted the image; None where nobody said so."""
    try:
        accepted = record.load_metadata_payload().get("accepted")
    except MetadataNotFoundError:
        return None
    return accepted if isinstance(accepted, bool) else None


def _event(event: Event, overlays: Overlays) -> dict[str, Any]:
    lines = {"line_start": overlays.line_of(event.t0_s), "line_stop": overlays.line_of(event.t1_s)}
    # On the time axis, which is in lines where the image is not calibrated.
    times = (event.t0_s, event.t1_s) if overlays.seconds_per_line else tuple(lines.values())
    own = {"roi_id": event.roi_id, "event_id": event.event_id, "kind": event.kind, "score": event.score}
    in_s = {"t0_s": event.t0_s, "t1_s": event.t1_s}
    return {**event.more, **own, **lines, **in_s, "t0": times[0], "t1": times[1]}


def _pixels(request: Request) -> Response:
    context, record = _asked(request)
    start, stop = _lines(request)
    columns = get_integer(request, "columns", 1000, 1, MAX_COLUMNS)
    channel = get_integer(request, "channel", 0, 0, _MAX_CHANNELS)
    picture = context.pictures.pixels(record.image_id, start, stop, columns=columns, channel=channel)
    values = picture.values
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    told = {
        "planes": picture.planes,
        "columns": values.shape[1],
        "pixels": values.shape[2],
        "dtype": str(values.dtype),
        "from": picture.start,
        "to": picture.stop,
        "complete": picture.complete,
    }
    headers = {"Kymflow-Picture": json.dumps(told), "Cache-Control": "no-store"}
    return Response(values.tobytes(), media_type="application/octet-stream", headers=headers)


def _histogram(request: Request) -> Response:
    context, record = _asked(request)
    start, stop = _lines(request)
    channel = get_integer(request, "channel", 0, 0, _MAX_CHANNELS)
    found = context.pictures.histogram(record.image_id, start, stop, channel=channel)
    return JSONResponse(_plain(dataclasses.asdict(found)))


def _traces(request: Request) -> Response:
    _, record = _asked(request)
    plane = open_plane(record)
    start, stop = _lines(request)
    stop = min(stop, plane.lines)
    if start >= stop:
        raise bad_request(f"from must be less than {plane.lines}, the lines of the image, got {start}")
    columns = get_integer(request, "columns", 1000, 1, MAX_COLUMNS)
    overlays = get_overlays(record, plane.lines, plane.pixels)
    names = {box.roi_id: box.name for box in overlays.boxes}
    several = {trace.roi_id for trace in overlays.traces if trace.channel != overlays.traces[0].channel}
    told = []
    for trace in overlays.traces:
        found = trace.reduced(start, stop, columns)
        name = names.get(trace.roi_id or 0) or f"ROI {trace.roi_id}"
        told.append(
            {
                "roi_id": trace.roi_id,
                "channel": trace.channel,
                "name": f"{name}, channel {trace.channel}" if trace.roi_id in several else name,
                "t": _numbers(found.x * (overlays.seconds_per_line or 1.0)),
                "low": _numbers(found.low),
                "high": _numbers(found.high),
                "raw": found.raw,
                "n": found.n,
            }
        )
    return JSONResponse({"unit": _unit(overlays.traces), "traces": told})


def _asked(request: Request) -> tuple[Context, ZarrImageRecord]:
    context: Context = request.app.state.context
    return context, context.kd().ds.record(request.path_params["image_id"])


def _lines(request: Request) -> tuple[int, int]:
    start = get_integer(request, "from", 0, 0, _MAX_LINES)
    stop = get_integer(request, "to", _MAX_LINES, 0, _MAX_LINES)
    if start >= stop:
        raise bad_request(f"from must be less than to, got {start} and {stop}")
    return start, stop


def _unit(traces: list[Trace]) -> str | None:
    return shown_unit(traces[0].unit) if traces else None


def _numbers(values: npt.NDArray[np.float64]) -> list[Any]:
    plain: list[Any] = values.tolist()
    return plain if np.isfinite(values).all() else [_plain(value) for value in plain]


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: missing is null; numbers that JavaScript has not are texts."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if value is None or isinstance(value, bool | float | str):
        return value
    return value if isinstance(value, int) and abs(value) <= _EXACT else str(value)


routes: list[BaseRoute] = [
    Route("/api/images/{image_id}", _image),
    Route("/api/images/{image_id}/pixels", _pixels),
    Route("/api/images/{image_id}/histogram", _histogram),
    Route("/api/images/{image_id}/traces", _traces),
]
