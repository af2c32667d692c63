"""Whoever reads pixels gets the old ones or the new ones: no mixture, no holes, no moment without any."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from kymflow_zarr import (
    ArtifactNotFoundError,
    PixelsReplacedError,
    RecordNotFoundError,
    ZarrDataset,
    ZarrImageRecord,
)
from kymflow_zarr.formats.pixels import EncodedArray

OLD = np.full((40, 50), 3, np.uint16)
NEW = np.full((40, 50), 9, np.uint16)
CHUNKS = (10, 50)


@pytest.fixture
def record(dataset: ZarrDataset) -> ZarrImageRecord:
    """Old pixels in four chunks, in each place."""
    return dataset.add_image(OLD, chunks=CHUNKS)


def is_one_of(values: np.ndarray) -> bool:
    return any(values.shape == one.shape and (values == one).all() for one in (OLD, NEW))


# Read piece by piece


@pytest.mark.parametrize(
    "new",
    [NEW, OLD + 1, np.zeros_like(OLD), np.full((20, 20), 9, np.uint8)],
    ids=["others", "more", "zeros", "shape"],
)
def test_opened_pixels_are_never_read_as_others(record, new) -> None:
    array = record.open_array()
    assert (array[:10] == 3).all()
    record.save_array(new, chunks=tuple(min(one) for one in zip(CHUNKS, new.shape, strict=True)))
    for where in (slice(0, 10), slice(None), slice(30, 40)):
        with pytest.raises(
            PixelsReplacedError,
            match=rf"the pixels of image '{record.image_id}' of .* were replaced while they were read; "
            "open them again",
        ):
            array[where]
    np.testing.assert_array_equal(record.open_array()[...], new)


def test_opened_pixels_of_a_deleted_image_are_no_zeros(dataset, record) -> None:
    array = record.open_array()
    dataset.delete_image(record.image_id)
    with pytest.raises(PixelsReplacedError, match="open them again"):
        array[...]
    with pytest.raises(RecordNotFoundError, match="has no image"):
        record.open_array()


def test_chunks_of_zeros_are_read(record) -> None:
    half = OLD.copy()
    half[:20] = 0
    record.save_array(half, chunks=CHUNKS)
    np.testing.assert_array_equal(record.open_array()[...], half)
    np.testing.assert_array_equal(record.load_array(), half)


def test_array_artifacts_are_as_safe_as_pixels(record) -> None:
    record.save_array_artifact("mask", OLD > 5, chunks=CHUNKS)
    array = record._open_array(record._array_key("mask"), "mask")
    record.save_array_artifact("mask", OLD < 5, chunks=CHUNKS)
    with pytest.raises(PixelsReplacedError, match="the values of array 'mask' of image .* open them again"):
        array[...]
    assert record.load_array_artifact("mask").all()


def test_an_opened_array_can_be_sent_to_another_process(local_record) -> None:
    local_record.save_array(OLD, chunks=CHUNKS)
    sent = pickle.loads(pickle.dumps(local_record.open_array()))
    np.testing.assert_array_equal(sent[...], OLD)
    local_record.save_array(NEW, chunks=CHUNKS)
    with pytest.raises(PixelsReplacedError, match="open them again"):
        sent[...]


# Read at once


def inner_store(record: ZarrImageRecord) -> type[zarr.abc.store.Store]:
    return type(record._store.zarr_store())


@pytest.mark.parametrize("at", range(1, 13))
def test_pixels_that_are_replaced_while_they_are_read_are_the_old_or_the_new_ones(
    record, monkeypatch, at
) -> None:
    calls = []
    kind = inner_store(record)
    real = kind.get
    # Encoded before, as zarr does nothing else while it waits for a store.
    encoded = EncodedArray(NEW, record._zarr_format, axes=["y", "x"], chunks=CHUNKS)
    blobs = list(encoded.blobs())

    async def get(self, key, *arguments, **options):
        calls.append(key)
        if len(calls) == at:
            record._store.put_tree(f"{record._prefix}/data", blobs, last=encoded.last)
        return await real(self, key, *arguments, **options)

    monkeypatch.setattr(kind, "get", get)
    assert is_one_of(record.load_array())
    assert len(calls) > 8


def test_pixels_that_are_replaced_again_and_again_are_an_error(local_record, monkeypatch) -> None:
    local_record.save_array(OLD, chunks=CHUNKS)
    open_array = local_record._open_array
    written = []

    def late(*arguments):
        array = open_array(*arguments)
        written.append(1)
        local_record.save_array(OLD + len(written), chunks=CHUNKS)
        return array

    monkeypatch.setattr(local_record, "_open_array", late)
    with pytest.raises(PixelsReplacedError, match="were replaced while they were read; open them again"):
        local_record.load_array()


# Where a tree is replaced in two steps


@pytest.fixture
def between(local_record) -> list[str]:
    """Pixels that are away, and where they are."""
    local_record.save_array(OLD, chunks=CHUNKS)
    data = Path(local_record._store.url) / local_record._prefix / "data"
    away = data.with_name(".0123456789abcdef.data.replaced.kymflow-tmp")
    data.rename(away)
    return [str(away), str(data)]


def test_pixels_between_two_steps_are_waited_for(local_record, between, monkeypatch) -> None:
    def pause(_: float) -> None:
        os.rename(*between)

    monkeypatch.setattr("kymflow_zarr.record.record.time.sleep", pause)
    np.testing.assert_array_equal(local_record.load_array(), OLD)


def test_pixels_that_a_killed_writer_left_between_two_steps_are_not_waited_for_for_ever(
    local_record, between, monkeypatch
) -> None:
    monkeypatch.setattr("kymflow_zarr.record.record._REPLACED_WITHIN_S", 0.0)
    with pytest.raises(ArtifactNotFoundError, match="has no pixels"):
        local_record.load_array()


def test_chunks_that_are_away_between_two_steps_are_no_zeros(local_record, monkeypatch) -> None:
    local_record.save_array(OLD, chunks=CHUNKS)
    array = local_record.open_array()
    data = Path(local_record._store.url) / local_record._prefix / "data"
    kind = inner_store(local_record)
    real = kind.get
    missed = []

    async def get(self, key, prototype, byte_range=None):
        if "/c/" in key and not missed:
            # The same pixels are written again: before and after, all is as it was. Nobody looks at the
            # documents meanwhile; other chunks may be missed, too.
            missed.append(key)
            away = data.rename(data.with_name("away"))
            found = self.get_sync(key, prototype=prototype, byte_range=byte_range)
            away.rename(data)
            assert found is None
            return found
        return await real(self, key, prototype, byte_range)

    monkeypatch.setattr(kind, "get", get)
    np.testing.assert_array_equal(array[...], OLD)
    assert missed


# Beside a writer

WRITER = """
import sys
import numpy as np
from kymflow_zarr import ZarrDataset
if sys.argv[3] == "in two steps":
    from kymflow_zarr.store.disk import exchange
    exchange.exchange = lambda one, other: False
record = ZarrDataset(sys.argv[1], "r+").record(sys.argv[2])
n = 0
while True:
    n += 1
    record.save_array(np.full((40, 50), n % 60000, "uint16"), chunks=(10, 50))
    if n == 2:
        print("writing", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["at once", "in two steps"])
def test_beside_a_writer_every_read_is_of_one_image(local_record, start_python, monkeypatch, how) -> None:
    # One that writes without a pause is met more often than anybody would ask for.
    monkeypatch.setattr("kymflow_zarr.record.record._READ_ATTEMPTS", 1000)
    writer = start_python(WRITER, local_record._store.url, local_record.image_id, how)
    assert writer.stdout.readline() == "writing\n", writer.communicate()
    read = set()
    for _ in range(200):
        values = local_record.load_array()
        assert (values == values[0, 0]).all()
        read.add(int(values[0, 0]))
        try:
            values = local_record.open_array()[...]
        except PixelsReplacedError:
            continue
        assert (values == values[0, 0]).all()
    writer.kill()
    assert len(read) > 1
    assert writer.wait(60) != 0
    if how == "in two steps":
        local_record._store.put_back_tree(f"{local_record._prefix}/data", "zarr.json")
    values = local_record.load_array()
    assert (values == values[0, 0]).all()
