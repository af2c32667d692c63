"""The conformance kit: every planted fault is caught by its check."""

from __future__ import annotations

import time

import pytest

from kymflow.testing import ConformanceError, check_indexer
from kymflow.testing.conformance.catalogue import CHECKS
from support import planted_faults as planted
from support import planted_surroundings as surroundings

# An indexer, the check that shall catch it first, and words of the message.
FAULTS = [
    (planted.WithoutName(), "meets_the_protocol", "WithoutName has no name: give the class a line"),
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
    (planted.ReturnsAGenerator(), "returns_a_dataframe", "got a generator"),
    (planted.MisspellsAColumn(), "returns_a_dataframe", "KeyError: .*mean_velocity_mm_s"),
    (planted.FailsWithoutEvents(), "returns_a_dataframe", "IndexError"),
    (planted.NeverComesBack(), "returns_a_dataframe", "had not come back after 1 s"),
    (planted.ClaimsAnotherImage(), "image_id_is_right", "1 of 1 rows claim another image .* got 'image 1'"),
    (planted.LacksARequiredColumn(), "required_columns_are_there", "the required column 'accepted_by'"),
    (planted.RoiInTheIndex(), "index_holds_no_data", r"Index \['roi_id'\] of int64"),
    (planted.StatisticsInTheIndex(), "index_holds_no_data", "'count' first"),
    (planted.RandomNumbers(), "rows_are_the_same_twice", "jitter"),
    (planted.NestedRandomNumbers(), "rows_are_the_same_twice", "column 'found'"),
    (planted.NewIds(), "rows_are_the_same_twice", "row_id"),
    (planted.GrowsItsDefault(), "rows_are_the_same_twice", "rows instead of"),
    (planted.NotesTheTime(), "rows_are_the_same_twice", "made"),
    (planted.MutatesWhatItCached(), "rows_are_the_same_twice", "used"),
    (planted.RemembersInTheModule(), "asks_for_the_same_twice", "'radon_report.parquet' at every"),
    (planted.RemembersInTheInstance(), "asks_for_the_same_twice", "did not read the record again"),
    (planted.ReadsAllRecords(), "reads_only_its_own_record", "it read outside its record .* got 'images'"),
    (planted.OpensTheDataset(), "reads_only_its_own_record", "finds files by path, .*there is no dataset at"),
    (planted.ReadsByPath(), "reads_only_its_own_record", "finds files by path, around its record"),
    (planted.ReadsUnseen(), "rows_come_from_what_was_read", "others in a copy of just what .*params.json"),
    (planted.NotesFileTimes(), "rows_come_from_what_was_read", "changed_ns"),
    (planted.KnowsItsFolder(), "rows_depend_on_no_working_directory", "folder"),
    (
        planted.ReadsTheEnvironment(),
        "rows_depend_on_no_environment_variable",
        "with KYM_PLANTED_THRESHOLD=7, 0 rows instead of 1",
    ),
    (planted.SeedsNumpy(), "leaves_the_process_as_it_was", "changed NumPy's random generator"),
    (planted.ChangesDirectory(), "leaves_the_process_as_it_was", "changed the working directory"),
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
    (planted.InterruptsOnDamage(), "a_malformed_artifact_is_an_error", "got KeyboardInterrupt"),
    (planted.WaitsOnDamage(), "a_malformed_artifact_is_an_error", "had not come back after 5 s"),
    (planted.GivesUpAfterDamage(), "a_failure_leaves_no_trace", "got 0 rows instead of 1"),
    (planted.MixesOneColumn(), "kymflow_takes_the_rows", "column 'note' .* mixes numbers and str"),
    (planted.NumbersAsColumnNames(), "kymflow_takes_the_rows", "column names must be str"),
    (planted.DeclaresAnotherType(), "kymflow_takes_the_rows", "'mean_velocity' is declared int, got double"),
    (planted.TextOrNumber(), "types_go_together", "column 'speed' has types that do not go together"),
    (planted.SometimesInUtc(), "types_go_together", "column 'start' has types that do not go together"),
    (planted.RaisesSpeechlessErrors(), "a_failure_names_the_image", "stopped the whole run"),
    (planted.LooksAtTheOldTable(), "incremental_equals_rebuild", "the table after an edit .*'is_new'"),
    (planted.OrderOfASet(), "rows_are_the_same_in_another_process", "names"),
    (planted.ClassKeepsTheFirst(), "rows_are_the_same_in_another_process", "relative"),
    (planted.NotesTheDate(), "rows_depend_on_no_clock", "made"),
    (planted.CountsTheYears(), "rows_depend_on_no_clock", "years"),
]
# Windows gives a running process no other time zone.
if hasattr(time, "tzset"):
    FAULTS.append((planted.GivesLocalTimes(), "rows_depend_on_no_clock", "start"))


# The second one comes back from what is not damaged, in less time than that.
TIMEOUTS_S = {planted.NeverComesBack: 1, planted.WaitsOnDamage: 5}


def names_of(indexers: list[object]) -> list[str]:
    return [indexer.__name__ if isinstance(indexer, type) else type(indexer).__name__ for indexer in indexers]


@pytest.mark.parametrize(("indexer", "check", "words"), FAULTS, ids=names_of([fault[0] for fault in FAULTS]))
def test_a_planted_fault_is_caught_by_its_check(
    indexer: planted.Reports, check: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYM_PLANTED_IMAGE", "")

    with pytest.raises(ConformanceError, match=words) as caught:
        check_indexer(indexer, timeout_s=TIMEOUTS_S.get(type(indexer), 60), thorough=True)

    assert (caught.value.finding.check, caught.value.finding.status) == (check, "failed")
    assert caught.value.finding.remedy
    assert isinstance(caught.value, AssertionError)


def test_every_check_has_a_fault_that_it_catches_first() -> None:
    caught = {check for _, check, _ in FAULTS} | set(surroundings.CAUGHT_BY)
    assert caught == {check.__name__ for check in CHECKS}
