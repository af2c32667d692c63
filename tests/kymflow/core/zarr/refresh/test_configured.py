"""Settings of indexers in a dataset's kymflow.toml, and what they make stale."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from kymflow import IndexerRegistry, KymDataset, PluginWarning, SettingError, UnknownIndexerError, ZarrDataset
from support.refreshing import CellsIndexer
from support.settable_indexers import Model, Threshold
from support.simple_indexers import FrameIndexer, add_image


def write(kd: KymDataset, text: str) -> None:
    kd.ds.store.put("kymflow.toml", text.encode())


def section(**settings: object) -> str:
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[tool.kymflow.indexers.threshold]", *lines])


def opened(dataset: ZarrDataset, *indexers: object, settings: object = None) -> KymDataset:
    registry = IndexerRegistry(())
    for indexer in indexers or (Threshold(),):
        registry.register(indexer)  # type: ignore[arg-type]
    return KymDataset(dataset, registry=registry, settings=settings)  # type: ignore[arg-type]


def levels(kd: KymDataset) -> list[float]:
    return list(kd.ds.load_table("threshold")["level"])


def test_settings_of_a_file_make_a_table_stale_until_it_is_made_with_them(dataset: ZarrDataset) -> None:
    kd = opened(dataset)
    for image_id in "ab":
        add_image(kd, image_id)
    kd.refresh_all()
    assert levels(kd) == [2.0, 2.0]

    write(kd, section(level=4))
    reason = ["setting level: 2.0 -> 4.0"]
    assert kd.plan("threshold").stale == {"a": reason, "b": reason}
    assert kd.status().tables[0].stale == 2
    kd.refresh("threshold")
    assert levels(kd) == [4.0, 4.0]
    assert kd.check().problems == []
    assert kd.plans()["threshold"].is_empty
    info = kd.describe_table("threshold")
    assert info.settings == {"channel": "red", "level": 4.0, "note": None, "rois": []}
    assert info.made_by.startswith("indexer threshold (schema version 1, channel = ")
    # A program that knows nothing of the file gets what it hands over.
    assert kd.rebuild(Threshold(3))["level"].tolist() == [3.0, 3.0]
    write(kd, "")
    assert kd.plan("threshold").stale["a"] == ["setting level: 3.0 -> 2.0"]


def test_all_settings_that_changed_are_named(local: ZarrDataset) -> None:
    kd = opened(local)
    add_image(kd, "a")
    kd.refresh_all()
    write(kd, section(level=4, channel='"green"'))

    (reason,) = kd.plan("threshold").stale["a"]

    assert reason == 'settings channel: "red" -> "green", level: 2.0 -> 4.0'


def test_one_image_with_other_settings_takes_all_with_it(local: ZarrDataset) -> None:
    kd = opened(local)
    for image_id in "ab":
        add_image(kd, image_id)
    kd.refresh_all()
    write(kd, section(level=4))
    kd.update_image("threshold", "a")
    assert levels(kd) == [4.0, 4.0]
    kd.rebuild("threshold", image_ids=["b"])
    assert kd.reports["threshold"].updated == ["b"]


def test_a_table_of_before_there_were_settings_is_as_with_the_defaults(local: ZarrDataset) -> None:
    class Earlier(FrameIndexer):
        """The same indexer, when it had no settings."""

        extract_rows = Threshold().extract_rows

    kd = opened(local)
    add_image(kd, "a")
    kd.rebuild(Earlier({}, name="threshold"))
    assert kd.describe_table("threshold").settings == {}
    assert kd.plan("threshold").is_empty
    assert kd.plan(Threshold(3)).stale == {"a": ["setting level: 2.0 -> 3.0"]}
    # And one that has none any more.
    kd.rebuild("threshold")
    assert "settings channel: " in kd.plan(Earlier({}, name="threshold")).stale["a"][0]


def test_another_default_makes_a_table_stale(local: ZarrDataset) -> None:
    kd = opened(local)
    add_image(kd, "a")
    kd.rebuild_all()
    assert opened(local, Threshold(level=7)).plan("threshold").stale == {"a": ["setting level: 2.0 -> 7.0"]}


def test_settings_given_to_a_program_count_more_than_those_of_the_file(local: ZarrDataset) -> None:
    kd = opened(local, settings={"threshold": {"level": 5}})
    add_image(kd, "a")
    write(kd, section(level=4, channel="'green'"))
    kd.refresh_all()
    assert kd.describe_table("threshold").settings["channel"] == "green"
    assert levels(kd) == [5.0]
    assert opened(local).plan("threshold").stale == {"a": ["setting level: 5.0 -> 4.0"]}
    with pytest.raises(UnknownIndexerError, match="no indexer is named 'other'"):
        opened(local, settings={"other": {"level": 5}}).status()


@pytest.mark.slow
def test_workers_have_the_settings(local: ZarrDataset) -> None:
    kd = opened(local, Threshold(), Model())
    for image_id in "abc":
        add_image(kd, image_id)
    write(kd, section(level=4) + "\n[tool.kymflow.indexers.model]\nlevel = 6\n")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        kd.refresh_all(executor=executor)
    assert levels(kd) == [4.0] * 3
    assert list(kd.ds.load_table("model")["level"]) == [6.0] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("level = ", "is no TOML file: Invalid value"),
        (b"\xff\xfe[\x00", "is no TOML file: .*utf-8"),
        (
            "[indexers.threshold]\nlevel = 3",
            r"expected sections \[tool.kymflow.indexers.NAME\], got 'indexers'",
        ),
        ("[tool]\nkymflow = 3", "expected sections .*, got 'tool.kymflow'"),
        ("[tool.kymflow.indexer.threshold]\nlevel = 3", "expected sections .*, got 'tool.kymflow.indexer'"),
        ("[tool.kymflow.indexers]\nlevel = 3", "expected a section .*, got level = 3 in "),
        (
            "[tool.kymflow.indexers.treshold]\nlevel = 3",
            "no indexer is named 'treshold'; did you mean 'threshold'",
        ),
        (
            "[tool.kymflow.indexers.flow]\n",
            "no indexer is named 'flow'; there are: threshold. Correct or take out",
        ),
        (section(levle=3), "indexer 'threshold' has no setting 'levle'; did you mean 'level'"),
        (section(level="'high'"), "setting 'level' of indexer 'threshold' must be a number, got 'high'"),
        (section(level=-3), "indexer 'threshold' refuses level = -3.0: a level below 0 leaves nothing out"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_before_anything_is_done(
    local: ZarrDataset, tmp_path: Path, text: str | bytes, message: str
) -> None:
    kd = opened(local)
    add_image(kd, "a")
    kd.ds.store.put("kymflow.toml", text if isinstance(text, bytes) else text.encode())
    where = re.escape(f"{local.path}/kymflow.toml")
    for run in (kd.refresh_all, kd.status, kd.check, kd.plans, lambda: kd.rebuild("threshold")):
        with pytest.raises(SettingError, match=f"^{where}:? {message}"):
            run()
    with pytest.raises(SettingError, match=message):
        kd.ingest_folder(tmp_path)
    assert kd.ds.list_table_names() == []


def test_other_programs_have_their_sections_and_windows_its_mark(local: ZarrDataset) -> None:
    kd = opened(local)
    add_image(kd, "a")
    kd.ds.store.put("kymflow.toml", b"\xef\xbb\xbf[tool.other]\nx = 1\r\n" + section(level=4).encode())
    kd.refresh_all()
    assert levels(kd) == [4.0]


def test_settings_of_an_indexer_that_is_only_absent_here_stop_nobody(local: ZarrDataset) -> None:
    kd = opened(local, Threshold(), CellsIndexer())
    add_image(kd, "a")
    kd.refresh_all()
    write(kd, section(level=4))
    elsewhere = opened(local, CellsIndexer())
    with pytest.warns(
        PluginWarning, match=r"kymflow\.toml: no indexer is named 'threshold' here; its settings"
    ):
        elsewhere.refresh_all()


def test_what_an_indexer_changes_as_it_takes_settings_is_put_back(local: ZarrDataset) -> None:
    class Rude(Threshold):
        def __post_init__(self) -> None:
            np.seterr(all="raise")

    before = np.geterr()
    try:
        kd = opened(local, Rude(), settings={"threshold": {"level": 3}})
        np.seterr(**before)
        with pytest.warns(PluginWarning, match="indexer 'threshold'.*numpy"):
            kd.plans()
        assert np.geterr() == before
    finally:
        np.seterr(**before)


def test_settings_that_make_it_another_table_are_refused(local: ZarrDataset) -> None:
    class Shifting(Threshold):
        @property
        def table_name(self) -> str:  # type: ignore[override]
            return f"threshold_{self.level:.0f}"

    kd = opened(local, Shifting(), settings={"threshold": {"level": 3}})
    with pytest.raises(
        SettingError, match="'threshold' of table 'threshold_2' is 'threshold' of table 'threshold_3'"
    ):
        kd.plans()
