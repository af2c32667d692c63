"""The conformance kit: what an indexer does to its process, machine and copies is caught by its check."""

from __future__ import annotations

import sys

import pytest

from kymflow.testing import ConformanceError, check_indexer
from support import planted_surroundings as planted

pytestmark = pytest.mark.slow

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="what is open is told on Linux only")

ENDS = [
    (planted.EndsItsProcess(), "exit code 3 at the records of image"),
    (planted.EndsItsProcessAtDamage(), "exit code 0 .*of the check a_malformed_artifact_is_an_error"),
    (planted.CrashesAtDamage(), "SIGSEGV .*of the check a_malformed_artifact_is_an_error"),
    (planted.AbortsWithoutArtifact(), "SIGABRT at the records of image"),
    (planted.EndsWhenUnpickled(), "exit code 4 when it was imported or unpickled there"),
    (planted.EndsWithoutLines(), "exit code 6 at .*of the check no_pixels_are_never_fatal"),
    (planted.EndsTheSecondTime(), "exit code 5 at the records of image .*of the check"),
]
CHANGES = [
    (planted.IgnoresWarnings(), "the warnings filters"),
    (planted.RaisesNumbersErrors(), "NumPy's error handling"),
    (planted.SetsAnOption(), "pandas' options"),
    (planted.SilencesLogging(), "which messages are logged at all"),
    (planted.LogsEverything(), "the level or handlers of the root logger"),
    (planted.SetsALocale(), "the locale"),
    (planted.AppendsAPath(), "where modules are found"),
    (planted.ReplacesStdout(), "sys.stdout"),
    (planted.RaisesTheRecursionLimit(), "the recursion limit"),
    (planted.SetsATimeout(), "the default timeout of sockets"),
    (planted.SetsTheUmask(), "the umask"),
    (planted.StopsTheCollector(), "garbage collection"),
    (planted.RoundsDecimals(), "the decimal context"),
    (planted.IgnoresInterrupts(), "how signals are handled"),
]
# An indexer, the check that shall catch it, and words of the message.
OTHERS = [
    (planted.LeavesAFile(), "leaves_no_files", "it left files in the temporary folder"),
    (planted.LeavesThreads(), "leaves_nothing_running", "each call leaves a thread behind"),
    (planted.DelaysTheExit(), "leaves_nothing_running", "keeps the program from ending"),
    pytest.param(
        planted.LeavesFilesOpen(), "leaves_nothing_running", "each call leaves a file open", marks=linux_only
    ),
    (planted.ReadsSettingsInTheHome(), "opens_no_other_file", r"\.planted\.json"),
    (planted.LooksForSettings(), "opens_no_other_file", r"planted\.toml"),
    (planted.ReadsAnotherTable(), "opens_no_other_file", r"normal_values\.parquet"),
    (planted.OpensAnotherDataset(), "opens_no_other_file", r"other-lab\.zarr"),
    (planted.TakesATableThatIsThere(), "reads_only_its_own_record", "finds files by path"),
    (planted.KeepsACacheFile(), "opens_no_other_file", r"planted-.*\.json"),
    (planted.ListsAFolder(), "opens_no_other_file", r"got '\.'"),
    (planted.AsksAServer(), "asks_no_network", "127.0.0.1"),
    (planted.ConnectsToAPort(), "asks_no_network", "socket.connect"),
    (planted.StartsAProgram(), "starts_no_program", "subprocess.Popen"),
    (planted.KnowsItsHost(), "rows_depend_on_no_machine", "on another host, as another user"),
    (planted.KnowsItsNode(), "rows_depend_on_no_machine", "on another host, as another user"),
    (planted.KnowsItsUser(), "rows_depend_on_no_environment_variable", "column 'by' with '7'"),
    (planted.CountsProcessors(), "rows_depend_on_no_machine", "another count of processors"),
    (planted.KnowsItsHome(), "rows_depend_on_no_machine", "home"),
    (planted.WritesWithAComma(), "rows_depend_on_no_machine", "in another locale"),
    (planted.ReadsTheEnvironmentWhenMade(), "rows_depend_on_no_machine", "environment variables"),
    (planted.ReadTheEnvironmentAtImport(), "rows_depend_on_no_machine", "environment variables"),
    (planted.KnewItsHostAtImport(), "rows_depend_on_no_machine", "on another host"),
    (planted.ColumnsOfASet(), "promises_are_the_same_everywhere", "in another process"),
    (planted.ColumnsByTheHost(), "promises_are_the_same_everywhere", "on another machine"),
    (planted.ColumnsByVariableWhenMade(), "promises_are_the_same_everywhere", "on another machine"),
    (planted.VersionOfTheDay(), "promises_are_the_same_everywhere", "later"),
    (planted.VersionByProcessors(), "promises_are_the_same_everywhere", "on another machine"),
    (planted.TableOfTheUser(), "promises_are_the_same_everywhere", "on another machine"),
    (planted.HourOfTheDay(), "rows_depend_on_no_clock", "7 hours later"),
    (planted.MorningOrNot(), "rows_depend_on_no_clock", "hours later"),
    (planted.HourOfPandas(), "rows_depend_on_no_clock", "7 hours later"),
    (planted.Weekends(), "rows_depend_on_no_clock", "later"),
    (planted.CachesByLength(), "incremental_equals_rebuild", "after an edit and update_image"),
    (planted.CachesByLengthInTheModule(), "an_edit_is_seen", "old rows of an image"),
    (planted.SettingInTheClass(), "copies_give_the_same_rows", "the instance itself gave other rows"),
    (planted.LosesItsSetting(0.9), "copies_give_the_same_rows", "the instance itself gave other rows"),
    (planted.LosesItInDeepcopies(), "copies_give_the_same_rows", r"copy\.deepcopy\(\) of it gave other"),
    (planted.CannotBePickledAfterwards(), "copies_give_the_same_rows", "pickled any more after it was used"),
    (planted.RoiInAnUnnamedIndex(), "index_holds_no_data", "data are in the index"),
    (planted.ColumnOfEachImage(), "columns_are_not_of_one_image", "a column that no other has"),
    (planted.ColumnOfSomeImages(), "columns_are_the_same_for_other_ids", "when the image has another id"),
    (planted.ExitsWithoutLines(), "no_pixels_are_never_fatal", "SystemExit: no pixels"),
    (planted.DividesByPixels(), "dark_pixels_are_no_error", "ZeroDivisionError"),
    (planted.FallsBackOnDamage(), "a_malformed_artifact_is_an_error", "'calibration.json'"),
]


def test_what_is_said_to_catch_does() -> None:
    # Of a parameter with a mark, its values.
    caught = {getattr(other, "values", other)[1] for other in OTHERS} | {"never_ends_its_process"}

    assert set(planted.CAUGHT_BY) <= caught


def _name(value: object) -> str:
    return type(value).__name__ if isinstance(value, planted.Reports) else ""


@pytest.mark.parametrize(("indexer", "words"), ENDS, ids=_name)
def test_an_indexer_that_ends_its_process_is_told_of(indexer: planted.Reports, words: str) -> None:
    report = check_indexer(indexer, report=True)

    (finding,) = report.failed
    assert finding.check == "never_ends_its_process"
    with pytest.raises(ConformanceError, match=f"never_ends_its_process.*{words}"):
        check_indexer(indexer)


@pytest.mark.parametrize(("indexer", "words"), CHANGES, ids=_name)
def test_what_all_code_shares_is_not_to_be_changed(indexer: planted.Reports, words: str) -> None:
    report = check_indexer(indexer, report=True)

    (finding,) = report.failed
    assert finding.check == "leaves_the_process_as_it_was"
    assert f"it changed {words}" in finding.what


@pytest.mark.parametrize(("indexer", "check", "words"), OTHERS, ids=_name)
def test_what_is_around_the_record_counts_for_nothing(
    indexer: planted.Reports, check: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KYM_PLANTED_LABEL", raising=False)
    monkeypatch.delenv("KYM_PLANTED_COLUMN", raising=False)

    with pytest.raises(ConformanceError, match=words) as caught:
        check_indexer(indexer, thorough=True)

    assert (caught.value.finding.check, caught.value.finding.status) == (check, "failed")
    assert caught.value.finding.remedy
