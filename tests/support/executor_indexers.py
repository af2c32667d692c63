"""Indexers that other processes import, and what they do there."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kymflow import ZarrImageRecord

from .executors import IDS, TABLE
from .process_changes import change


@dataclass(frozen=True)
class Custom:
    """Rows of ``rows.json`` with code of its own; fails where there is ``fail`` in them."""

    name: str = "rows"
    table_name: str = "rows"
    schema_version: str = "1"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            found = rec.load_json("rows")
        except FileNotFoundError:
            return pd.DataFrame()
        if "fail" in found:
            raise ValueError(f"cannot take {found['fail']!r}")
        return pd.DataFrame({"n": [found["a"]] * 3, "k": range(3), "word": found.get("c")})


@dataclass(frozen=True)
class Slow(Custom):
    """Takes its time."""

    seconds: float = 0.0

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        time.sleep(self.seconds)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Changing(Custom):
    """Changes the process it runs in with every image."""

    what: str = ""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        change(self.what)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Killer(Custom):
    """Ends its process at one image: as long as a file is there, which it removes or not."""

    victim: str = ""
    flag: str = ""
    once: bool = True

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        if rec.image_id == self.victim and os.path.exists(self.flag):
            if self.once:
                os.unlink(self.flag)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Met(Custom):
    """Extracts rows once two processes are at it."""

    folder: str = ""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        with open(os.path.join(self.folder, str(os.getpid())), "wb"):
            pass
        while len(os.listdir(self.folder)) < 2:
            time.sleep(0.01)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Crasher(Custom):
    """Ends its process where there is ``end`` in the rows: with this exit code, or by minus this signal.

    With a `folder`, it does so only the first `times`, and notes the process there.
    """

    folder: str = ""
    times: int = 1

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        end = rec.load_json("rows").get("end")
        if end is not None and (not self.folder or self.notes_process(rec.image_id) <= self.times):
            self.end(end)
        return super().extract_rows(rec)

    def notes_process(self, image_id: str) -> int:
        """Note the process; return which one it is for this image."""
        number = len([name for name in os.listdir(self.folder) if name.startswith(f"{image_id}.")]) + 1
        part = os.path.join(self.folder, "part")
        with open(part, "w", encoding="utf-8") as file:
            file.write(str(os.getpid()))
        os.replace(part, os.path.join(self.folder, f"{image_id}.{number}"))
        return number

    def end(self, how: Any) -> None:
        """End the process."""
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "exit":
            sys.exit(3)
        if how >= 0:
            os._exit(how)
        # pytest's would print a traceback of a crash that is meant.
        faulthandler.disable()
        os.kill(os.getpid(), -how)


@dataclass(frozen=True)
class Hanging(Crasher):
    """Ends its process the first `ends` times, and the next `times` waits until somebody kills it."""

    ends: int = 0

    def end(self, how: Any) -> None:
        """End the process, or wait."""
        if len(os.listdir(self.folder)) <= self.ends:
            super().end(how)
        threading.Event().wait()


def prepare(word: str) -> None:
    """Prepare a worker."""
    os.environ["OF_THE_LAB"] = word


@dataclass(frozen=True)
class Prepared(Crasher):
    """Gives what a worker finds in its environment."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return super().extract_rows(rec).assign(word=os.environ.get("OF_THE_LAB"))


@dataclass(frozen=True)
class AtWork(Custom):
    """Says that it is at work, and never ends."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        # At once, so that nothing comes in between.
        os.write(1, b"at work\n")
        threading.Event().wait()
        return super().extract_rows(rec)


def _refuse() -> Any:
    raise ModuleNotFoundError("No module named 'lab_plugin'")


@dataclass(frozen=True)
class Unknown(Custom):
    """Can be sent, but not be read where it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_refuse, ())


def double(number: int) -> int:
    """Whatever else an executor may be asked to do."""
    return 2 * number


class Waiting:
    """Waits at every image but the first until it is told to go on."""

    name = table_name = TABLE

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waits, self.go_on = threading.Event(), threading.Event()

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.asked.append(rec.image_id)
        if rec.image_id != IDS[0]:
            self.waits.set()
            assert self.go_on.wait(60), "nobody said so"
        return Custom().extract_rows(rec)
