"""The records on which an indexer is checked: always copies, in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.testing.conformance.findings import NotRun
from kymflow.testing.conformance.generated import generated_table
from kymflow.testing.lab_dataset import image_ids_by_file, make_lab
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import ColumnError, TableError
from kymflow_zarr.formats import frames
from kymflow_zarr.layout import IMAGES, TABLES, record_prefix, table_key

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

WriteArtifacts = Callable[["ZarrImageRecord", int], object]
AnyDataset = str | os.PathLike[str] | ZarrDataset | KymDataset

# Of the simulated lab, tables of these artifacts.
LAB_TABLES = ("radon_report", "velocity_events")
LAB_ARTIFACTS = ("metadata", "radon", "radon/params", "radon_report", "velocity_events")
N_IMAGES = 5
# Of a real dataset; more of them cost time and show little more.
MAX_COPIED = 8

HOW_TO_GIVE_A_SAMPLE = (
    "Give sample artifacts: check_indexer(indexer, write_artifacts=function), which is called with "
    "(record, number) for each of some simulated images, or a method write_artifacts(self, record, number) "
    "of the IndexerContract; or a dataset that has them: dataset=PATH, on the command line --dataset PATH"
)


@dataclass(frozen=True)
class Sample:
    """Some records, and what they were when they were made.

    Attributes
    ----------
    ds : ZarrDataset
        A local dataset. It has tables, as after an ingest: who looks beside a record finds some.
    image_ids : tuple of str
        Its images, in the order of their making.
    words : str
        What they are.
    files : dict of str to str
        The SHA-256 of every file, by path within the dataset.
    """

    ds: ZarrDataset
    image_ids: tuple[str, ...]
    words: str
    files: dict[str, str]

    def copy_to(self, path: Path, image_ids: Collection[str]) -> ZarrDataset:
        """Return a copy at `path` of just these images, without tables; its files are new to the system."""
        root, images = self.ds.path, os.path.join(self.ds.path, IMAGES)

        def others(folder: str, names: list[str]) -> set[str]:
            left_out = {root: {TABLES}, images: set(self.image_ids) - set(image_ids)}
            return set(names) & left_out.get(folder, set())

        shutil.copytree(self.ds.path, path, ignore=others, copy_function=shutil.copyfile)
        return ZarrDataset(path)


def make_sample(
    folder: Path,
    indexer: object,
    *,
    write_artifacts: WriteArtifacts | None = None,
    dataset: AnyDataset | None = None,
) -> Sample:
    """Make the sample for an indexer: see :func:`~kymflow.testing.check_indexer`.

    Raises
    ------
    NotRun
        There is no telling what the indexer's artifact is like.
    """
    if dataset is not None:
        return _copied(folder / "copied.zarr", dataset)
    artifact = indexer.artifact if isinstance(indexer, ArtifactIndexer) else None
    words = f"the simulated lab ({N_IMAGES} images)"
    if write_artifacts is None and isinstance(indexer, ArtifactIndexer) and artifact not in LAB_ARTIFACTS:
        write_artifacts = _writer_of_generated(indexer)
        words += f" with generated artifacts {artifact!r}"
    elif write_artifacts is not None:
        words += " with the author's artifacts"
    ds = ZarrDataset(folder / "sample.zarr")
    image_ids = [str(uuid.uuid4()) for _ in range(N_IMAGES)]
    records, tables = _lab()
    for image_id, files in zip(image_ids, records, strict=True):
        for name, data in files.items():
            ds.store.put(f"{record_prefix(image_id)}/{name}", data)
    for name, rows in tables.items():
        ds.save_table(name, pd.concat([one.assign(image_id=image_ids[number]) for number, one in rows]))
    if write_artifacts is not None:
        # The last image stays without: every lab has some that are not analysed.
        for number, image_id in enumerate(image_ids[:-1]):
            try:
                write_artifacts(ds.record(image_id), number)
            except Exception as error:
                error.add_note(f"raised by write_artifacts(record, {number}), which makes the sample records")
                raise
    return _finished(ds, image_ids, words)


@functools.cache
def _lab() -> tuple[Sequence[Mapping[str, bytes]], Mapping[str, Sequence[tuple[int, pd.DataFrame]]]]:
    """Return the files of each record of the simulated lab, and rows of tables with each one's place.

    It is made once, for any number of indexers.
    """
    with tempfile.TemporaryDirectory(prefix="kymflow-check-") as folder:
        kd = make_lab(Path(folder) / "lab.zarr", N_IMAGES)
        image_ids = image_ids_by_file(kd)
        records = [
            {
                found.key.split("/", 2)[-1]: kd.ds.store.read(found.key)[0]
                for found in kd.ds.store.list(record_prefix(image_id))
            }
            for image_id in image_ids
        ]
        tables = {name: list(_rows_of(kd, name, image_ids)) for name in LAB_TABLES}
    return records, tables


def _rows_of(kd: KymDataset, artifact: str, image_ids: Sequence[str]) -> Iterator[tuple[int, pd.DataFrame]]:
    for number, image_id in enumerate(image_ids):
        with contextlib.suppress(FileNotFoundError):
            yield number, kd.ds.record(image_id).load_df_parquet(artifact)


def _writer_of_generated(indexer: ArtifactIndexer) -> WriteArtifacts:
    if not indexer.columns:
        raise NotRun(
            f"the simulated lab has no artifact {indexer.artifact!r}, and none can be generated because "
            "the indexer declares no columns",
            HOW_TO_GIVE_A_SAMPLE,
        )

    def write(record: ZarrImageRecord, number: int) -> None:
        record.save_df_parquet(indexer.artifact, generated_table(indexer.columns, number))

    return write


def _copied(path: Path, dataset: AnyDataset) -> Sample:
    if isinstance(dataset, KymDataset):
        dataset = dataset.ds
    source = dataset if isinstance(dataset, ZarrDataset) else ZarrDataset(dataset, "r")
    image_ids = _choose(source)
    if not image_ids:
        raise NotRun(f"dataset {source.path} has no images", "Give one that has some")
    copy = ZarrDataset(path, zarr_format=2 if source.zarr_format == 2 else 3)
    for image_id in image_ids:
        for found in source.store.list(record_prefix(image_id)):
            copy.store.put(found.key, source.store.read(found.key)[0])
    for name in source.list_table_names():
        # One that is damaged, or not of images, is left out: the checks need none of its own.
        with contextlib.suppress(TableError, ColumnError):
            part = KymDataset(source).load_arrow(name, image_ids=image_ids)
            copy.store.put(table_key(name), frames.arrow_to_parquet(part))
    n_images = len(source.list_image_ids())
    return _finished(copy, image_ids, f"{len(image_ids)} of the {n_images} images of {source.path}")


def _choose(source: ZarrDataset) -> list[str]:
    """Return a few images: first those that have artifacts which none before them has."""
    known: set[str] = set()
    telling: list[tuple[int, str]] = []
    others: list[tuple[int, str]] = []
    for record in source.iter_records():
        start = len(record_prefix(record.image_id)) + 1
        names = {key[start:] for key in record.list_analysis_keys()}
        (others if names <= known else telling).append((-len(names), record.image_id))
        known |= names
    chosen = [image_id for _, image_id in [*telling, *sorted(others)]]
    return chosen[:MAX_COPIED]


def _finished(ds: ZarrDataset, image_ids: list[str], words: str) -> Sample:
    return Sample(ds, tuple(image_ids), words, digest_files(Path(ds.path)))


def digest_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
