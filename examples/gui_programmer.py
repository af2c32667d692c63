"""A program with two windows that refreshes a dataset in the background; a loop stands for the toolkit's.

Run it from anywhere: `python examples/gui_programmer.py`. It works on a simulated lab in a temporary folder,
which it deletes at the end, and on nobody's files. What it shows is explained in docs/gui.md.
"""

from __future__ import annotations

import queue
import sys
import tempfile
import threading
from pathlib import Path

from kymflow import CancelledError, KymDataset, KymflowError, UpdateReport, get_registry
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer

# What a worker tells the window: a word, and what goes with it.
Message = tuple[str, object]


class RefreshWorker(threading.Thread):
    """Refreshes all tables, with a KymDataset of its own."""

    def __init__(self, path: Path, messages: queue.SimpleQueue[Message], cancel: threading.Event) -> None:
        super().__init__(name="refresh")
        self.path = path
        self.messages = messages
        self.cancel = cancel

    def run(self) -> None:
        """Tell how it goes; nothing here touches a widget."""
        try:
            kd = KymDataset(self.path)
            reports = kd.refresh_all(
                on_error="skip",
                on_table=lambda table: self.messages.put(("table", table)),
                on_progress=lambda done, total: self.messages.put(("progress", (done, total))),
                cancel=self.cancel,
            )
        except CancelledError:
            self.messages.put(("cancelled", None))
        except KymflowError as error:
            self.messages.put(("failed", str(error)))
        else:
            self.messages.put(("done", reports))


class Window:
    """A window on one table; whatever it does, it does in the main thread."""

    def __init__(self, title: str, path: Path, table: str) -> None:
        self.title = title
        self.path = path
        self.table = table
        self.kd = KymDataset(path, "r")
        self.version: str | None = "not looked at yet"
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.cancel = threading.Event()
        self.worker: RefreshWorker | None = None

    def press_refresh(self) -> None:
        """Begin a refresh, unless one is under way."""
        if self.worker is None:
            self.cancel.clear()
            self.worker = RefreshWorker(self.path, self.messages, self.cancel)
            self.worker.start()

    def press_cancel(self) -> None:
        """End it at the next image; the tables stay whole."""
        self.cancel.set()

    def close(self) -> None:
        """Leave no thread behind that writes."""
        self.cancel.set()
        if self.worker is not None:
            self.worker.join()

    def tick(self) -> None:
        """Take in what the worker has told, and look whether the table is another one."""
        progress = None
        while not self.messages.empty():
            word, content = self.messages.get()
            if word == "progress":
                progress = content  # only the last one is worth drawing
            elif word == "table":
                self.show(f"refreshing {content} ...")
            else:
                self.worker = None
                self.show(self.in_words(word, content))
        if progress is not None:
            self.draw_bar(progress)
        version = self.kd.table_version(self.table)
        if version != self.version:
            self.version = version
            self.repaint()

    def repaint(self) -> None:
        """Show what is in the table now."""
        if self.version is None:
            self.show(f"there is no table {self.table} yet")
            return
        rows = self.kd.load_arrow(self.table, columns=["image_id", "roi_id"])
        n_images = len(rows.column("image_id").unique())
        self.show(f"{rows.num_rows} rows of {n_images} images in {self.table}")

    def in_words(self, word: str, content: object) -> str:
        """Say how a refresh ended."""
        if not isinstance(content, dict):
            return word if content is None else f"{word}: {content}"
        reports: dict[str, UpdateReport] = content
        return ", ".join(f"{name}: {len(report.updated)} images updated" for name, report in reports.items())

    def show(self, text: str) -> None:
        """Stand for a label."""
        print(f"[{self.title}] {text}")

    def draw_bar(self, progress: object) -> None:
        """Stand for a progress bar."""


def run_event_loop(windows: list[Window]) -> None:
    """Stand for the toolkit's loop: tick each window until no refresh is under way and all is told."""
    pause = threading.Event()
    while any(window.worker is not None for window in windows):
        for window in windows:
            window.tick()
        pause.wait(0.05)
    for window in windows:
        window.tick()


def main(folder: Path) -> None:
    """Run the program below `folder`."""
    if not get_registry().list():  # the built-in plugin is not installed
        for indexer in (RadonReportIndexer(), VelocityEventsIndexer()):
            get_registry().register(indexer)
    simulate_folder(folder / "kymographs", n_images=6, seed=1)
    path = folder / "lab.zarr"
    kd = KymDataset(path, "a")
    kd.ds.refresh_from_folder(folder / "kymographs")  # images, and no tables yet

    windows = [Window("reports", path, "radon_report"), Window("events", path, "velocity_events")]
    for window in windows:
        window.tick()

    windows[0].press_refresh()
    windows[0].press_cancel()
    run_event_loop(windows)

    windows[0].press_refresh()
    run_event_loop(windows)

    # Another program edits an image and refreshes: both windows look, and one has something to show.
    record = kd.ds.record(kd.get_table("velocity_events")["image_id"].iloc[0])
    record.save_df_parquet("velocity_events", record.load_df_parquet("velocity_events").iloc[:0])
    kd.refresh_all()
    for window in windows:
        window.tick()
        window.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(f"{sys.argv[0]} takes no folder: it works on a simulated lab in a temporary one")
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
