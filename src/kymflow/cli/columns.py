"""Columns as a user names them on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence

from kymflow_zarr import ColumnError

# So many names are told where none is like the one that is meant.
_N_SHOWN = 20
# Which columns an option would bring, with the option; asked only where a column is not found.
Elsewhere = Callable[[], Mapping[str, str]]


def chosen_columns(
    table: str, wanted: Sequence[str], columns: Sequence[str], elsewhere: Elsewhere
) -> list[str]:
    """Return the columns that a list such as ``a,b`` names, in its order.

    Parameters
    ----------
    table : str
        Of which table, for messages.
    wanted : sequence of str
        What the user wrote: names, separated by commas.
    columns : sequence of str
        What there is.
    elsewhere : callable
        Tells which options bring further columns, by the column's name.

    Raises
    ------
    ColumnError
        A name that is no column; similar ones are listed.
    """
    found: list[str] = []
    for text in wanted:
        # A name may hold a comma itself.
        for name in [text] if text in columns else text.split(","):
            name = name if name in columns else name.strip()
            if name not in columns:
                raise no_column(table, name, columns, elsewhere)
            found.append(name)
    return list(dict.fromkeys(found))


def no_column(
    table: str, name: str, columns: Collection[str], elsewhere: Elsewhere, context: str = ""
) -> ColumnError:
    """Return the error for a column that is not there, with similar ones."""
    options = elsewhere()
    near = difflib.get_close_matches(name[:200], [*columns, *options], 3)
    offers = [f"{found!r} ({options[found]})" if found in options else repr(found) for found in near]
    message = f"{context}table {table!r} has no column {name!r}"
    if name in options:
        message += f", but {options[name]} brings it"
    elif offers:
        message += f"; did you mean {' or '.join(offers)}?"
    else:
        shown = [*columns][:_N_SHOWN]
        more = f" and {len(columns) - _N_SHOWN} more" if len(columns) > _N_SHOWN else ""
        message += f"; its columns: {', '.join(shown)}{more}"
    return ColumnError(message, table_name=table, column=name)
