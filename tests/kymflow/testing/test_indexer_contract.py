from __future__ import annotations

from typing import Any

import pytest

from kymflow import InvalidIndexerError
from kymflow.testing import IndexerContract, check_indexer
from kymflow.testing.conformance.catalogue import CHECKS, checks
from support import planted_faults as planted
from support.paths import TESTS
from support.table_indexers import FromTables

pytest_plugins = "pytester"
DEFAULT = checks(thorough=False)

HEART_RATE = """
from kymflow.testing import IndexerContract
from some_lab_indexer import HeartRate, write_heart_rate


class TestHeartRate(IndexerContract):
    indexer = HeartRate()

    def write_artifacts(self, record, number):
        write_heart_rate(record, number)


class TestForgotten(IndexerContract):
    indexer = HeartRate()
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a test module of another lab in a pytest of its own, beside its indexers."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # With it, pytest tells each failure whole once more, in its summary.
    monkeypatch.delenv("CI", raising=False)
    pytester.syspathinsert(pytester.path)
    pytester.makepyfile(
        some_lab_indexer="from support.faultless_indexers import HeartRate, write_heart_rate\n"
    )

    def run(code: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_some_lab=code)
        return pytester.runpytest_subprocess("-W", "error", "test_some_lab.py", *arguments)

    return run


def test_every_check_is_a_test_by_its_name_and_none_passes_unmade(run: Any) -> None:
    result = run(HEART_RATE, "-v", "-rf")

    lines = {line.split()[0]: line.split()[1] for line in result.outlines if "::" in line and "%]" in line}
    assert {name for name in lines if "TestHeartRate" in name} == {
        f"test_some_lab.py::TestHeartRate::test_{check.__name__}" for check in DEFAULT
    }
    assert {status for name, status in lines.items() if "TestHeartRate" in name} == {"PASSED"}
    forgotten = {name.rpartition("test_")[2]: s for name, s in lines.items() if "TestForgotten" in name}
    assert len(forgotten) == len(DEFAULT)
    assert {name for name, status in forgotten.items() if status == "PASSED"} == {
        "meets_the_protocol",
        "name_is_an_identifier",
        "schema_version_is_given",
        "required_columns_are_names",
        "can_be_pickled",
        "never_ends_its_process",
        "promises_stay_the_same",
        "writes_nothing",
    }
    result.stdout.fnmatch_lines(
        [
            "indexer 'heart_rate': keeps_no_state not run",
            "  what: *",
            "  remedy: *write_artifacts(self, record*",
        ]
    )


def test_a_breach_fails_the_test_of_its_check(run: Any) -> None:
    result = run(
        "from kymflow.testing import IndexerContract\n"
        "from support.planted_faults import HoldsItsRecord\n\n\n"
        "class TestHolds(IndexerContract):\n"
        "    indexer = HoldsItsRecord()\n"
        "    thorough = True\n"
    )

    result.assert_outcomes(passed=len(CHECKS) - 1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "indexer 'planted': records_can_be_interleaved failed",
            "  what:     it mixed up two records that two threads gave it at once *",
            "FAILED test_some_lab.py::TestHolds::test_records_can_be_interleaved - *",
        ]
    )


def test_what_cannot_run_after_another_failure_fails_with_one_line(run: Any) -> None:
    result = run(
        "from kymflow.testing import IndexerContract\n"
        "from support.planted_faults import MisspellsAColumn\n\n\n"
        "class TestMisspells(IndexerContract):\n"
        "    indexer = MisspellsAColumn()\n"
    )

    result.assert_outcomes(passed=8, failed=len(DEFAULT) - 8)
    short = " not run: returns_a_dataframe failed. See the check returns_a_dataframe"
    told = [line for line in result.outlines if line.startswith("indexer 'planted': ")]
    assert f"indexer 'planted': keeps_no_state{short}" in told
    assert [line for line in told if not line.endswith(short)] == [
        "indexer 'planted': returns_a_dataframe failed"
    ]
    # Of the one that failed.
    assert sum(line.startswith("  remedy: ") for line in result.outlines) == 1


def define(name: str = "TestPlanted", **members: Any) -> type:
    return type(name, (IndexerContract,), members)


def test_a_subclass_without_indexer_is_refused_at_once() -> None:
    with pytest.raises(
        TypeError, match=r"class TestPlanted\(IndexerContract\): it needs a class attribute indexer"
    ):
        define()


def test_a_class_in_place_of_an_instance_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"make it an instance: indexer = Reports\(\)"):
        define(indexer=planted.Reports)


@pytest.mark.parametrize("replacement", [lambda self: None, None, True])
def test_a_check_cannot_be_replaced(replacement: object) -> None:
    with pytest.raises(
        TypeError, match="it replaces test_keeps_no_state, so that nobody would make that check"
    ):
        define(indexer=planted.Reports(), test_keeps_no_state=replacement)


def test_a_check_cannot_be_replaced_by_another_base_class() -> None:
    class Mixin:
        def test_writes_nothing(self) -> None:
            """Prove nothing."""

    with pytest.raises(TypeError, match="it replaces test_writes_nothing"):
        type("TestPlanted", (Mixin, IndexerContract), {"indexer": planted.Reports()})


def test_the_subject_of_the_checks_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match="it replaces _subject"):
        define(indexer=planted.Reports(), _subject=None)


@pytest.mark.parametrize(
    ("name", "members", "why"),
    [
        ("Planted", {}, "pytest does not collect it; call it TestPlanted"),
        ("TestPlanted", {"__init__": lambda self: None}, "does not collect a class with __init__"),
        ("TestPlanted", {"__test__": False}, "because __test__ is false"),
    ],
)
def test_a_subclass_that_pytest_would_not_collect_is_refused(
    name: str, members: dict[str, Any], why: str
) -> None:
    with pytest.raises(TypeError, match=why):
        define(name, indexer=planted.Reports(), **members)


def test_a_subclass_with_two_kinds_of_records_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="it has both write_artifacts and dataset"):
        define(
            indexer=planted.Reports(), dataset="lab.zarr", write_artifacts=lambda self, record, number: None
        )


def test_a_complete_subclass_may_have_tests_of_its_own() -> None:
    complete = define(indexer=planted.Reports(), test_of_its_own=lambda self: None)

    assert issubclass(complete, IndexerContract)
    assert n_tests(complete) == len(DEFAULT) + 1


def n_tests(contract: type) -> int:
    names = [name for name in dir(contract) if name.startswith("test_")]
    return sum(getattr(contract, name) is not None for name in names)


def test_whether_it_is_thorough_each_class_says_for_itself() -> None:
    plain = define(indexer=planted.Reports())
    thorough = type("TestThorough", (plain,), {"thorough": True})

    assert n_tests(thorough) == len(CHECKS)
    assert n_tests(type("TestAgain", (thorough,), {"thorough": False})) == len(DEFAULT)
    with pytest.raises(TypeError, match="it replaces test_an_edit_is_seen"):
        define(indexer=planted.Reports(), thorough=True, test_an_edit_is_seen=lambda self: None)


def test_an_indexer_of_tables_is_not_checked_and_that_is_said() -> None:
    said = "indexer 'counts' is not checked: it makes its table of other tables"

    with pytest.raises(TypeError, match=f"class TestCounts\\(IndexerContract\\): {said}"):
        type("TestCounts", (IndexerContract,), {"indexer": FromTables("counts", "images")})
    with pytest.raises(InvalidIndexerError, match=said):
        check_indexer(FromTables("counts", "images"))
