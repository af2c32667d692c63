"""The conformance kit: every planted fault is caught by its check, and nobody else is accused."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import types
from pathlib import Path

import faultless_indexers as faultless
import numpy as np
import pandas as pd
import planted_faults as planted
import pytest

from kymflow import ZarrDataset, ZarrImageRecord
from kymflow.testing import ConformanceError, check_indexer, make_lab
from kymflow.testing.conformance.catalogue import CHECKS
from kymflow.testing.conformance.samples import digest_files, make_sample

# An indexer, the check that shall catch it first, and words of the message.
FAULTS = [
    (planted.WithoutTableName(), "meets_the_protocol", "it lacks table_name"),
    (planted.Reports, "meets_the_protocol", "got the class itself; pass an instance, Reports()"),
    (planted.VersionIsANumber(), "meets_the_protocol", "schema_version must be a str, got int: 2"),
    (planted.RequiredColumnsRaise(), "meets_the_protocol", "no columns today"),
    (planted.NameRaises(), "meets_the_protocol", "RuntimeError: no name yet"),
    (
        planted.AwkwardName(),
        "name_is_an_identifier",
        "got 'my events!'. Rename it, for example to 'my_events'",
    ),
    (planted.BlankVersion(), "schema_version_is_given", "its schema_version tells nothing"),
    (planted.RequiredTwice(), "required_columns_are_names", "each name once"),
    (planted.HoldsALambda(), "can_be_pickled", "it can run in no other process"),
    (planted.ForgetsItsName("other"), "can_be_pickled", "comes back from its pickle as another indexer"),
    (planted.VersionIsNew(), "promises_stay_the_same", "another thing at a second look"),
    (planted.LearnsItsColumns(), "promises_stay_the_same", "another thing after extract_rows was called"),
    (planted.Writes(), "writes_nothing", "a write or deletion of 'seen.json'"),
    (planted.SwallowsTheRefusal(), "writes_nothing", "a write or deletion of 'radon_report.parquet'"),
    (planted.WritesPixels(), "writes_nothing", "a write or deletion of 'data'"),
    (planted.WritesByPath(), "writes_nothing", "files of the dataset changed .*/seen.txt"),
    (planted.ReturnsDicts(), "returns_a_dataframe", "got a list"),
    (planted.ReturnsNothing(), "returns_a_dataframe", "got a NoneType"),
    (planted.MisspellsAColumn(), "returns_a_dataframe", "KeyError: .*mean_velocity_mm_s"),
    (planted.FailsWithoutEvents(), "returns_a_dataframe", "IndexError"),
    (planted.NeverComesBack(), "returns_a_dataframe", "had not come back after 1 s"),
    (planted.ClaimsAnotherImage(), "image_id_is_right", "1 of 1 rows claim another image .* got 'image 1'"),
    (planted.LacksARequiredColumn(), "required_columns_are_there", "the required column 'accepted_by'"),
    (planted.RoiInTheIndex(), "index_holds_no_data", r"Index \['roi_id'\] of int64"),
    (planted.StatisticsInTheIndex(), "index_holds_no_data", "'count' first"),
    (planted.RandomNumbers(), "rows_are_the_same_twice", "jitter"),
    (planted.NewIds(), "rows_are_the_same_twice", "row_id"),
    (planted.NotesTheTime(), "rows_are_the_same_twice", "made"),
    (planted.MutatesWhatItCached(), "rows_are_the_same_twice", "used"),
    (planted.RemembersInTheModule(), "asks_for_the_same_twice", "'radon_report.parquet' at every"),
    (planted.RemembersInTheInstance(), "asks_for_the_same_twice", "did not read the record again"),
    (planted.ReadsAllRecords(), "reads_only_its_own_record", "it read outside its record .* got 'images'"),
    (planted.OpensTheDataset(), "reads_only_its_own_record", "finds files by path, .*there is no dataset at"),
    (planted.ReadsByPath(), "reads_only_its_own_record", "finds files by path, around its record"),
    (planted.KnowsItsFolder(), "rows_depend_on_no_working_directory", "folder"),
    (
        planted.ReadsTheEnvironment(),
        "rows_depend_on_no_environment_variable",
        "with KYM_PLANTED_THRESHOLD=7, 0 rows instead of 1",
    ),
    (planted.SeedsNumpy(), "leaves_the_process_as_it_was", "changed NumPy's random generator"),
    (planted.SetsAVariable(), "leaves_the_process_as_it_was", "changed the environment variables"),
    (planted.KeepsTheFirstMean(), "keeps_no_state", "relative"),
    (planted.NumbersItsImages(), "keeps_no_state", "number"),
    (planted.RefillsOneFrame(), "returned_rows_stay_as_they_are", "do not keep and refill one"),
    (planted.HoldsItsRecord(), "records_can_be_interleaved", "mixed up two records"),
    (planted.FailsWithoutArtifact(), "a_missing_artifact_is_no_error", "Catch FileNotFoundError"),
    (
        planted.NeedsASecondArtifact(),
        "a_missing_artifact_is_no_error",
        "missing artifact 'velocity_events.parquet'",
    ),
    (planted.InventsARow(), "nothing_found_gives_no_rows", "invents rows .* got 1 rows"),
    (planted.MeanOfNothing(), "an_empty_artifact_gives_no_rows", "nothing but missing values"),
    (planted.FirstOfNothing(), "an_empty_artifact_gives_no_rows", "IndexError"),
    (planted.SwallowsDamage(), "a_malformed_artifact_is_an_error", r"passes over a malformed \(cut off\)"),
    (
        planted.SwallowsAnotherShape(),
        "a_malformed_artifact_is_an_error",
        r"passes over a malformed \(a text\)",
    ),
    (planted.MakesRowsOfDamage(), "a_malformed_artifact_is_an_error", "makes other rows of a malformed"),
    (planted.ExitsOnDamage(), "a_malformed_artifact_is_an_error", "stops more than itself .* SystemExit"),
    (planted.WaitsOnDamage(), "a_malformed_artifact_is_an_error", "had not come back after 1 s"),
    (planted.GivesUpAfterDamage(), "a_failure_leaves_no_trace", "got 0 rows instead of 1"),
    (planted.MixesOneColumn(), "kymflow_takes_the_rows", "column 'note' .* mixes numbers and str"),
    (planted.NumbersAsColumnNames(), "kymflow_takes_the_rows", "column names must be str"),
    (planted.DeclaresAnotherType(), "kymflow_takes_the_rows", "'mean_velocity' is declared int, got double"),
    (planted.TextOrNumber(), "types_go_together", "column 'speed' has types that do not go together"),
    (planted.RaisesSpeechlessErrors(), "a_failure_names_the_image", "stopped the whole run"),
    (planted.NotesFileTimes(), "incremental_equals_rebuild", "changed_ns"),
    (planted.OrderOfASet(), "rows_are_the_same_in_another_process", "names"),
    (planted.ClassKeepsTheFirst(), "rows_are_the_same_in_another_process", "relative"),
    (planted.NotesTheDate(), "rows_depend_on_no_clock", "made"),
    (planted.CountsTheYears(), "rows_depend_on_no_clock", "years"),
    (planted.GivesLocalTimes(), "rows_depend_on_no_clock", "start"),
]

# The built-in ones prove themselves as a plugin would, in tests/kymflow_indexers_builtin.
FAULTLESS = [
    planted.Reports(),
    faultless.PropertyNames(),
    faultless.FrozenThreshold(0.5),
    faultless.GeneratedRows(),
    faultless.CategoriesAndTimes(),
    faultless.Pixels(),
    faultless.Attributes(),
    faultless.Inventory(),
    faultless.CountsEvents(),
    faultless.Payload(),
    faultless.Locked(),
    faultless.Stalls(),
]


def names_of(indexers: list[object]) -> list[str]:
    return [indexer.__name__ if isinstance(indexer, type) else type(indexer).__name__ for indexer in indexers]


@pytest.mark.parametrize(("indexer", "check", "words"), FAULTS, ids=names_of([fault[0] for fault in FAULTS]))
def test_a_planted_fault_is_caught_by_its_check(
    indexer: planted.Reports, check: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYM_PLANTED_IMAGE", "")

    with pytest.raises(ConformanceError, match=words) as caught:
        check_indexer(
            indexer, timeout_s=1 if type(indexer).__name__ in ("NeverComesBack", "WaitsOnDamage") else 60
        )

    assert (caught.value.finding.check, caught.value.finding.status) == (check, "failed")
    assert caught.value.finding.remedy
    assert isinstance(caught.value, AssertionError)


def test_every_check_has_a_fault_that_it_catches_first() -> None:
    assert {check for _, check, _ in FAULTS} == {check.__name__ for check in CHECKS}
    assert len(CHECKS) >= 25


@pytest.mark.parametrize("indexer", FAULTLESS, ids=names_of(FAULTLESS))
def test_a_faultless_indexer_is_accused_of_nothing(indexer: planted.Reports) -> None:
    report = check_indexer(indexer, report=True)

    assert (report.failed, report.not_run) == ([], [])
    assert report.ok
    assert report.n_run == len(CHECKS)


def test_the_findings_say_what_was_expected_and_got_and_what_to_do() -> None:
    report = check_indexer(planted.ClaimsAnotherImage(), report=True)

    finding = report.failed[0]
    assert finding.check == "image_id_is_right"
    assert finding.what.startswith("1 of 1 rows claim another image (image ")
    assert (finding.got, finding.remedy) == ("'image 1'", "Leave image_id out, or take it from rec.image_id")
    assert report.n_run == len(CHECKS)
    assert not report.ok
    assert "image_id_is_right failed\n  what:     1 of 1 rows claim another image" in str(report)


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

    assert done.stdout.strip().split("|") == [
        "[]",
        "rows_are_the_same_in_another_process",
        "rows_depend_on_no_clock",
        "Put the class into a module of its own, and import it",
    ], done.stderr


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
    assert [finding.check for finding in report.not_run] == ["rows_depend_on_no_clock"]


def test_after_a_call_that_never_came_back_the_rest_has_not_run() -> None:
    report = check_indexer(planted.NeverComesBack(), report=True, timeout_s=0.3)

    assert [finding.check for finding in report.failed] == ["returns_a_dataframe"]
    assert report.n_not_run > 20
    assert not report.ok


def test_the_command_s_json_has_a_finding_per_check() -> None:
    content = check_indexer(planted.Reports(), report=True).to_dict()

    assert (content["indexer"], content["passed"], content["failed"], content["not_run"]) == (
        "planted",
        len(CHECKS),
        0,
        0,
    )
    assert [finding["check"] for finding in content["findings"]] == [check.__name__ for check in CHECKS]


def test_no_sample_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with pytest.raises(ConformanceError):
        check_indexer(planted.Writes())

    assert list(tmp_path.iterdir()) == []
