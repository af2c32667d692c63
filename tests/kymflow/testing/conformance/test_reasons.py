"""Why checks could not be made: the indexer's own fault is not laid on the sample, and is told once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kymflow import ZarrImageRecord
from kymflow.testing import ConformanceReport, Finding, check_indexer
from kymflow.testing.conformance.findings import NotRun
from kymflow.testing.conformance.limits import describe_at
from kymflow.testing.conformance.subject import Subject
from support import faultless_indexers as faultless
from support import planted_faults as planted


class MakesNothing(planted.Reports):
    """Reads a report, and an artifact that nobody has, and makes no rows of them."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        for load, name in ((rec.load_df_parquet, "radon_report"), (rec.load_json, "nobody_has_it")):
            try:
                load(name)
            except FileNotFoundError:
                continue
        return pd.DataFrame()


class MakesNothingOfRates(faultless.HeartRate):
    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return super().extract_rows(rec).head(0)


def why_none(subject: Subject) -> NotRun:
    with pytest.raises(NotRun) as caught:
        _ = subject.good
    return caught.value


def test_an_error_in_every_record_is_the_reason_of_all_that_need_rows() -> None:
    report = check_indexer(planted.MisspellsAColumn(), report=True)

    (failed,) = report.failed
    assert failed.check == "returns_a_dataframe"
    assert failed.got.startswith("KeyError: ")
    where, _, source = failed.got.partition(", raised in ")[2].partition(": ")
    name, line = where.split(", line ")
    assert name == "support/planted_faults.py"
    assert source == '`return report[["roi_id", "mean_velocity_mm_s"]]`'
    assert source.strip("`") in Path(planted.__file__).read_text("utf-8").splitlines()[int(line) - 1]
    assert report.n_not_run > 20
    assert {str(finding).partition(" not run: ")[2] for finding in report.not_run} == {
        "returns_a_dataframe failed. See the check returns_a_dataframe"
    }
    assert report.not_run[0].text == str(report.not_run[0])


def test_what_is_no_dataframe_is_such_a_reason_too(tmp_path: Path) -> None:
    why = why_none(Subject(planted.ReturnsDicts(), tmp_path))

    assert (why.what, why.remedy) == ("returns_a_dataframe failed", "See the check returns_a_dataframe")


def test_only_what_no_record_has_is_said_to_be_lacking(tmp_path: Path) -> None:
    why = why_none(Subject(MakesNothing(), tmp_path))

    assert why.what == (
        "no record of the simulated lab (5 images) gave rows, though some have radon_report.parquet, which "
        "it asked for; it asked for nobody_has_it.json, nobody_has_it.json.gz, which they do not have"
    )


def test_an_artifact_is_there_whichever_of_its_forms_is(tmp_path: Path) -> None:
    """The last record has none, and is asked for both forms."""
    subject = Subject(MakesNothingOfRates(), tmp_path, write_artifacts=faultless.write_heart_rate)

    assert why_none(subject).what == (
        "no record of the simulated lab (5 images) with the author's artifacts gave rows, though some have "
        "heart_rate.json, which it asked for"
    )


def test_an_error_that_no_line_of_the_author_s_raised_is_told_alone() -> None:
    with pytest.raises(KeyError) as caught:
        pd.Series([1.0]).loc["x"]

    assert describe_at(caught.value, "some_lab_indexer") == "KeyError: 'x'"
    own = describe_at(caught.value, __name__)
    assert own.startswith("KeyError: 'x', raised in ")
    assert own.endswith(
        f'test_reasons.py, line {caught.traceback[0].lineno + 1}: `pd.Series([1.0]).loc["x"]`'
    )
    assert describe_at(ValueError("no traceback"), __name__) == "ValueError: no traceback"


WHY = "no record of some dataset with a very long name gave rows; it asked for a, b and c, and for many more"
REPORT = ConformanceReport(
    "planted",
    "the simulated lab (5 images) with generated artifacts 'heart_rate'",
    (
        Finding("one", "passed"),
        Finding("two", "failed", "a breach", "rows", "none", "Return " + "what it asks for " * 6),
        Finding("three", "not run", WHY, remedy="Give some"),
        Finding("four", "not run", WHY, remedy="Give some"),
        Finding("five", "not run", "there is one record", remedy="Give two"),
    ),
)


def test_a_report_tells_a_reason_once_in_lines_of_80_places() -> None:
    assert str(REPORT) == (
        "indexer 'planted' on the simulated lab (5 images) with generated artifacts\n"
        "  'heart_rate':\n"
        "2 checks ran, 1 failed; 3 could not run\n"
        "two failed\n"
        "  what:     a breach\n"
        "  expected: rows\n"
        "  got:      none\n"
        "  remedy:   Return what it asks for what it asks for what it asks for what it\n"
        "            asks for what it asks for what it asks for\n"
        "2 checks not run, as no record of some dataset with a very long name gave rows;\n"
        "  it asked for a, b and c, and for many more\n"
        "  checks:   three, four\n"
        "  remedy:   Give some\n"
        "five not run\n"
        "  what:     there is one record\n"
        "  remedy:   Give two"
    )


def test_reports_in_a_list_are_short() -> None:
    assert repr([REPORT]) == "[<ConformanceReport of 'planted': 1 passed, 1 failed, 3 not run>]"
    expected = Finding("one", "expected failure", "a breach", reason="until version 2")
    assert repr(ConformanceReport("planted", "any", (expected,))) == (
        "<ConformanceReport of 'planted': 1 failed as expected>"
    )
    assert repr(ConformanceReport("planted", "any", ())) == "<ConformanceReport of 'planted': no checks>"
