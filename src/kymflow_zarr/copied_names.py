"""Names that sync programs and file browsers give to copies of files, and of what they are copies."""

from __future__ import annotations

import re
from collections.abc import Collection

from kymflow_zarr import layout

# What programs put behind a name: Dropbox and Nextcloud, Syncthing, ownCloud, Windows and macOS.
_SURE = re.compile(
    r" ?\([^()]*[ck]onfli[ck]?t[^()]*\)$|\.sync-conflict-\d.*$|_conflict-\d.*$"
    r"| ?-? (copy|kopie|copie|copia)( ?\d+| ?\(\d+\))?$",
    re.IGNORECASE,
)
_COPY_OF = re.compile(r"^(copy of|kopie von|copie de|copia de) ", re.IGNORECASE)
# The longer ones first.
_ENDINGS = (".json.gz", ".csv.gz", *layout.FILE_ENDINGS)


def original_of(name: str) -> str | None:
    """Return of what a file is a copy, by its name without ending; None if it is none.

    Examples
    --------
    >>> original_of("events (LAB-PC's conflicted copy 2024-04-24)")
    'events'
    >>> original_of("events 2") is None
    True
    """
    for pattern in (_SURE, _COPY_OF):
        base = pattern.sub("", name, count=1)
        if base != name and base:
            return base
    return None


def copied_files(keys: Collection[str]) -> dict[str, str]:
    """Return which keys are copies of others among them: the key of the original, by the copy's."""
    copies = {}
    known: frozenset[str] = frozenset()
    for key in keys:
        folder, _, file = key.rpartition("/")
        ending = next((one for one in _ENDINGS if file.endswith(one)), "")
        base = original_of(file.removesuffix(ending)) if ending else None
        if base is not None:
            known = known or frozenset(keys)
            if f"{folder}/{base}{ending}" in known:
                copies[key] = f"{folder}/{base}{ending}"
    return copies
