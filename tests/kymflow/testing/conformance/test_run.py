"""check_indexer: what it reports, where its records come from, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow import ZarrDataset, ZarrImageRecord
from kymflow.testing import ConformanceError, check_indexer, check_indexers, make_lab
from kymflow.testing.conformance.catalogue import CHECKS, THOROUGH, checks
from kymflow.testing.conformance.comparing import difference
from kymflow.testing.conformance.samples import digest_files, make_sample
from support import faultless_indexers as faultless
from support import planted_faults as planted

DEFAULT = checks(thorough=False)
# What takes another process, in order.
ELSEWHERE = [
    "opens_no_other_file",
    "asks_no_network",
    "starts_no_program",
    "leaves_the_process_as_it_was",
    "leaves_no_files",
    "leaves_nothing_running",
    "rows_are_the_same_in_another_process",
]


def test_the_findings_say_what_was_expected_and_got_and_what_to_do() -> None:
    report = check_indexer(planted.ClaimsAnotherImage(), report=True)

    finding = report.failed[0]
    assert finding.check == "image_id_is_right"
    assert finding.what.startswith("1 of 1 rows claim another image (image ")
    assert (finding.got, finding.remedy) == ("'image 1'", "Leave image_id out, or take it from rec.image_id")
    assert report.n_run == len(DEFAULT)
    assert not report.ok
    assert "image_id_is_right failed\n  what:     1 of 1 rows claim another image" in str(report)
    content = report.to_dict()
    assert content["passed"] + content["failed"] + content["not_run"] == len(DEFAULT)
    assert [found["check"] for found in content["findings"]] == [check.__name__ for check in DEFAULT]
    failed = next(found for found in content["findings"] if found["status"] == "failed")
    assert failed["got"] == "'image 1'"


def test_the_longest_checks_are_made_where_they_are_asked_for() -> None:
    check_indexer(planted.HoldsItsRecord())

    with pytest.raises(ConformanceError, match="records_can_be_interleaved failed: it mixed up two records"):
        check_indexer(planted.HoldsItsRecord(), thorough=True)
    (report,) = check_indexers([planted.HoldsItsRecord()], thorough=True)
    assert [finding.check for finding in report.failed] == ["records_can_be_interleaved"]
    assert set(THOROUGH) == set(CHECKS) - set(DEFAULT)


def test_checks_without_sample_artifacts_have_not_passed() -> None:
    report = check_indexer(faultless.HeartRate(), report=True)

    assert report.failed == []
    assert len(report.not_run) == report.n_not_run > 20
    assert {finding.check for finding in report.passed} >= {"meets_the_protocol", "can_be_pickled"}
    assert (
        "it asked for heart_rate.json, heart_rate.json.gz, which they do not have" in report.not_run[0].what
    )
    assert not report.ok
    with pytest.raises(
        ConformanceError, match="not run: .*heart_rate.json.*write_artifacts=function"
    ) as caught:
        check_indexer(faultless.HeartRate())
    assert caught.value.finding.status == "not run"


def test_an_author_s_artifacts_make_them_run() -> None:
    report = check_indexer(faultless.HeartRate(), report=True, write_artifacts=faultless.write_heart_rate)

    assert report.ok, str(report)
    assert report.sample == "the simulated lab (5 images) with the author's artifacts"


def test_an_error_of_the_author_s_function_is_told_as_such() -> None:
    def write(record: ZarrImageRecord, number: int) -> None:
        raise RuntimeError("no peaks")

    with pytest.raises(RuntimeError, match="no peaks") as caught:
        check_indexer(faultless.HeartRate(), write_artifacts=write)
    assert caught.value.__notes__ == ["raised by write_artifacts(record, 0), which makes the sample records"]


def test_an_artifact_indexer_without_columns_needs_a_sample() -> None:
    report = check_indexer(faultless.Undeclared(), report=True)

    assert report.sample == "no records"
    assert "none can be generated because the indexer declares no columns" in report.not_run[0].what


def test_records_of_a_real_dataset_are_copied_and_left_alone(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr", 12)
    before = digest_files(Path(kd.ds.path))

    for dataset in (kd, kd.ds, kd.ds.path):
        with pytest.raises(ConformanceError, match="tried to write to its record"):
            check_indexer(planted.SwallowsTheRefusal(), dataset=dataset)
    sample = make_sample(tmp_path, planted.Reports(), dataset=kd)

    assert sample.words == f"8 of the 12 images of {kd.ds.path}"
    assert digest_files(Path(kd.ds.path)) == before


def test_an_old_dataset_is_checked_as_it_is(tmp_path: Path) -> None:
    ds = ZarrDataset(tmp_path / "old.zarr", zarr_format=2)
    for number in range(3):
        record = ds.add_image(np.full((4, 3), number, np.uint16))
        record.save_df_csv_gz("stalls", pd.DataFrame({"roi_id": [number], "duration_s": [0.5 + number]}))

    report = check_indexer(faultless.Stalls(), report=True, dataset=ds)

    assert report.ok, str(report)


def test_images_with_other_artifacts_are_chosen_first(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr", 20)
    rare = kd.ds.list_image_ids()[-1]
    kd.ds.record(rare).save_json("rare", {"x": 1})

    sample = make_sample(tmp_path, faultless.Payload(), dataset=kd)

    assert rare in sample.image_ids
    assert len(sample.image_ids) == 8
    assert sample.ds.record(rare).load_json("rare") == {"x": 1}


def test_a_dataset_without_images_is_no_sample(tmp_path: Path) -> None:
    report = check_indexer(faultless.Pixels(), report=True, dataset=ZarrDataset(tmp_path / "lab.zarr"))

    assert "has no images" in report.not_run[0].what
    assert report.failed == []


def test_one_of_both_samples_is_enough(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give write_artifacts or dataset, not both"):
        check_indexer(
            faultless.HeartRate(), write_artifacts=faultless.write_heart_rate, dataset=tmp_path / "lab.zarr"
        )


def test_a_class_in_the_program_itself_cannot_be_checked_elsewhere(tmp_path: Path) -> None:
    code = """
import pandas as pd
from kymflow.testing import check_indexer

class Mine:
    name = table_name = "mine"
    def extract_rows(self, rec):
        return pd.DataFrame({"n_lines": [rec.get_image_bounds()["height"]]})

report = check_indexer(Mine(), report=True)
print(report.failed, *(finding.check for finding in report.not_run), report.not_run[0].remedy, sep="|")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)

    failed, *not_run, remedy = done.stdout.strip().split("|")
    assert failed == "[]", done.stderr
    assert not_run == ["never_ends_its_process", *ELSEWHERE]
    assert remedy == "Put the class into a module of its own, and import it"


def test_a_module_that_another_process_cannot_import_is_a_breach(tmp_path: Path) -> None:
    module = types.ModuleType("made_up_module")
    made_up = type("MadeUp", (planted.Reports,), {"__module__": "made_up_module"})
    module.MadeUp = made_up  # type: ignore[attr-defined]
    sys.modules["made_up_module"] = module
    try:
        report = check_indexer(made_up(), report=True)
    finally:
        del sys.modules["made_up_module"]

    (failed,) = report.failed
    assert failed.check == "rows_are_the_same_in_another_process"
    assert failed.got == "ModuleNotFoundError: No module named 'made_up_module'"
    assert {finding.check for finding in report.not_run} < {*ELSEWHERE, "copies_give_the_same_rows"}


def test_after_a_call_that_never_came_back_the_rest_has_not_run() -> None:
    report = check_indexer(planted.NeverComesBack(), report=True, timeout_s=0.3)

    assert [finding.check for finding in report.failed] == ["returns_a_dataframe"]
    assert report.n_not_run > 20
    assert not report.ok


def test_no_sample_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(ConformanceError, match="writes_nothing"):
        check_indexer(planted.Writes())

    assert list(tmp_path.iterdir()) == []


def test_damaged_records_of_a_real_dataset_are_nobody_s_fault(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr", 6, damage=["missing", "empty", "malformed"])

    assert check_indexer(planted.Reports(), report=True, dataset=kd).ok


def test_a_dataset_on_an_object_store_can_be_the_sample(object_url: str) -> None:
    ds = ZarrDataset(object_url)
    for number in range(2):
        ds.add_image(np.full((4, 3), number, np.uint16)).save_json("heart_rate", {"1": {"hz": 8.0 + number}})

    assert check_indexer(faultless.HeartRate(), report=True, dataset=ds).ok


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        ({"a": [1]}, {"a": [1, 2]}, "1 rows instead of 2"),
        ({"a": [1]}, {"b": [1]}, "the columns ['a'] instead of ['b']"),
        ({"a": [1]}, {"a": [1.0]}, "column 'a' of type int64 instead of float64"),
        ({"a": [1.0]}, {"a": [1.0 + 1e-9]}, "column 'a' with 1.0 instead of 1.000000001"),
        ({"a": [1.7e18]}, {"a": [np.nan]}, "column 'a' with 1.7e+18 instead of nan"),
        ({"a": [10**18]}, {"a": [10**18 + 1]}, f"column 'a' with {10**18} instead of {10**18 + 1}"),
        ({"a": [[1.0, 2.0]]}, {"a": [[1.0, 3.0]]}, "column 'a' with [1.0, 2.0] instead of [1.0, 3.0]"),
        ({"a": [0.1 + 0.2]}, {"a": [0.3]}, None),
        ({"a": [None, "x"]}, {"a": [None, "x"]}, None),
    ],
)
def test_differences_are_told_in_a_few_words(
    got: dict[str, object], expected: dict[str, object], words: str | None
) -> None:
    assert difference(pd.DataFrame(got), pd.DataFrame(expected)) == words


def test_an_index_is_no_difference() -> None:
    rows = pd.DataFrame({"a": [1, 2]})

    assert difference(rows.set_axis([5, 3]), rows) is None


REASON = "rows are made of the date until version 2"


def test_an_expected_failure_is_told_with_its_reason() -> None:
    expected = {"rows_depend_on_no_clock": REASON}

    report = check_indexer(planted.NotesTheDate(), report=True, expected_to_fail=expected, thorough=True)

    assert report.ok
    (finding,) = report.expected_failures
    assert (finding.check, finding.status, finding.reason) == (
        "rows_depend_on_no_clock",
        "expected failure",
        REASON,
    )
    assert f"rows_depend_on_no_clock expected failure\n  reason:   {REASON}\n  what: " in str(report)
    assert f"{len(CHECKS)} checks ran, 1 failed, 1 as expected; 0 could not run" in str(report)
    check_indexer(planted.NotesTheDate(), expected_to_fail=expected, thorough=True)


def test_an_expected_failure_that_passes_is_told() -> None:
    with pytest.warns(UserWarning, match="keeps_no_state passed: it was expected to fail, and passes. Take"):
        check_indexer(planted.Reports(), expected_to_fail={"keeps_no_state": REASON})


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"keep_no_state": REASON}, "no check 'keep_no_state'; did you mean 'keeps_no_state'"),
        ({"keeps_no_state": " "}, "say why 'keeps_no_state' is expected to fail"),
    ],
)
def test_an_expected_failure_has_a_name_and_a_reason(expected: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_indexer(planted.Reports(), expected_to_fail=expected)


def test_several_instances_are_checked_while_all_are_alive() -> None:
    reports = check_indexers([faultless.FrozenThreshold(0.5), faultless.FrozenThreshold(0.9)])

    assert [report.ok for report in reports] == [True, True]
