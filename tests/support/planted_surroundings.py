"""Indexers with one fault each in what is around the record: process, machine, files, clock, copies."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import gc
import getpass
import io
import json
import locale
import logging
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from datetime import datetime as imported_datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from kymflow import Column, ZarrDataset, ZarrImageRecord
from support.planted_faults import Reports

# Checks that catch something here first.
CAUGHT_BY = (
    "never_ends_its_process",
    "leaves_no_files",
    "leaves_nothing_running",
    "opens_no_other_file",
    "asks_no_network",
    "starts_no_program",
    "rows_depend_on_no_machine",
    "promises_are_the_same_everywhere",
    "an_edit_is_seen",
    "copies_give_the_same_rows",
    "columns_are_not_of_one_image",
    "columns_are_the_same_for_other_ids",
    "dark_pixels_are_no_error",
    "no_pixels_are_never_fatal",
)

# Ends of the process


class EndsItsProcess(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        os._exit(3)


class EndsItsProcessAtDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            os._exit(0)


class CrashesAtDamage(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        try:
            return super().extract_rows(rec)
        except ValueError:
            os.kill(os.getpid(), signal.SIGSEGV)
            raise


class AbortsWithoutArtifact(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        rows = super().extract_rows(rec)
        if not len(rows):
            os.abort()
        return rows


class EndsWhenUnpickled(Reports):
    def __setstate__(self, state: object) -> None:
        if os.environ.get("TMPDIR", "").endswith(".tmp"):
            os._exit(4)

    def __getstate__(self) -> dict[str, Any]:
        return {"state": 1}


class EndsTheSecondTime(Reports):
    calls: ClassVar[int] = 0

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        EndsTheSecondTime.calls += 1
        if EndsTheSecondTime.calls > 20:
            os._exit(5)
        return report


# What all code in a process shares


class Changes(Reports):
    """Changes something for good; each subclass says what."""

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        self.change()
        return report

    def change(self) -> None:
        raise NotImplementedError


class IgnoresWarnings(Changes):
    def change(self) -> None:
        warnings.simplefilter("ignore")


class RaisesNumbersErrors(Changes):
    def change(self) -> None:
        np.seterr(all="raise")


class SetsAnOption(Changes):
    def change(self) -> None:
        pd.set_option("display.precision", 3)


class SilencesLogging(Changes):
    def change(self) -> None:
        logging.disable(logging.CRITICAL)


class LogsEverything(Changes):
    def change(self) -> None:
        logging.basicConfig(level=logging.DEBUG)


class SetsALocale(Changes):
    def change(self) -> None:
        locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_NUMERIC) == "C" else "C")


class AppendsAPath(Changes):
    def change(self) -> None:
        sys.path.append("/nowhere")


class ReplacesStdout(Changes):
    def change(self) -> None:
        sys.stdout = io.StringIO()


class RaisesTheRecursionLimit(Changes):
    def change(self) -> None:
        sys.setrecursionlimit(sys.getrecursionlimit() + 1000)


class SetsATimeout(Changes):
    def change(self) -> None:
        socket.setdefaulttimeout(5.0)


class SetsTheUmask(Changes):
    def change(self) -> None:
        os.umask(0o007)


class StopsTheCollector(Changes):
    def change(self) -> None:
        gc.disable()


class RoundsDecimals(Changes):
    def change(self) -> None:
        decimal.getcontext().prec = 6


class IgnoresInterrupts(Changes):
    def change(self) -> None:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


# What stays


class LeavesAFile(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        number, path = tempfile.mkstemp()
        os.write(number, b"rows")
        os.close(number)
        return report.assign(n_bytes=Path(path).stat().st_size)


class LeavesThreads(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return report


class DelaysTheExit(Reports):
    thread: ClassVar[threading.Thread | None] = None

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        if DelaysTheExit.thread is None and os.environ.get("TMPDIR", "").endswith(".tmp"):
            DelaysTheExit.thread = threading.Thread(target=threading.Event().wait)
            DelaysTheExit.thread.start()
        return report


class LeavesFilesOpen(Reports):
    opened: ClassVar[list[Any]] = []

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        LeavesFilesOpen.opened.append(open(__file__, "rb"))  # noqa: SIM115
        return report


# Beside the record


class ReadsSettingsInTheHome(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            settings = json.loads((Path.home() / ".planted.json").read_text("utf-8"))
        except FileNotFoundError:
            return report
        return report[report["mean_velocity"] > settings["threshold"]]


class LooksForSettings(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        path = Path("planted.toml")
        return report.assign(settings=path.read_text("utf-8")) if path.exists() else report


class ReadsAnotherTable(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        other = Path("/data/other-lab.zarr/tables/normal_values.parquet")
        with contextlib.suppress(OSError):
            return report.assign(normal=pd.read_parquet(other)["mean"].iloc[0])
        return report


class OpensAnotherDataset(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            normal = ZarrDataset("/data/other-lab.zarr", "r").load_table("normal_values")
        except FileNotFoundError:
            return report
        return report.assign(normal=normal["mean"].iloc[0])


class TakesATableThatIsThere(Reports):
    """A table of the same dataset, if there is one: the rows are others before the first rebuild."""

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            events = ZarrDataset(rec._store.url, "r").load_table("velocity_events")
        except FileNotFoundError:
            return report
        return report.assign(n_events_of_all=len(events))


class KeepsACacheFile(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        cache = Path(tempfile.gettempdir()) / f"planted-{rec.image_id}.json"
        if not cache.exists():
            cache.write_text("[]", "utf-8")
        return report


class ListsAFolder(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(has_corrections="corrections.csv" in os.listdir("."))


class AsksAServer(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        with contextlib.suppress(OSError):
            urllib.request.urlopen("http://127.0.0.1:9/normal-values", timeout=1.0)
        return report


class ConnectsToAPort(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        with socket.socket() as connection:
            connection.connect_ex(("127.0.0.1", 9))
        return report


class StartsAProgram(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        subprocess.run([sys.executable, "-c", ""], check=True)
        return report


# The machine


class KnowsItsHost(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(host=socket.gethostname())


class KnowsItsNode(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(host=platform.node())


class KnowsItsUser(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(by=getpass.getuser())


class CountsProcessors(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(parts=os.cpu_count())


class KnowsItsHome(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(home=str(Path.home()))


class WritesWithAComma(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(text=str(1.5).replace(".", str(locale.localeconv()["decimal_point"])))


class ReadsTheEnvironmentWhenMade(Reports):
    def __init__(self) -> None:
        self.threshold = os.environ.get("KYM_PLANTED_LABEL", "none")

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(label=self.threshold)


_LABEL = os.environ.get("KYM_PLANTED_AT_IMPORT", "none")
_HOST = socket.gethostname()


class ReadTheEnvironmentAtImport(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(label=_LABEL)


class KnewItsHostAtImport(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(host=_HOST)


# What it promises


class ColumnsOfASet(Reports):
    columns = tuple(
        Column(name, "float", required=False) for name in {"mean", "median", "low", "high", "width", "error"}
    )


class ColumnsByTheHost(Reports):
    def required_columns(self) -> list[str]:
        return ["roi_id"] if socket.gethostname() == "another-host" else []


class ColumnsByVariableWhenMade(Reports):
    def __init__(self) -> None:
        self.extra = os.environ.get("KYM_PLANTED_COLUMN", "")

    def required_columns(self) -> list[str]:
        return ["mean_velocity"] if self.extra else []


class VersionOfTheDay(Reports):
    @property
    def schema_version(self) -> str:
        return datetime.date.today().isoformat()


class VersionByProcessors(Reports):
    @property
    def schema_version(self) -> str:
        return f"1-{os.cpu_count()}"


class TableOfTheUser(Reports):
    def __init__(self) -> None:
        self.table_name = f"planted_{Path.home().name or 'root'}"


# The clock


class HourOfTheDay(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(hour=imported_datetime.now(datetime.UTC).hour)


class MorningOrNot(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(morning=time.gmtime().tm_hour < 12)


class HourOfPandas(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(hour=pd.Timestamp.now("UTC").hour)


class Weekends(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(weekend=datetime.datetime.now().weekday() >= 5)


# Copies and edits


class CachesByLength(Reports):
    """A cache that is asked only after reading, by image and length: an edit of equal length is lost."""

    def __init__(self) -> None:
        self.rows_by_length: dict[tuple[str, int], pd.DataFrame] = {}

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return self.rows_by_length.setdefault((rec.image_id, len(report)), report).copy()


_BY_LENGTH: dict[tuple[str, int], pd.DataFrame] = {}


class CachesByLengthInTheModule(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return _BY_LENGTH.setdefault((rec.image_id, len(report)), report).copy()


class SettingInTheClass(Reports):
    scale: ClassVar[float] = 1.0

    def __init__(self) -> None:
        type(self).scale = 1000.0

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(mean_velocity=report["mean_velocity"] * self.scale)


class LosesItsSetting(Reports):
    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold

    def __reduce__(self) -> Any:
        return (LosesItsSetting, ())

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report[report["mean_velocity"] > self.threshold]


class LosesItInDeepcopies(Reports):
    def __init__(self, factor: float = 3.0) -> None:
        self.factor = factor

    def __deepcopy__(self, memo: object) -> Any:
        return LosesItInDeepcopies(1.0)

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.assign(speed=report["mean_velocity"] * self.factor)


class CannotBePickledAfterwards(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        self.note = lambda: len(report)
        return report


# Rows


class RoiInAnUnnamedIndex(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report[["mean_velocity"]].set_axis(report["roi_id"].to_numpy())


class ColumnOfEachImage(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        return report.rename(columns={"mean_velocity": f"velocity of {rec.image_id[:8]}"})


class ColumnOfSomeImages(Reports):
    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        # The version of the UUID: the sample's ids have another one than those that the check gives.
        return report.rename(columns={"mean_velocity": f"velocity_{rec.image_id[14:15]}"})


class DividesByPixels(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        pixels = rec.load_array()
        return pd.DataFrame({"contrast": [int(pixels.max()) // int(pixels.sum())]})


class ExitsWithoutLines(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        pixels = rec.load_array()
        if not pixels.size:
            sys.exit("no pixels")
        return pd.DataFrame({"mean": [pixels.mean()]})


class EndsWithoutLines(Reports):
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        pixels = rec.load_array()
        if not pixels.size:
            os._exit(6)
        return pd.DataFrame({"mean": [pixels.mean()]})


class FallsBackOnDamage(Reports):
    """An optional artifact that the sample lacks: any error is taken for its absence."""

    def rows(self, report: pd.DataFrame, rec: ZarrImageRecord) -> Any:
        try:
            factor = rec.load_json("calibration")["factor"]
        except Exception:  # noqa: BLE001
            factor = 1.0
        return report.assign(mean_velocity=report["mean_velocity"] * factor)
