"""Indexers with one fault each, for the tests of the conformance kit."""

from __future__ import annotations

import datetime
import os
import random
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from kymflow import Column, ZarrDataset, ZarrImageRecord
from kymflow_zarr.layout import record_prefix

# What the faulty ones have in common: where they are right.


class Reports:
    """A row per radon report: right, until a subclass spoils it."""

    name = "planted"
    table_name = "planted"

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            report = rec.load_df_parquet("radon_report")
        except FileNotFoundError:
            return pd.DataFrame()
        return self.rows(report, rec)

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report[["roi_id", "mean_velocity"]]


# Promises


class WithoutName:
    table_name = "planted"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame()


class VersionIsANumber(Reports):
    schema_version = 2


class RequiredColumnsRaise(Reports):
    def required_columns(self) -> list[str]:
        raise RuntimeError("no columns today")


class NameRaises(Reports):
    @property
    def name(self) -> str:  # type: ignore[override]
        raise RuntimeError("no name yet")


class AwkwardName(Reports):
    name = "my events!"


class BlankVersion(Reports):
    schema_version = " "


class RequiredTwice(Reports):
    def required_columns(self) -> list[str]:
        return ["roi_id", "mean_velocity", "roi_id"]


class HoldsALambda(Reports):
    def __init__(self) -> None:
        self.scale = lambda value: value * 2


class ForgetsItsName(Reports):
    def __init__(self, name: str = "planted") -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return (ForgetsItsName, ())


class VersionIsNew(Reports):
    @property
    def schema_version(self) -> str:
        return uuid.uuid4().hex


class LearnsItsColumns(Reports):
    def __init__(self) -> None:
        self.known: list[str] = []

    def required_columns(self) -> list[str]:
        return self.known

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        self.known = list(report.columns)
        return report


# Writing


class Writes(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        rec.save_json("seen", True)
        return report


class SwallowsTheRefusal(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            rec.save_df_parquet("radon_report", report)
        except Exception:  # noqa: BLE001
            return report
        return report


class WritesPixels(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            rec.save_array(rec.load_array() * 0)
        except PermissionError:
            return report
        return report


class WritesByPath(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        (Path(rec._store.url) / "images" / rec.image_id / "seen.txt").write_text("seen", "utf-8")
        return report


# Rows of one record


class ReturnsDicts(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.to_dict("records")


class ReturnsNothing(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        rows = super().extract_rows(rec)
        return rows if len(rows) else None


class ReturnsAGenerator(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return (row for row in report.to_dict("records"))


class MisspellsAColumn(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report[["roi_id", "mean_velocity_mm_s"]]


class FailsWithoutEvents(Reports):
    """Takes the first event of images that have none."""

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            events = rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return pd.DataFrame()
        return pd.DataFrame({"first_s": [events["t0_s"].iloc[0]]})


class NeverComesBack(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        threading.Event().wait()
        return report


class ClaimsAnotherImage(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(image_id="image 1")


class LacksARequiredColumn(Reports):
    def required_columns(self) -> list[str]:
        return ["roi_id", "accepted_by"]


class RoiInTheIndex(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.groupby("roi_id")[["mean_velocity"]].mean()


class StatisticsInTheIndex(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report[["mean_velocity"]].describe()


# Purity


class RandomNumbers(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(jitter=random.random())


class NestedRandomNumbers(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(found=[{"b": [[random.random()]]} for _ in range(len(report))])


class NewIds(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(row_id=[uuid.uuid4().hex for _ in range(len(report))])


class GrowsItsDefault(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord, all_rows: list[Any] = []) -> Any:  # noqa: B006
        all_rows += report.to_dict("records")
        return pd.DataFrame(all_rows)


class NotesTheTime(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(made=pd.Timestamp.now())


_ROWS: dict[str, pd.DataFrame] = {}


class RemembersInTheModule(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        if rec.image_id not in _ROWS:
            _ROWS[rec.image_id] = super().extract_rows(rec)
        return _ROWS[rec.image_id].copy()


class RemembersInTheInstance(Reports):
    def __init__(self) -> None:
        self.reports: dict[str, pd.DataFrame] = {}

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        if rec.image_id not in self.reports:
            self.reports[rec.image_id] = super().extract_rows(rec)
        return self.reports[rec.image_id].copy()


class MutatesWhatItCached(Reports):
    """Caches a JSON artifact and changes it in place, so that it is another at the next load."""

    parameters: ClassVar[dict[str, Any]] = {}

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        parameters = self.parameters.setdefault(rec.image_id, rec.load_json("radon/params"))
        parameters["used"] = parameters.get("used", 0) + 1
        return report.assign(used=parameters["used"])


class ReadsAllRecords(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(n_images=len(list(rec._store.list("images"))))


class OpensTheDataset(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(n_images=len(ZarrDataset(rec._store.url, "r").list_image_ids()))


class ReadsByPath(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        path = Path(rec._store.url) / "images" / rec.image_id / "analysis" / "radon_report.parquet"
        return pd.read_parquet(path) if path.exists() else pd.DataFrame()


class ReadsUnseen(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        data, _ = rec._store._store.read(f"{record_prefix(rec.image_id)}/analysis/radon/params.json")
        return report.assign(n_bytes=len(data))


class KnowsItsFolder(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(folder=Path.cwd().name)


class ReadsTheEnvironment(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        threshold = float(os.environ.get("KYM_PLANTED_THRESHOLD", "0"))
        return report[report["mean_velocity"] > threshold]


class SeedsNumpy(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        np.random.seed(0)
        return report.assign(jitter=np.random.random())


class ChangesDirectory(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        os.chdir(tempfile.gettempdir())
        return report


class SetsAVariable(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        os.environ["KYM_PLANTED_IMAGE"] = rec.image_id
        return report


# State


class KeepsTheFirstMean(Reports):
    def __init__(self) -> None:
        self.first: float | None = None

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        if self.first is None:
            self.first = float(report["mean_velocity"].iloc[0])
        return report.assign(relative=report["mean_velocity"] / self.first)


class NumbersItsImages(Reports):
    def __init__(self) -> None:
        self.number = 0

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        self.number += 1
        return report.assign(number=self.number)


class RefillsOneFrame(Reports):
    def __init__(self) -> None:
        self.frame = pd.DataFrame()

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        for name in list(self.frame.columns):
            del self.frame[name]
        self.frame.index = report.index
        for name in report.columns:
            self.frame[name] = report[name]
        return self.frame


class HoldsItsRecord(Reports):
    """Sets the record as an attribute: right, until two threads share the instance."""

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        self.rec = rec
        report = self.load()
        if report is None:
            return pd.DataFrame()
        return self.finish(report)

    def load(self) -> pd.DataFrame | None:
        try:
            return self.rec.load_df_parquet("radon_report")
        except FileNotFoundError:
            return None

    def finish(self, report: pd.DataFrame) -> pd.DataFrame:
        return report.assign(tag=self.rec.image_id[:8])


# Damage


class FailsWithoutArtifact(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        return self.rows(rec.load_df_parquet("radon_report"), rec)


class NeedsASecondArtifact(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(n_events=len(rec.load_df_parquet("velocity_events")))


class InventsARow(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        rows = super().extract_rows(rec)
        return rows if len(rows) else pd.DataFrame({"roi_id": [1], "mean_velocity": [0.0]})


class MeanOfNothing(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            trace = rec.load_df_parquet("radon")
        except FileNotFoundError:
            return pd.DataFrame()
        return pd.DataFrame({"mean_mm_s": [trace["velocity"].mean()]})


class FirstOfNothing(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return pd.DataFrame({"mean_velocity": [report["mean_velocity"].iloc[0]]})


class SwallowsDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except Exception:  # noqa: BLE001
            return pd.DataFrame()


class SwallowsAnotherShape(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            parameters = rec.load_json("radon/params")
        except FileNotFoundError:
            return pd.DataFrame()
        if not isinstance(parameters, dict):
            return pd.DataFrame()
        return pd.DataFrame([{"analysis": key, **values} for key, values in parameters.items()])


class MakesRowsOfDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            return pd.DataFrame({"roi_id": [0], "mean_velocity": [np.nan]})


class ExitsOnDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError as error:
            sys.exit(f"damaged: {error}")


class InterruptsOnDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            raise KeyboardInterrupt from None


class WaitsOnDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            threading.Event().wait()
            raise


class GivesUpAfterDamage(Reports):
    def __init__(self) -> None:
        self.failed = False

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        if self.failed:
            return pd.DataFrame()
        try:
            return super().extract_rows(rec)
        except ValueError:
            self.failed = True
            raise


class SpeechlessError(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class RaisesSpeechlessErrors(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            raise SpeechlessError from None


# Tables


class MixesOneColumn(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        mixed = pd.concat([report, report], ignore_index=True)[["roi_id"]]
        mixed["note"] = pd.Series([1, "one"], dtype=object)
        return mixed


class NumbersAsColumnNames(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.T.reset_index(drop=True).T


class DeclaresAnotherType(Reports):
    columns = (Column("mean_velocity", "int"),)


class TextOrNumber(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return pd.DataFrame({"speed": [v if v > 0.8 else "slow" for v in report["mean_velocity"]]})


class SometimesInUtc(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        zone = "UTC" if report["mean_velocity"].mean() > 0.8 else None
        return report.assign(start=pd.Timestamp("2020-01-01", tz=zone))


class NotesFileTimes(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        found = rec._store.stat(f"{record_prefix(rec.image_id)}/analysis/radon_report.parquet")
        assert found is not None
        return report.assign(changed_ns=found.mtime_ns)


class LooksAtTheOldTable(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            rec._store._store.read("tables/planted.parquet")
        except FileNotFoundError:
            return report.assign(is_new=True)
        return report.assign(is_new=False)


# Another process


class OrderOfASet(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        names = {"mean", "median", "minimum", "maximum", "deviation", "error", "count", "note"}
        return report.assign(names=" ".join(names))


class ClassKeepsTheFirst(Reports):
    first: ClassVar[float | None] = None

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        if ClassKeepsTheFirst.first is None:
            ClassKeepsTheFirst.first = float(report["mean_velocity"].iloc[0])
        return report.assign(relative=report["mean_velocity"] / ClassKeepsTheFirst.first)


class NotesTheDate(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(made=datetime.date.today().isoformat())


class CountsTheYears(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(years=int(time.time() // (365 * 24 * 3600)))


class GivesLocalTimes(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(start=datetime.datetime.fromtimestamp(1_000_000_000).isoformat())
