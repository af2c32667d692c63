from __future__ import annotations

import json

import pytest
import zarr

from kymflow_zarr import DatasetError
from kymflow_zarr.formats.groups import Group, read_group, write_group
from kymflow_zarr.store.locations import open_store


@pytest.fixture(params=["local", "memory", "s3"])
def store(request, tmp_path, new_url):
    return open_store(tmp_path / "g" if request.param == "local" else new_url(request.param))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("prefix", ["", "images/a b"])
def test_group_comes_back(store, prefix, zarr_format) -> None:
    assert read_group(store, prefix) is None
    write_group(store, prefix, {"axes": ["y", "x"], "note": "größe"}, zarr_format)
    assert read_group(store, prefix) == Group(zarr_format, {"axes": ["y", "x"], "note": "größe"})


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_reads_our_groups_and_we_read_its(tmp_path, zarr_format) -> None:
    write_group(open_store(tmp_path / "ours"), "", {"a": 1}, zarr_format)
    group = zarr.open_group(tmp_path / "ours", mode="r", use_consolidated=False)
    assert (group.metadata.zarr_format, dict(group.attrs)) == (zarr_format, {"a": 1})
    zarr.open_group(tmp_path / "theirs", mode="w", zarr_format=zarr_format, attributes={"b": 2})
    assert read_group(open_store(tmp_path / "theirs")) == Group(zarr_format, {"b": 2})


def test_v2_group_without_attributes(store) -> None:
    store.put(".zgroup", b'{"zarr_format": 2}')
    assert read_group(store) == Group(2, {})


def test_v2_attributes_alone_are_no_group(store) -> None:
    store.put(".zattrs", b"{}")
    assert read_group(store) is None


def test_array_is_no_group(store) -> None:
    store.put("zarr.json", json.dumps({"zarr_format": 3, "node_type": "array", "attributes": {}}).encode())
    assert read_group(store) is None


@pytest.mark.parametrize(
    ("key", "data", "words"),
    [
        ("zarr.json", b"", "'images/a/zarr.json' in .* is not the JSON document it should be"),
        ("zarr.json", b"\xff", "is not the JSON document it should be"),
        ("zarr.json", b"[" * 100_000, "is not the JSON document it should be"),
        ("zarr.json", b"3", "must be a JSON object, got int"),
        (".zattrs", b"{", "'images/a/.zattrs' in .* is not the JSON document it should be"),
        (".zattrs", b"[]", "must be a JSON object, got list"),
    ],
)
def test_damaged_document_is_named(store, key, data, words) -> None:
    store.put("images/a/.zgroup", b'{"zarr_format": 2}')
    store.put(f"images/a/{key}", data)
    with pytest.raises(DatasetError, match=words) as caught:
        read_group(store, "images/a")
    assert caught.value.dataset == store.url
    assert store.read(f"images/a/{key}")[0] == data


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_attributes_that_json_cannot_hold_are_a_value_error(store, zarr_format) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_group(store, "", {"x": object()}, zarr_format)
    assert list(store.list()) == []
