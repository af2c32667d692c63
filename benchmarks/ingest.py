"""What an ingest of a folder costs beside a plain loop of tifffile and zarr, and how much memory it takes.

    python benchmarks/ingest.py --files 20 --megabytes 36 --repeats 5
    python benchmarks/ingest.py --large 2400

The files hold noise as a detector of 12 bits gives it, so that they compress as real ones do. The plain
loop reads each file with `tifffile.imread` and writes it with `zarr.create_array`, in the same chunks
and with the same codecs; it hashes nothing and notes nothing. Both are tried with zarr as it comes, which
encodes several chunks of an array at once, and with zarr held to one chunk at a time; kymflow also takes
two files at once (`executor=ThreadPoolExecutor(2)`), beside two threads and one that do nothing but
compress.

With `--large`, files of so many MB are ingested, each by a process of its own: one image, the same
compressed, and a stack of pages.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
import zarr
from numcodecs import Zstd

from kymflow_zarr import ZarrDataset
from kymflow_zarr.formats.pixels import choose_chunks

WIDTH = 1000
ROWS_PER_STRIP = 100
PAGE_BYTES = 20_000_000
LARGEST_12_BIT = 4095
ONE_CHUNK_AT_A_TIME = {"async.concurrency": 1}


def noise(random: np.random.Generator, n_bytes: int) -> npt.NDArray[np.uint16]:
    """Return lines of a dim vessel: the photons that a detector counts."""
    brightness = 200 + 150 * np.sin(np.linspace(0, np.pi, WIDTH))
    lines = random.poisson(brightness, (n_bytes // 2 // WIDTH, WIDTH))
    return lines.clip(0, LARGEST_12_BIT).astype(np.uint16)


def make_folder(folder: Path, n_files: int, megabytes: int) -> list[Path]:
    folder.mkdir()
    random = np.random.default_rng(0)
    paths = [folder / f"scan_{number:04}.tif" for number in range(n_files)]
    for path in paths:
        tifffile.imwrite(path, noise(random, megabytes * 1_000_000))
    return paths


def ingest(folder: Path, target: Path, threads: int = 0) -> None:
    with ExitStack() as stack:
        executor = stack.enter_context(ThreadPoolExecutor(threads)) if threads else None
        report = ZarrDataset(target).sync_from_folder(folder, executor=executor)
    assert not report.failed, report.failed


def plain_loop(paths: Sequence[Path], target: Path) -> None:
    for path in paths:
        pixels = tifffile.imread(path)
        array = zarr.create_array(
            target / path.stem,
            shape=pixels.shape,
            dtype=pixels.dtype,
            chunks=choose_chunks(pixels.shape, pixels.dtype.itemsize),
        )
        array[...] = pixels


def compress(chunks: Sequence[npt.NDArray[np.uint16]], threads: int) -> None:
    codec = Zstd()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(codec.encode, chunks))


def in_turn(
    actions: dict[str, Callable[[], object]], repeats: int, clean: Callable[[], object]
) -> dict[str, list[tuple[float, float]]]:
    """Return the wall and CPU seconds of each action in each round; the first round is not counted."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for repeat in range(repeats + 1):
        for name, action in actions.items():
            clean()
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            if repeat:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def compare(folder: Path, n_files: int, megabytes: int, repeats: int) -> None:
    paths = make_folder(folder / "tiffs", n_files, megabytes)
    target = folder / "target"
    random = np.random.default_rng(1)
    chunks = [noise(random, 8_000_000) for _ in range(12)]

    def clean() -> None:
        shutil.rmtree(target, ignore_errors=True)

    def held(action: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            with zarr.config.set(ONE_CHUNK_AT_A_TIME):
                action()

        return run

    times = in_turn(
        {
            "plain loop": lambda: plain_loop(paths, target),
            "kymflow": lambda: ingest(paths[0].parent, target),
            "plain loop, one chunk at a time": held(lambda: plain_loop(paths, target)),
            "kymflow, one chunk at a time": held(lambda: ingest(paths[0].parent, target)),
            "kymflow, two threads": lambda: ingest(paths[0].parent, target, 2),
            "both: one chunk, two threads": held(lambda: ingest(paths[0].parent, target, 2)),
            "compressed by 1 thread": lambda: compress(chunks, 1),
            "compressed by 2 threads": lambda: compress(chunks, 2),
        },
        repeats,
        clean,
    )
    for name, pairs in times.items():
        wall, cpu = (statistics.median(pair[which] for pair in pairs) for which in (0, 1))
        print(f"{name:32} {wall:7.3f} s, CPU {cpu:7.3f} s")
    for ours, other in (
        ("kymflow", "plain loop"),
        ("kymflow, one chunk at a time", "plain loop, one chunk at a time"),
        ("kymflow", "kymflow, two threads"),
        ("kymflow, one chunk at a time", "both: one chunk, two threads"),
        ("compressed by 1 thread", "compressed by 2 threads"),
    ):
        both = list(zip(times[ours], times[other], strict=True))
        wall, cpu = (statistics.median(a[which] / b[which] for a, b in both) for which in (0, 1))
        print(f"{ours} / {other}: {wall:.2f}x, CPU {cpu:.2f}x")


COMMAND = """
from kymflow.cli.main import main
sys.argv[1:] = ["ingest", sys.argv[2], sys.argv[1]]
try:
    main()
except SystemExit as ended:
    assert not ended.code
"""
# A stack is no kymograph: the storage alone takes it.
STORAGE = """
from kymflow_zarr import ZarrDataset
report = ZarrDataset(sys.argv[2]).sync_from_folder(sys.argv[1])
assert not report.failed, report.failed
"""
BEGIN = "import sys, time\nbegan = time.perf_counter()"
END = """
print()
print(time.perf_counter() - began, time.process_time())
print(next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line))
"""


def write_pages(path: Path, page: npt.NDArray[np.uint16], n_pages: int) -> None:
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for _ in range(n_pages):
            writer.write(page, contiguous=False, metadata=None)


def write_one_image(path: Path, page: npt.NDArray[np.uint16], n_pages: int) -> None:
    image = tifffile.memmap(path, shape=(n_pages * len(page), WIDTH), dtype=page.dtype, bigtiff=True)
    for number in range(n_pages):
        image[number * len(page) : (number + 1) * len(page)] = page
    image.flush()


def write_compressed(path: Path, page: npt.NDArray[np.uint16], n_pages: int) -> None:
    write_one_image(path, page, n_pages)
    plain = path.rename(path.with_suffix(".plain"))
    tifffile.imwrite(
        path,
        tifffile.memmap(plain, mode="r"),
        bigtiff=True,
        compression="zlib",
        compressionargs={"level": 1},
        rowsperstrip=ROWS_PER_STRIP,
    )
    plain.unlink()


def large(folder: Path, megabytes: int) -> None:
    page = noise(np.random.default_rng(0), PAGE_BYTES)
    for write, program in ((write_one_image, COMMAND), (write_compressed, COMMAND), (write_pages, STORAGE)):
        source = folder / write.__name__
        source.mkdir()
        write(source / "large.tif", page, megabytes * 1_000_000 // PAGE_BYTES)
        size = (source / "large.tif").stat().st_size
        command = [sys.executable, "-c", BEGIN + program + END, str(source), str(folder / "lab.zarr")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, cpu, peak_kib = map(float, done.stdout.split()[-3:])
        name = f"{write.__name__.removeprefix('write_')}, {size / 1e6:.0f} MB"
        print(f"{name:24} {wall:6.1f} s, CPU {cpu:6.1f} s, {peak_kib / 1024:4.0f} MiB at its peak")
        shutil.rmtree(source)
        shutil.rmtree(folder / "lab.zarr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--megabytes", type=int, default=36)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--large", type=int, metavar="MB", help="ingest large files instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.large:
            large(Path(folder), arguments.large)
        else:
            compare(Path(folder), arguments.files, arguments.megabytes, arguments.repeats)


if __name__ == "__main__":
    main()
