"""Chunks of arrays that unpack to more than they hold are refused before they are unpacked."""

from __future__ import annotations

import gzip
import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pyarrow as pa
import pytest

from kymflow_zarr import ArtifactError, ZarrDataset, ZarrImageRecord
from kymflow_zarr.formats import chunk_sizes

Pack = Callable[[bytes], bytes]


def _zstd_without_size(data: bytes) -> bytes:
    """Compress as a stream, whose head does not tell how long it is."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


_BLOSC = {"typesize": 1, "cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0}
# By Zarr format: what the document says of the codec, and what makes a chunk.
CODECS: dict[str, tuple[int, dict[str, Any], Pack]] = {
    "zstd": (3, {"name": "zstd", "configuration": {"level": 0}}, numcodecs.Zstd().encode),
    "zstd of a stream": (3, {"name": "zstd", "configuration": {"level": 0}}, _zstd_without_size),
    "gzip": (3, {"name": "gzip", "configuration": {"level": 1}}, gzip.compress),
    "gzip in parts": (
        3,
        {"name": "gzip", "configuration": {"level": 1}},
        lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    ),
    "blosc": (3, {"name": "blosc", "configuration": _BLOSC}, numcodecs.Blosc().encode),
    "zstd, v2": (2, {"id": "zstd", "level": 0}, numcodecs.Zstd().encode),
    "zlib, v2": (2, {"id": "zlib", "level": 1}, zlib.compress),
    "lz4, v2": (2, {"id": "lz4", "acceleration": 1}, numcodecs.LZ4().encode),
    "blosc, v2": (2, numcodecs.Blosc().get_config(), numcodecs.Blosc().encode),
}


def _record(folder: Path, kind: str, packed: Callable[[Pack, bytes], bytes]) -> ZarrImageRecord:
    """Return a record whose one chunk of 200 bytes is written by hand, in some codec."""
    zarr_format, codec, pack = CODECS[kind]
    dataset = ZarrDataset(folder, zarr_format=zarr_format)
    record = dataset.add_image(np.arange(100, dtype="<u2").reshape(10, 10))
    data = folder / "images" / record.image_id / "data"
    document = data / ("zarr.json" if zarr_format == 3 else ".zarray")
    content = json.loads(document.read_text())
    if zarr_format == 3:
        content["codecs"][-1] = codec
    else:
        content["compressor"] = codec
    document.write_text(json.dumps(content))
    chunk = data / ("c/0/0" if zarr_format == 3 else "0.0")
    chunk.write_bytes(packed(pack, np.arange(100, dtype="<u2").tobytes()))
    return record


@pytest.mark.parametrize("kind", CODECS)
def test_a_chunk_that_unpacks_to_more_than_it_holds_is_refused(
    kind: str, tmp_path: Path, monkeypatch
) -> None:
    record = _record(tmp_path / "lab.zarr", kind, lambda pack, data: pack(data + bytes(10_000_000)))
    array = record.open_array()

    with pytest.raises(ValueError, match="a chunk of it unpacks to more than 67136 bytes"):
        array[:1]
    with pytest.raises(ArtifactError, match="a chunk of it unpacks to more than 67136 bytes"):
        record.load_array()


@pytest.mark.parametrize("kind", CODECS)
def test_a_chunk_that_holds_what_it_should_is_read(kind: str, tmp_path: Path) -> None:
    record = _record(tmp_path / "lab.zarr", kind, lambda pack, data: pack(data))

    assert record.load_array().tolist() == np.arange(100).reshape(10, 10).tolist()
    # Other processes may be given it.
    assert pickle.loads(pickle.dumps(record.open_array()))[0].tolist() == list(range(10))


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("length", [0, 1, 4, 7, 18])
def test_a_chunk_that_breaks_off_is_damage(kind: str, length: int, tmp_path: Path) -> None:
    _, codec, pack = CODECS[kind]
    check = chunk_sizes.ChunkCheck(codec.get("name") or codec["id"], 10**9)
    broken = pack(bytes(range(200)))[:length]

    # Whoever unpacks it says so; here nothing is said but that it is not too large.
    assert check(memoryview(broken)) is None


def test_chunks_of_shards_and_of_other_codecs_are_not_looked_at(tmp_path: Path) -> None:
    import zarr

    ones = np.ones((8, 8))
    sharded = zarr.create_array(tmp_path / "a", shape=(8, 8), chunks=(2, 2), shards=(4, 4), dtype="f8")
    plain = zarr.create_array(tmp_path / "b", shape=(8, 8), chunks=(2, 2), dtype="f8", compressors=None)
    for array in (sharded, plain):
        array[:] = ones
        assert chunk_sizes.chunk_check(array) is None
