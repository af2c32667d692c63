"""What an upgrade of one record adds, and what it leaves as others wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kymflow_zarr import ArtifactError, Calibration, RecordNotFoundError, ZarrDataset
from kymflow_zarr.formats.groups import write_group
from kymflow_zarr.record.upgrade import RecordUpgrade, apply_upgrade, plan_upgrade
from support.earlier_records import forget

KNOWN = Calibration((0.5, 0.25), ("second", "micrometer"))


def known(names: Sequence[str]) -> Calibration:
    return KNOWN


def unknown(names: Sequence[str]) -> Calibration:
    return Calibration.unknown(len(names))


@pytest.fixture(params=[3, 2])
def ds(request: pytest.FixtureRequest, tmp_path: Path) -> ZarrDataset:
    ds = ZarrDataset(tmp_path / "lab.zarr", zarr_format=request.param)
    ds.record("a").save_array(np.zeros((4, 3)))
    forget(ds, "a")
    return ds


def plan(ds: ZarrDataset, calibrate=unknown, image_id: str = "a") -> RecordUpgrade:
    return plan_upgrade(ds.store, ds.zarr_format, image_id, calibrate)


def upgrade(ds: ZarrDataset, calibrate=unknown) -> RecordUpgrade:
    found = plan(ds, calibrate)
    apply_upgrade(ds.store, ds.zarr_format, "a", found)
    return found


def test_a_plan_writes_nothing(ds: ZarrDataset, tree) -> None:
    before = tree(Path(ds.path))
    assert plan(ds).changes
    assert tree(Path(ds.path)) == before


def test_what_is_known_already_is_not_asked_for(ds: ZarrDataset) -> None:
    upgrade(ds, known)

    def ask(names: Sequence[str]) -> Calibration:
        raise AssertionError(names)

    found = plan(ds, ask)
    assert not found.changes
    assert found.is_calibrated


def test_a_calibration_that_gets_known_later_is_added(ds: ZarrDataset) -> None:
    assert not upgrade(ds, unknown).is_calibrated
    assert upgrade(ds, known).is_calibrated
    assert ds.record("a").get_calibration() == KNOWN


def test_what_others_wrote_of_ngff_stays(ds: ZarrDataset) -> None:
    theirs = [{"axes": [], "datasets": [{"path": "data"}, {"path": "half"}]}]
    attrs = {**ds.record("a").get_attrs()}
    attrs |= {"multiscales": theirs} if ds.zarr_format == 2 else {"ome": {"multiscales": theirs}}
    write_group(ds.store, "images/a", attrs, ds.zarr_format)

    found = upgrade(ds, known)

    assert found.attrs is None
    assert ds.record("a").get_attrs() == attrs


def test_other_attributes_and_times_stay(ds: ZarrDataset) -> None:
    before = ds.record("a").get_attrs()
    upgrade(ds, known)
    assert before.items() <= ds.record("a").get_attrs().items()


def test_names_of_dimensions_that_are_there_stay(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "v2.zarr", zarr_format=2)
    ds.record("a").save_array(np.zeros((4, 3)))
    ds.store.put("images/a/data/.zattrs", b'{"own": 1, "_ARRAY_DIMENSIONS": ["line", "pixel"]}')
    assert upgrade(ds).array_attrs is None
    ds.store.put("images/a/data/.zattrs", b'{"own": 1}')
    assert upgrade(ds).array_attrs == {"own": 1, "_ARRAY_DIMENSIONS": ["y", "x"]}


def test_records_that_cannot_be_read_say_why(ds: ZarrDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        plan(ds, image_id="nobody")
    write_group(ds.store, "images/bare", {}, ds.zarr_format)
    assert plan(ds, image_id="bare").without_ngff == "it has no pixels"
    document = ".zarray" if ds.zarr_format == 2 else "zarr.json"
    ds.store.put(f"images/a/data/{document}", b"{")
    with pytest.raises(ArtifactError, match=r"the pixels of image 'a' of .* cannot be read"):
        plan(ds)


def test_axes_that_do_not_fit_the_pixels_are_told(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "v2.zarr", zarr_format=2)
    for image_id, shape in (("a", (4, 3, 2)), ("line", (4,))):
        ds.record(image_id).save_array(np.zeros((4, 3)))
        write_group(ds.store, f"images/{image_id}", {"axes": ["y", "x"]} if image_id == "a" else {}, 2)
        ds.record("other").save_array(np.zeros((4, 3)))
        ds.record("other").save_array_artifact("odd", np.zeros(shape))
        for name in (".zarray", ".zattrs"):
            data, _ = ds.store.read(f"images/other/analysis_arrays/odd/data/{name}")
            ds.store.put(f"images/{image_id}/data/{name}", data)
    with pytest.raises(ArtifactError, match=r"image 'a' of .* has 3 dimensions, and the axes \['y', 'x'\]"):
        plan(ds)
    with pytest.raises(ArtifactError, match=r"image 'line' of .*: an image has 2 to 5 dimensions, got 1"):
        plan(ds, image_id="line")
