"""Edits that nothing notes, edits during an ingest, and ingests that are cut short: told from each other."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import zarr

from kymflow_zarr import Conflict, SourceImage, TiffReader, ZarrDataset
from kymflow_zarr.sources import merge, parts
from support.tiff_folders import REINGEST, id_of, pixels, write_json, write_tiff

PARAMS = "analysis/params.json"


class WithMask(TiffReader):
    """Gives an array beside the pixels, made of them."""

    def read(self, primary):
        image = super().read(primary)
        values = np.asarray(image.pixels)
        return SourceImage(values, json=image.json, tables=image.tables, arrays={"mask": values > 2000})


READER = WithMask()


@pytest.fixture(params=[3, 2])
def known(request, new_url, tmp_path, folder) -> ZarrDataset:
    """The folder, ingested with an array beside the pixels."""
    dataset = ZarrDataset(tmp_path / "known.zarr", zarr_format=request.param)
    dataset.refresh_from_folder(folder, reader=READER)
    return dataset


@pytest.fixture
def record(known):
    return known.record(id_of(known, "a.tif"))


def ingest(dataset, folder, **options):
    return dataset.sync_from_folder(folder, mode=REINGEST, reader=READER, **options)


def conflicts_of(report) -> list[str]:
    return [conflict.part for conflict in report.conflicts]


def edit_with_zarr(dataset, image_id: str, path: str = "data", value: int = 7) -> None:
    """Change pixels as any program does that knows nothing of kymflow: chunks alone."""
    group = zarr.open_group(str(dataset.path), mode="a", use_consolidated=False)
    group[f"images/{image_id}/{path}"][...] = value


# Pixels edited with plain zarr


def test_pixels_edited_with_zarr_are_kept_and_reported_each_time(known, folder, record) -> None:
    edit_with_zarr(known, record.image_id)
    write_tiff(folder / "a.tif", 8)
    for _ in range(3):
        assert conflicts_of(ingest(known, folder)) == ["data"]
        assert (record.load_array() == 7).all()
    np.testing.assert_array_equal(record.load_array_artifact("mask"), pixels(8) > 2000)


def test_part_of_the_pixels_edited_with_zarr_is_an_edit_too(known, folder, record) -> None:
    group = zarr.open_group(str(known.path), mode="a", use_consolidated=False)
    group[f"images/{record.image_id}/data"][0, 0] = 99
    edited = record.load_array()
    write_tiff(folder / "a.tif", 8)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    np.testing.assert_array_equal(record.load_array(), edited)


def test_an_array_artifact_edited_with_zarr_is_kept(known, folder, record) -> None:
    edit_with_zarr(known, record.image_id, "analysis_arrays/mask/data", 1)
    write_tiff(folder / "a.tif", 8)
    assert conflicts_of(ingest(known, folder)) == ["analysis_arrays/mask"]
    assert record.load_array_artifact("mask").all()
    np.testing.assert_array_equal(record.load_array(), pixels(8))


def test_overwrite_takes_the_pixels_of_the_source(known, folder, record) -> None:
    edit_with_zarr(known, record.image_id)
    write_tiff(folder / "a.tif", 8)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    assert ingest(known, folder, overwrite=True).conflicts == []
    np.testing.assert_array_equal(record.load_array(), pixels(8))
    assert ingest(known, folder).unchanged == 3


def test_a_conflict_of_pixels_ends_when_the_edit_is_taken_back(known, folder, record) -> None:
    before = record.load_array()
    edit_with_zarr(known, record.image_id)
    write_tiff(folder / "a.tif", 8)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    zarr.open_group(str(known.path), mode="a")[f"images/{record.image_id}/data"][...] = before
    assert ingest(known, folder).conflicts == []
    np.testing.assert_array_equal(record.load_array(), pixels(8))


def test_pixels_edited_to_what_the_source_gives_are_no_conflict_and_known_from_then_on(
    known, folder, record
) -> None:
    zarr.open_group(str(known.path), mode="a")[f"images/{record.image_id}/data"][...] = pixels(8)
    write_tiff(folder / "a.tif", 8)
    assert ingest(known, folder).conflicts == []
    write_tiff(folder / "a.tif", 9)
    assert ingest(known, folder).conflicts == []
    np.testing.assert_array_equal(record.load_array(), pixels(9))


def test_pixels_edited_with_zarr_stay_while_only_a_sidecar_changes(known, folder, record) -> None:
    edit_with_zarr(known, record.image_id)
    write_json(folder / "a.params.json", {"v": 2})
    assert ingest(known, folder).conflicts == []
    assert (record.load_array() == 7).all()
    assert record.load_json("params") == {"v": 2}


def test_unedited_pixels_are_no_conflict(known, folder, record) -> None:
    for seed in (8, 9, 2):
        write_tiff(folder / "a.tif", seed)
        report = ingest(known, folder)
        assert (report.changed, report.conflicts) == ([record.image_id], [])
        np.testing.assert_array_equal(record.load_array(), pixels(seed))


def test_pixels_of_an_earlier_version_in_the_other_byte_order_are_no_edit(known, folder, record) -> None:
    group = zarr.open_group(str(known.path), mode="a", use_consolidated=False)
    array = group[f"images/{record.image_id}/data"]
    values = np.asarray(array[...])
    swapped = values.astype(values.dtype.newbyteorder("S"))
    digest = parts.pixels.content_digest(swapped)
    array.attrs["content_sha256"] = digest
    node = group[f"images/{record.image_id}"]
    node.attrs["ingested"] = {**node.attrs["ingested"], "data": digest}
    write_tiff(folder / "a.tif", 8)
    assert ingest(known, folder).conflicts == []
    np.testing.assert_array_equal(record.load_array(), pixels(8))


# Edits between the look and the write


class Late:
    """Lets somebody write just before a part is written or deleted, the first `times` times."""

    def __init__(self, monkeypatch, part: str, edit, times: int = 1) -> None:
        self.left = times
        for name in ("write_part", "delete_part"):
            monkeypatch.setattr(parts, name, self._around(getattr(parts, name), part, edit))

    def _around(self, call, part, edit):
        def late(store, prefix, name, *arguments, **options):
            if name == part and self.left:
                self.left -= 1
                edit(self.left)
            return call(store, prefix, name, *arguments, **options)

        return late


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_artifact_edited_between_look_and_write_is_kept_and_reported(
    known, folder, record, monkeypatch, times, overwrite
) -> None:
    write_json(folder / "a.params.json", {"v": "theirs"})
    Late(monkeypatch, PARAMS, lambda n: record.save_json("params", {"v": n}), times)
    report = ingest(known, folder, overwrite=overwrite)
    if overwrite and times == 1:
        # It was seen at the second look, and is to be overwritten.
        assert (report.conflicts, record.load_json("params")) == ([], {"v": "theirs"})
        return
    assert report.conflicts == [Conflict(record.image_id, "a.tif", PARAMS)]
    assert record.load_json("params")["v"] in range(10)
    monkeypatch.undo()
    assert conflicts_of(ingest(known, folder)) == [PARAMS]


def test_an_artifact_edited_before_it_is_deleted_is_kept(known, folder, record, monkeypatch) -> None:
    (folder / "a.params.json").unlink()
    Late(monkeypatch, PARAMS, lambda n: record.save_json("params", {"v": "edited"}))
    assert conflicts_of(ingest(known, folder)) == [PARAMS]
    assert record.load_json("params") == {"v": "edited"}


def test_an_artifact_made_here_before_the_source_gives_it_is_kept(known, folder, record, monkeypatch) -> None:
    write_json(folder / "a.more.json", {"v": "theirs"})
    Late(monkeypatch, "analysis/more.json", lambda n: record.save_json("more", {"v": "mine"}))
    assert conflicts_of(ingest(known, folder)) == ["analysis/more.json"]
    assert record.load_json("more") == {"v": "mine"}


def test_an_artifact_deleted_between_look_and_write_stays_deleted(known, folder, record, monkeypatch) -> None:
    write_json(folder / "a.params.json", {"v": "theirs"})
    Late(monkeypatch, PARAMS, lambda n: record.delete_analysis(suffixes=["/params.json"]))
    assert conflicts_of(ingest(known, folder)) == [PARAMS]
    assert f"{record._prefix}/{PARAMS}" not in record.list_analysis_keys()


@pytest.mark.parametrize("how", ["save_array", "zarr"])
def test_pixels_edited_between_look_and_write_are_kept(known, folder, record, monkeypatch, how) -> None:
    def edit(n: int) -> None:
        if how == "zarr":
            edit_with_zarr(known, record.image_id)
        else:
            record.save_array(np.full((6, 5), 7, np.uint16))

    write_tiff(folder / "a.tif", 8)
    Late(monkeypatch, "data", edit)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    assert (record.load_array() == 7).all()


def test_pixels_edited_while_the_new_ones_are_staged_are_kept(known, folder, record, monkeypatch) -> None:
    write_tiff(folder / "a.tif", 8)
    blobs = parts.pixels.EncodedArray.blobs

    def late(encoded, on_chunk=None):
        yield from blobs(encoded, on_chunk)
        if encoded._shape == (6, 5) and encoded._dtype.kind == "u" and not edited:
            edited.append(1)
            edit_with_zarr(known, record.image_id)

    edited: list[int] = []
    monkeypatch.setattr(parts.pixels.EncodedArray, "blobs", late)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    assert (record.load_array() == 7).all()


def test_two_ingests_that_write_the_same_are_no_conflict(known, folder, record, monkeypatch) -> None:
    write_json(folder / "a.params.json", {"v": "theirs"})
    Late(monkeypatch, PARAMS, lambda n: ingest(ZarrDataset(known.path, "r+"), folder))
    assert ingest(known, folder).conflicts == []
    assert record.load_json("params") == {"v": "theirs"}


# Ingests that are cut short


class Cut(BaseException):
    """The end of a process, at any step."""


def cut_after(monkeypatch, part: str) -> None:
    for name in ("write_part", "delete_part"):
        call = getattr(parts, name)

        def cut(store, prefix, name, *arguments, _call=call, **options):
            _call(store, prefix, name, *arguments, **options)
            if name == part:
                raise Cut

        monkeypatch.setattr(parts, name, cut)


def change_source(folder, seed: int) -> None:
    write_tiff(folder / "a.tif", seed)
    write_json(folder / "a.params.json", {"v": seed})
    pd.DataFrame({"x": [float(seed)]}).to_csv(folder / "a.events.csv", index=False)


ALL_PARTS = ["data", "analysis_arrays/mask", PARAMS, "analysis/events.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("part", ALL_PARTS)
@pytest.mark.parametrize("cuts", [1, 2])
def test_what_an_ingest_wrote_before_it_was_cut_short_is_no_edit(
    known, folder, record, monkeypatch, part, cuts
) -> None:
    for seed in range(11, 11 + cuts):
        change_source(folder, seed)
        with monkeypatch.context() as patch:
            cut_after(patch, part)
            with pytest.raises(Cut):
                ingest(known, folder)
    change_source(folder, 20)
    report = ingest(known, folder)
    assert (report.conflicts, report.changed) == ([], [record.image_id])
    np.testing.assert_array_equal(record.load_array(), pixels(20))
    assert record.load_json("params") == {"v": 20}
    assert record.load_df_parquet("events")["x"].tolist() == [20.0]
    assert merge.UNFINISHED_ATTR not in record.get_attrs()
    assert ingest(known, folder).unchanged == 3


def test_what_an_ingest_deleted_before_it_was_cut_short_is_no_edit(
    known, folder, record, monkeypatch
) -> None:
    (folder / "a.params.json").unlink()
    with monkeypatch.context() as patch:
        cut_after(patch, PARAMS)
        with pytest.raises(Cut):
            ingest(known, folder)
    write_json(folder / "a.params.json", {"v": "again"})
    assert ingest(known, folder).conflicts == []
    assert record.load_json("params") == {"v": "again"}


def test_what_an_ingest_added_before_it_was_cut_short_goes_with_its_source(
    known, folder, record, monkeypatch
) -> None:
    write_json(folder / "a.more.json", {})
    with monkeypatch.context() as patch:
        cut_after(patch, "analysis/more.json")
        with pytest.raises(Cut):
            ingest(known, folder)
    assert record.has_artifact("more")
    (folder / "a.more.json").unlink()
    write_json(folder / "a.params.json", {"v": 3})
    assert ingest(known, folder).conflicts == []
    assert not record.has_artifact("more")


@pytest.mark.parametrize("part", ALL_PARTS)
def test_an_edit_after_an_ingest_was_cut_short_is_kept(known, folder, record, monkeypatch, part) -> None:
    change_source(folder, 11)
    with monkeypatch.context() as patch:
        cut_after(patch, part)
        with pytest.raises(Cut):
            ingest(known, folder)
    record.save_json("params", {"v": "edited"})
    edit_with_zarr(known, record.image_id)
    change_source(folder, 20)
    assert sorted(conflicts_of(ingest(known, folder))) == [PARAMS, "data"]
    assert record.load_json("params") == {"v": "edited"}
    assert (record.load_array() == 7).all()


# Pixels that are half or gone


def lose(known, record) -> None:
    known._store.delete_tree(f"{record._prefix}/data")


def bend_chunk(known, record) -> None:
    for found in list(known._store.list(f"{record._prefix}/data")):
        if not found.key.endswith(("zarr.json", ".zarray", ".zattrs")):
            known._store.put(found.key, b"no chunk")


def bend_document(known, record) -> None:
    known._store.put(merge.Record(known._store, record._prefix, known.zarr_format).pixels_key, b"{")


@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_an_image_that_lost_its_pixels_is_taken_in_again(known, folder, record, mode) -> None:
    before = record.load_array()
    lose(known, record)
    report = known.sync_from_folder(folder, mode=mode, reader=READER)
    assert (report.changed, report.conflicts, report.unchanged) == ([record.image_id], [], 2)
    np.testing.assert_array_equal(record.load_array(), before)
    assert known.sync_from_folder(folder, mode=mode, reader=READER).unchanged == 3


def test_edits_of_an_image_that_lost_its_pixels_are_kept(known, folder, record) -> None:
    record.save_json("params", {"v": "edited"})
    lose(known, record)
    assert ingest(known, folder).conflicts == []
    assert record.load_json("params") == {"v": "edited"}
    np.testing.assert_array_equal(record.load_array(), pixels(2))


def test_edited_pixels_that_were_moved_away_come_back_and_not_those_of_the_source(
    known, folder, record
) -> None:
    record.save_array(np.full((6, 5), 7, np.uint16))
    data = f"{known.path}/{record._prefix}/data"
    os.rename(data, f"{known.path}/{record._prefix}/.0123456789abcdef.data.replaced.kymflow-tmp")
    write_tiff(folder / "a.tif", 8)
    assert conflicts_of(ingest(known, folder)) == ["data"]
    assert (record.load_array() == 7).all()


def test_a_sidecar_that_stayed_behind_is_not_lost_with_the_pixels(known, folder, record) -> None:
    lose(known, record)
    moved = folder / "elsewhere" / "a.tif"
    moved.parent.mkdir()
    (folder / "a.tif").rename(moved)
    assert ingest(known, folder).failed == {}
    assert record.load_json("params") == {"v": 1}


@pytest.mark.parametrize("damage", [bend_chunk, bend_document])
def test_damaged_pixels_are_taken_in_again_on_demand(known, folder, record, damage) -> None:
    damage(known, record)
    assert ingest(known, folder).unchanged == 3
    report = ingest(known, folder, verify=True)
    assert (report.conflicts, report.failed) == ([], {})
    np.testing.assert_array_equal(record.load_array(), pixels(2))


@pytest.mark.parametrize("damage", [lose, bend_chunk, bend_document])
def test_damaged_pixels_of_a_changed_source_are_no_edit(known, folder, record, damage) -> None:
    damage(known, record)
    write_tiff(folder / "a.tif", 8)
    assert ingest(known, folder).conflicts == []
    np.testing.assert_array_equal(record.load_array(), pixels(8))


def test_verified_pixels_that_were_edited_with_zarr_are_kept(known, folder, record) -> None:
    edit_with_zarr(known, record.image_id)
    for _ in range(2):
        assert ingest(known, folder, verify=True).conflicts == []
        assert (record.load_array() == 7).all()
