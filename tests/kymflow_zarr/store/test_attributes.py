"""Documents without calibration: what counts, and when two of them are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kymflow_zarr.store.attributes import CALIBRATION_ATTRS, attributes_digest

CALIBRATION = {name: {"any": [1]} for name in CALIBRATION_ATTRS}


def digest(document: Any) -> str:
    return attributes_digest(json.dumps(document).encode())


@pytest.mark.parametrize(
    "wrap", [lambda attrs: attrs, lambda attrs: {"node_type": "group", "attributes": attrs}], ids=["v2", "v3"]
)
def test_calibration_does_not_count_and_everything_else_does(wrap: Any) -> None:
    before = digest(wrap({"axes": ["y", "x"], "own": 1}))
    assert digest(wrap({**CALIBRATION, "own": 1, "axes": ["y", "x"]})) == before
    assert digest(wrap({**CALIBRATION, "own": 2, "axes": ["y", "x"]})) != before
    assert digest(wrap({"axes": ["x", "y"], "own": 1})) != before
    assert digest(wrap({"own": 1})) != before


def test_what_else_a_document_says_counts() -> None:
    document = {"shape": [3, 4], "attributes": CALIBRATION}
    assert digest(document) == digest({"shape": [3, 4], "attributes": {}})
    assert digest(document) != digest({"shape": [3, 5], "attributes": {}})


def test_nothing_but_calibration_is_as_good_as_nothing() -> None:
    assert digest(CALIBRATION) == digest({}) == ""
    assert digest({"attributes": CALIBRATION}) != ""


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"[1]", b"null", b"3"])
def test_other_documents_are_known_by_their_bytes(data: bytes) -> None:
    assert attributes_digest(data) == attributes_digest(data) != ""
    assert attributes_digest(data) != attributes_digest(data + b" ")
