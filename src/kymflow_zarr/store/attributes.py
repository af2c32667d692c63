"""What counts of the attributes in a Zarr document for those who want pixels or axes, not the calibration."""

from __future__ import annotations

import hashlib
import json

# Calibration, and what tells other programs of axes and calibration: pixels and axes are the same without.
CALIBRATION_ATTRS = frozenset({"scale", "units", "axis_display", "ome", "multiscales", "_ARRAY_DIMENSIONS"})


def attributes_digest(data: bytes) -> str:
    """Return the SHA-256 of a document without calibration; empty if nothing else is in it.

    Documents that are no JSON objects have the digest of their bytes.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return hashlib.sha256(data).hexdigest()
    if not isinstance(document, dict):
        return hashlib.sha256(data).hexdigest()
    left = _without_calibration(document)
    # Zarr v3 has the attributes of a node in the node's document.
    if isinstance(attrs := left.get("attributes"), dict):
        left["attributes"] = _without_calibration(attrs)
    return hashlib.sha256(json.dumps(left, sort_keys=True).encode()).hexdigest() if left else ""


def _without_calibration(attrs: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in attrs.items() if name not in CALIBRATION_ATTRS}
