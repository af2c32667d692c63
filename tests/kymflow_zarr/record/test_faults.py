"""Artifacts that are missing or damaged: one clear error."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from kymflow_zarr import ArtifactError, ArtifactNotFoundError, RecordNotFoundError
from support.raw_artifacts import EVENTS, put, raw

LOADS = {
    "x.json": lambda record: record.load_json("x"),
    "x.parquet": lambda record: record.load_df_parquet("x"),
    "x.csv.gz": lambda record: record.load_df_csv_gz("x"),
}


@pytest.mark.parametrize("artifact", LOADS)
def test_missing_artifact(record, artifact) -> None:
    with pytest.raises(
        ArtifactNotFoundError, match=rf"image '{record.image_id}' of .* has no artifact '{artifact}'"
    ) as caught:
        LOADS[artifact](record)
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.artifact == artifact


def _bend(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


GZIPPED = gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)


DAMAGED = {
    "json cut": ("x.json", b'{"a": [1, 2'),
    "json empty": ("x.json", b""),
    "json nested beyond reason": ("x.json", b"[" * 200_000),
    "json no UTF-8": ("x.json", b'{"a": "\xff\xfe"}'),
    "json huge number": ("x.json", b"1" * 10_000),
    "json.gz no gzip": ("x.json.gz", b'{"a": 1}'),
    "json.gz cut": ("x.json.gz", gzip.compress(b'{"a": 1}' * 50)[:-12]),
    "json.gz broken inside": ("x.json.gz", gzip.compress(b"{")),
    "json.gz bent stream": ("x.json.gz", _bend(GZIPPED, 10)),
    "parquet empty": ("x.parquet", b""),
    "parquet text": ("x.parquet", b"PAR1 this is no parquet PAR1"),
    "csv.gz no gzip": ("x.csv.gz", b"a,b\n1,2\n"),
    "csv.gz cut": ("x.csv.gz", GZIPPED[:20]),
    "csv.gz bent stream": ("x.csv.gz", _bend(GZIPPED, 10)),
    "csv.gz bent distance": ("x.csv.gz", _bend(GZIPPED, 13)),
    "csv.gz bent checksum": ("x.csv.gz", _bend(GZIPPED, len(GZIPPED) - 6)),
    "csv.gz ragged": ("x.csv.gz", gzip.compress(b"a,b\n1,2\n1,2,3,4\n")),
    "csv.gz no UTF-8": ("x.csv.gz", gzip.compress(b"a,b\n\xff\xfe,2\n")),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_artifact_gives_one_clear_error(local_record, tree, case) -> None:
    artifact, data = DAMAGED[case]
    put(local_record, artifact, data)
    before = tree(local_record._store.url)
    load = LOADS[artifact.replace(".json.gz", ".json")]
    with pytest.raises(ArtifactError, match=re.escape(f"artifact {artifact!r} of image")) as caught:
        load(local_record)
    error = caught.value
    assert error.dataset == local_record._store.url
    assert (error.image_id, error.artifact) == (local_record.image_id, artifact)
    for word in (f"artifact '{artifact}'", local_record.image_id, error.dataset, "cannot be read: "):
        assert word in str(error)
    assert str(error.__cause__)
    assert str(error.__cause__).partition("\n")[0] in str(error)
    assert tree(local_record._store.url) == before


def test_parquet_cut_anywhere_is_damaged(record) -> None:
    record.save_df_parquet("x", EVENTS)
    whole = raw(record, "x.parquet")
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        put(record, "x.parquet", whole[:length])
        with pytest.raises(ArtifactError, match=r"artifact 'x\.parquet' of image .* cannot be read: \S+"):
            record.load_df_parquet("x")


def test_missing_record(dataset) -> None:
    record = dataset.record("nobody")
    words = r"has no image 'nobody'\. list_image_ids\(\) tells"
    for call in (
        record.get_attrs,
        record.get_axes,
        lambda: record.save_json("x", {}),
        lambda: record.save_metadata_payload({}),
        lambda: record.save_df_parquet("x", EVENTS),
        lambda: record.save_df_csv_gz("x", EVENTS),
        lambda: record.save_array_artifact("x", np.ones(3)),
    ):
        with pytest.raises(RecordNotFoundError, match=words) as caught:
            call()
        assert (caught.value.image_id, caught.value.dataset) == ("nobody", dataset.path)
    for load in LOADS.values():
        with pytest.raises(ArtifactNotFoundError, match=r"image 'nobody' of .* has no artifact"):
            load(record)
    assert dataset.list_image_ids() == []
    assert record.list_analysis_keys() == record.list_array_artifacts() == []
    assert not [found for found in dataset.store.list() if "nobody" in found.key]
