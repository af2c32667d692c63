"""Rows of a table as a user asks for them: which ones, in which order, with which columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.cli.columns import Elsewhere, chosen_columns, no_column
from kymflow.cli.hints import call
from kymflow.cli.where import matching_rows
from kymflow.core.kymographs.velocity_units import VELOCITY_UNIT, velocity_units
from kymflow.core.zarr.image_names import find_image
from kymflow.core.zarr.indexers.base import IMAGE_ID, normalize_table_name
from kymflow.core.zarr.tables.image_columns import IMAGES_TABLE
from kymflow.core.zarr.tables.info import ColumnInfo, TableInfo, describe_table
from kymflow_zarr import ColumnError, TableNotFoundError
from kymflow_zarr.layout import SOURCES_TABLE

if TYPE_CHECKING:
    from kymflow.core.zarr.kym_dataset import KymDataset
    from kymflow_zarr.store.source_files import SourceFile

_SOURCE = {
    "rel_path": "Path of the image's file, below the ingested folder",
    "file_name": "Name of the image's file",
}


# What people ask first of an image and of a source file, in this order.
_TELLING = {
    IMAGES_TABLE: (
        "condition",
        "treatment",
        "genotype",
        "analysed",
        "accepted",
        "n_rois",
        "n_events",
        "duration_s",
    ),
    SOURCES_TABLE: ("failure", "source_root", "reader", "source_size_bytes"),
}


@dataclass(frozen=True)
class Selection:
    """What a user asks for; by default everything.

    Attributes
    ----------
    image : str or None
        Only rows of this image, by any of its names.
    where : str or None
        An expression that must hold.
    columns : tuple of str
        Only these, in this order.
    sort : str or None
        By which columns, separated by commas; ``-`` before one sorts it downwards.
    descending : bool
        All of them downwards.
    limit : int or None
        At most so many rows.
    source, with_images : bool
        Add the file of each image; add the columns of table ``images``.
    by : tuple of str
        Columns by whose values the rows are summed up.
    """

    image: str | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    sort: str | None = None
    descending: bool = False
    limit: int | None = None
    source: bool = False
    with_images: bool = False
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows as they were asked for.

    Attributes
    ----------
    info : TableInfo
        What the table says of itself.
    frame : DataFrame
        The rows, with the columns that were asked for.
    total : int
        How many rows there were before the limit.
    columns : dict of str to ColumnInfo
        What is known of each column.
    paths, names : Series or None
        Relative path and name of each row's file, whether asked for or not; None for a table without images.
    path_column, name_column : str
        What those two are called as columns.
    source : bool
        Whether the file of each image was asked for.
    chosen : bool
        Whether the columns were named by the user.
    summed : str
        The column that tells what is summed up, if the rows are of groups.
    telling : tuple of str
        Columns that are worth their room more than others, the first most of all.
    only_telling : bool
        Whether the others are shown only where there is room for all.
    files : callable
        Returns the file of each image of the dataset.
    elsewhere : callable
        Tells which options bring further columns.
    """

    info: TableInfo
    frame: pd.DataFrame
    total: int
    columns: dict[str, ColumnInfo] = field(default_factory=dict)
    paths: pd.Series[Any] | None = None
    names: pd.Series[Any] | None = None
    path_column: str = "rel_path"
    name_column: str = "file_name"
    source: bool = False
    chosen: bool = False
    summed: str = ""
    telling: tuple[str, ...] = ()
    only_telling: bool = False
    files: Callable[[], Mapping[str, SourceFile]] = dict
    elsewhere: Elsewhere = dict


def read_rows(kd: KymDataset, table: str, selection: Selection) -> Rows:
    """Return the rows of a table, ordered by file and then as in the table.

    Raises
    ------
    TableNotFoundError
        There is no such table; or no table ``images``, which is asked for.
    ColumnError
        A column that is not there, or an expression that cannot be used.
    RecordNotFoundError, AmbiguousImageError
        No image, or several, of the name that is given.
    """
    name = table if table in kd.ds.list_table_names() else normalize_table_name(table)
    if name == IMAGES_TABLE and name not in kd.ds.list_table_names():
        raise no_images_yet(kd.ds.path)
    info = describe_table(kd.ds, name)
    own = [column.name for column in info.columns]
    joined = _Joined(kd, info, own, selection)
    frame = joined.frame()
    if selection.image is not None:
        frame = _of_image(kd, info.name, frame, selection.image)
    if selection.where is not None:
        frame = frame[matching_rows(info.name, frame, selection.where, joined.elsewhere)]
    frame = _ordered(info.name, frame, joined, selection)
    total = len(frame)
    if selection.limit is not None:
        frame = frame.head(selection.limit)
    frame = frame.reset_index(drop=True)
    shown = [name for name in frame.columns if selection.source or name not in joined.hidden]
    if selection.columns:
        shown = chosen_columns(info.name, selection.columns, list(frame.columns), joined.elsewhere)
    infos = {name: _in_true_unit(info, frame) for name, info in joined.infos().items()}
    return Rows(
        info,
        frame[shown],
        total,
        columns={name: infos[name] for name in shown if name in infos},
        paths=frame.get(joined.path_column),
        names=frame.get(joined.name_column),
        path_column=joined.path_column,
        name_column=joined.name_column,
        source=selection.source,
        chosen=bool(selection.columns),
        telling=_TELLING.get(info.name, ()),
        only_telling=info.name == SOURCES_TABLE,
        files=kd.ds.store.source_files,
        elsewhere=joined.elsewhere,
    )


def units_in(info: ColumnInfo, frame: pd.DataFrame) -> list[str]:
    """Return the units in which the values of a column are in these rows; none where it has no velocities."""
    if not {info.name, VELOCITY_UNIT} <= set(frame.columns):
        return []
    return velocity_units(info.unit, frame.loc[frame[info.name].notna(), VELOCITY_UNIT].unique())


def _in_true_unit(info: ColumnInfo, frame: pd.DataFrame) -> ColumnInfo:
    return replace(info, unit=" or ".join(units_in(info, frame)) or info.unit)


class _Joined:
    """A table with the columns that come from elsewhere."""

    def __init__(self, kd: KymDataset, info: TableInfo, own: Sequence[str], selection: Selection) -> None:
        self._kd = kd
        self._info = info
        self._own = own
        self._with_images = selection.with_images and info.name != IMAGES_TABLE
        # Table images knows the files itself.
        self._adds_source = IMAGE_ID in own and not (info.name == IMAGES_TABLE and set(_SOURCE) <= set(own))
        self.path_column = self._joined_name("rel_path") if self._adds_source else "rel_path"
        self.name_column = self._joined_name("file_name") if self._adds_source else "file_name"
        # The columns of images have both.
        hides = self._adds_source and not self._with_images
        self.hidden = {self.path_column, self.name_column} if hides else set()

    def _joined_name(self, name: str) -> str:
        return f"image_{name}" if name in self._own else name

    def frame(self) -> pd.DataFrame:
        if self._with_images:
            self._check_images()
            return self._kd.get_table(self._info.name, with_images=True)
        return self._kd.get_table(self._info.name, with_source=self._adds_source)

    def _check_images(self) -> None:
        path = self._kd.ds.path
        if IMAGE_ID not in self._own:
            raise no_column(self._info.name, IMAGE_ID, self._own, dict, "--with-images: ")
        if IMAGES_TABLE not in self._kd.ds.list_table_names():
            raise no_images_yet(path)

    def _image_columns(self) -> list[ColumnInfo]:
        if self._info.name == IMAGES_TABLE or IMAGES_TABLE not in self._kd.ds.list_table_names():
            return []
        return [
            column for column in describe_table(self._kd.ds, IMAGES_TABLE).columns if column.name != IMAGE_ID
        ]

    def infos(self) -> dict[str, ColumnInfo]:
        """Return what is known of each column, under the name that it has here."""
        found = {column.name: column for column in self._info.columns}
        more = self._image_columns() if self._with_images else []
        more += [ColumnInfo(name, "string", "", said) for name, said in _SOURCE.items()]
        for column in more:
            name = self._joined_name(column.name)
            found.setdefault(name, ColumnInfo(name, column.type, column.unit, column.description))
        return found

    def elsewhere(self) -> Mapping[str, str]:
        """Return the columns that an option would bring, with the option."""
        if self._with_images:
            return {}
        names = [column.name for column in self._image_columns()]
        return {name: "--with-images" for name in names if name not in self._own and name not in self.hidden}


def no_images_yet(path: str) -> TableNotFoundError:
    """Return the error for a dataset without table ``images``."""
    return TableNotFoundError(
        f"{path} has no table {IMAGES_TABLE!r} yet; `{call('refresh', path)}` makes it",
        dataset=path,
        table_name=IMAGES_TABLE,
    )


def _of_image(kd: KymDataset, table: str, frame: pd.DataFrame, image: str) -> pd.DataFrame:
    if IMAGE_ID not in frame.columns:
        raise ColumnError(f"table {table!r} of {kd.ds.path} has no column {IMAGE_ID!r} to find an image by")
    # As plain objects: an id that is no UTF-8 cannot be compared with a text column.
    ids = frame[IMAGE_ID].astype(object)
    rows = frame[ids == image]
    return frame[ids == find_image(kd, image)] if rows.empty else rows


def _ordered(table: str, frame: pd.DataFrame, joined: _Joined, selection: Selection) -> pd.DataFrame:
    if joined.path_column in frame.columns:
        frame = frame.sort_values(joined.path_column, kind="stable", na_position="last")
    return sorted_rows(table, frame, selection, joined.elsewhere)


def sorted_rows(table: str, frame: pd.DataFrame, selection: Selection, elsewhere: Elsewhere) -> pd.DataFrame:
    """Return rows in the order that is asked for, or else as they are.

    Raises
    ------
    ColumnError
        A column that is not there, or whose values have no order.
    """
    if selection.sort is None:
        return frame
    keys = [selection.sort] if selection.sort in frame.columns else selection.sort.split(",")
    down = [selection.descending or (key not in frame.columns and key.startswith("-")) for key in keys]
    names = [key if key in frame.columns else key.removeprefix("-") for key in map(str.strip, keys)]
    # From the last key to the first; each of these sorts keeps what the former has done.
    for key, descending in reversed(list(zip(names, down, strict=True))):
        if key not in frame.columns:
            raise no_column(table, key, list(frame.columns), elsewhere, "--sort: ")
        try:
            frame = frame.sort_values(key, kind="stable", ascending=not descending, na_position="last")
        except TypeError:
            raise ColumnError(f"--sort: the values of column {key!r} have no order", column=key) from None
    return frame
