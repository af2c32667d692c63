"""What the footer of a Parquet file says of its columns, read without pyarrow.

Where a footer is bent in some ways, pyarrow ends the process as soon as it is asked for the metadata of a
column; to read the rows of such a file is safe, and raises. Parquet's specification:
https://github.com/apache/parquet-format
"""

from __future__ import annotations

from dataclasses import dataclass

from kymflow_zarr import limits
from kymflow_zarr.formats.thrift import INT32, INT64, LIST, STRUCT, Fields, read_struct, whole_number

# Ten thousand columns take some megabytes.
_MOST_BYTES = 2**25
_TAIL_BYTES = 8
_WHAT = "footer"
# Numbers and types of the fields of FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROW_GROUPS = (4, LIST)
_COLUMNS, _GROUP_BYTES, _GROUP_ROWS = (1, LIST), (2, INT64), (3, INT64)
_COLUMN = (3, STRUCT)
_CODEC, _VALUES, _STORED = (4, INT32), (5, INT64), (7, INT64)
_DATA_PAGE, _DICTIONARY_PAGE = (9, INT64), (11, INT64)


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """A column in one row group.

    Attributes
    ----------
    codec : int
        Number of its compression.
    n_values : int
        How many values it has; in lists, each element is one.
    stored_bytes : int
        How many bytes its pages take.
    begin : int
        Where its first page begins.
    """

    codec: int
    n_values: int
    stored_bytes: int
    begin: int


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group: bytes and rows that it claims, and its columns."""

    n_bytes: int
    n_rows: int
    columns: list[ColumnChunk]


def read_row_groups(data: bytes) -> list[RowGroup]:
    """Return the row groups of a Parquet file.

    Raises
    ------
    TooLargeError
        The footer is larger than can be read.
    ValueError
        It is damaged.
    """
    n_bytes = int.from_bytes(data[-_TAIL_BYTES:][:4], "little")
    if n_bytes > _MOST_BYTES:
        raise limits.TooLargeError(f"its footer takes {n_bytes} bytes, where at most {_MOST_BYTES} are taken")
    begin = len(data) - _TAIL_BYTES - n_bytes
    if begin < 0:
        raise ValueError(f"the {_WHAT} is larger than the file")
    footer, _ = read_struct(data[begin:-_TAIL_BYTES], 0, _WHAT)
    return [_row_group(group) for group in footer.get(_ROW_GROUPS, [])]


def _row_group(group: Fields) -> RowGroup:
    columns = [_column_chunk(chunk.get(_COLUMN, {})) for chunk in group.get(_COLUMNS, [])]
    return RowGroup(_whole(group, _GROUP_BYTES), _whole(group, _GROUP_ROWS), columns)


def _column_chunk(column: Fields) -> ColumnChunk:
    begin = _whole(column, _DATA_PAGE)
    if _DICTIONARY_PAGE in column:
        # Zero, which some writers note, is no place of a page.
        begin = min(begin, _whole(column, _DICTIONARY_PAGE) or begin)
    return ColumnChunk(_whole(column, _CODEC), _whole(column, _VALUES), _whole(column, _STORED), begin)


def _whole(fields: Fields, field: tuple[int, int]) -> int:
    return whole_number(fields, field, _WHAT)
