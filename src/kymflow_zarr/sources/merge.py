"""Merge a changed source into its record: what was ingested, what was edited since, what it gives now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kymflow_zarr.errors import InvalidNameError
from kymflow_zarr.formats.arrays import ARRAY_DOCUMENT
from kymflow_zarr.formats.groups import read_group
from kymflow_zarr.formats.ngff import ImageAxes, axes_of
from kymflow_zarr.formats.pixels import OnChunk
from kymflow_zarr.layout import is_key
from kymflow_zarr.record.attrs import add_attrs, write_attrs
from kymflow_zarr.sources import parts
from kymflow_zarr.sources.parts import ABSENT, DAMAGED, DATA, Part, Present
from kymflow_zarr.store.base import OutdatedError, Store

# Attribute of a record: the digest of each part that an ingest wrote. An edited part has another one.
INGESTED_ATTR = "ingested"
# Attribute of a record while an ingest writes it: the digests that each part may have if that is cut short.
UNFINISHED_ATTR = "ingest_unfinished"
# How often a part is looked at again that somebody edits meanwhile.
_LOOKS = 3


@dataclass(frozen=True)
class Ingested:
    """What earlier ingests noted at a record.

    Attributes
    ----------
    digests : dict of str to str
        Of each part as the last ingest wrote it.
    unfinished : dict of str to list of str
        Of parts that ingests were about to write, which did not come to their end; empty for those that they
        were about to delete.
    axes : ImageAxes or None
        The axes, with their calibration.
    """

    digests: dict[str, str]
    unfinished: dict[str, list[str]]
    axes: ImageAxes | None

    def knows(self, part: str, digest: str) -> bool:
        """Tell whether an ingest wrote a part so, or may have."""
        return digest == self.digests.get(part, ABSENT) or digest in self.unfinished.get(part, ())


@dataclass(frozen=True)
class Record:
    """Where a record is: store, key prefix, Zarr format."""

    store: Store
    prefix: str
    zarr_format: int

    def find(self, part: str) -> Present:
        """Look at what the record holds now."""
        return parts.find_present(self.store, self.prefix, part, self.zarr_format)

    def read_digest(self, part: str, noted: str, on_chunk: OnChunk | None = None) -> str:
        """Return the digest of what a part holds, whatever is noted at it."""
        return parts.read_digest(self.store, self.prefix, part, noted, self.zarr_format, on_chunk)

    @property
    def pixels_key(self) -> str:
        """The key without which there are no pixels."""
        return f"{self.prefix}/{DATA}/{ARRAY_DOCUMENT[self.zarr_format]}"

    def has_pixels(self) -> bool:
        """Tell whether there are pixels; what an interrupted replacement has moved away is put back."""
        prefix, _, last = self.pixels_key.rpartition("/")
        return self.store.exists(self.pixels_key) or self.store.put_back_tree(prefix, last)

    def ingested(self) -> Ingested:
        """Return what earlier ingests noted."""
        group = read_group(self.store, self.prefix)
        attrs: dict[str, Any] = group.attrs if group else {}
        digests, unfinished, names = (attrs.get(name) for name in (INGESTED_ATTR, UNFINISHED_ATTR, "axes"))
        noted = unfinished.items() if isinstance(unfinished, dict) else ()
        axes = axes_of(attrs, names) if isinstance(names, list) else None
        return Ingested(
            digests if isinstance(digests, dict) else {},
            {name: [str(one) for one in some] for name, some in noted if isinstance(some, list)},
            axes,
        )


def merge_image(
    record: Record,
    theirs: Mapping[str, Part],
    axes: ImageAxes,
    *,
    exists: bool,
    overwrite: bool,
    verify: bool = False,
    on_chunk: OnChunk | None = None,
) -> dict[str, str]:
    """Write what has changed at the source, and keep what was edited in the dataset since.

    Parameters
    ----------
    record : Record
        The record; its attributes are written last.
    theirs : mapping of str to Part
        All parts that the source gives now.
    axes : ImageAxes
        Of the source's pixels.
    exists : bool
        Whether the record counts already; if not, there is nothing to keep.
    overwrite : bool
        Whether the source wins where both have changed. What is edited while the merge runs is kept all the
        same.
    verify : bool
        Whether arrays that say they are the source's are read, and written again if that fails.
    on_chunk : callable, optional
        Told how many bytes of an array are done, and of how many, while it is read: of each array once
        to compare it with what the record holds, if it exists, and, if it has changed, once what the record
        holds, which may have been edited, and once to write it.
        What it raises ends the merge, after which the record's attributes are as they were.

    Returns
    -------
    dict of str to str
        The conflicts: parts that changed on both sides and were kept, with the digest that the
        source gives (empty where it gives none).
    """
    merge = _Merge(record, theirs, overwrite, verify, on_chunk)
    if exists:
        merge.run()
    else:
        merge.write_all()
    before = merge.before.axes
    if before and (merge.keeps_pixels or (merge.same_pixels and before.tells_more_than(axes))):
        axes = before
    base = {name: digest for name, digest in merge.base_now.items() if digest}
    store, prefix, zarr_format = record.store, record.prefix, record.zarr_format
    write_attrs(store, prefix, axes, zarr_format, {INGESTED_ATTR: base}, without=[UNFINISHED_ATTR])
    return merge.conflicts


class _Merge:
    """One merge: part by part looked at, then those that are to change noted, then written."""

    def __init__(
        self,
        record: Record,
        theirs: Mapping[str, Part],
        overwrite: bool,
        verify: bool,
        on_chunk: OnChunk | None,
    ) -> None:
        self.before = record.ingested()
        self.base_now: dict[str, str] = {}
        self.conflicts: dict[str, str] = {}
        self.keeps_pixels = self.same_pixels = False
        self._record = record
        self._theirs = theirs
        self._overwrite = overwrite
        self._verify = verify
        self._on_chunk = on_chunk

    def write_all(self) -> None:
        """Write all parts of a record that does not count yet."""
        for name, part in self._theirs.items():
            parts.write_part(self._record.store, self._record.prefix, name, part, self._on_chunk)
            # What is written for the first time is read once, for both.
            self.base_now[name] = part.digest()

    def run(self) -> None:
        """Write what has changed at the source only; what is edited meanwhile is looked at again."""
        left = list(dict.fromkeys([*self._theirs, *self.before.digests, *self.before.unfinished]))
        # What an interrupted replacement has moved away comes back before it is looked at.
        self._record.has_pixels()
        for _ in range(_LOOKS):
            found = {name: present for name in left if (present := self._settle(name)) is not None}
            self._note_unfinished(found)
            left = [name for name, present in found.items() if not self._write(name, present)]
            if not left:
                return
            self.before = self._record.ingested()
        for name in left:
            self._keep(name, self._wanted(name))

    def _wanted(self, name: str) -> str:
        return self._theirs[name].digest(self._on_chunk) if name in self._theirs else ABSENT

    def _settle(self, name: str) -> Present | None:
        """Return what there is of a part that is to be written or deleted; None if it is to stay."""
        wanted, present = self._wanted(name), self._record.find(name)
        if present.digest == wanted and not (self._verify and self._is_damaged(name, present)):
            self.same_pixels |= name == DATA
            self.base_now[name] = wanted
            return None
        changed = wanted != self.before.digests.get(name, ABSENT)
        if self._is_edited(name, present, wanted) and not (changed and self._overwrite):
            self._keep(name, wanted)
            return None
        if not is_key(key := f"{self._record.prefix}/{name}"):
            # Attributes are somebody's text: before anything is noted of it.
            url = self._record.store.url
            raise InvalidNameError(f"{key!r} is no key of a dataset", dataset=url)
        return present

    def _is_damaged(self, name: str, present: Present) -> bool:
        return self._record.read_digest(name, present.digest, self._on_chunk) == DAMAGED

    def _is_edited(self, name: str, present: Present, wanted: str) -> bool:
        if name == DATA and (present.digest == DAMAGED or not self._record.has_pixels()):
            # Nobody deletes pixels alone: a replacement was cut short.
            return False
        if not self.before.knows(name, present.digest):
            # An array that is away while it was about to be written was not deleted by anybody.
            return not (parts.is_array(name) and present.digest == ABSENT and name in self.before.unfinished)
        found = self._record.read_digest(name, present.digest, self._on_chunk)
        whole = found != DAMAGED
        return whole and found not in (present.digest, wanted) and not self.before.knows(name, found)

    def _keep(self, name: str, wanted: str) -> None:
        was = self.before.digests.get(name, ABSENT)
        if wanted != was:
            self.conflicts[name] = wanted
        self.keeps_pixels |= name == DATA
        self.base_now[name] = was

    def _note_unfinished(self, names: Iterable[str]) -> None:
        """Note what is about to be written: after a crash, it is told from an edit."""
        unfinished = {
            name: list(dict.fromkeys([*self.before.unfinished.get(name, ()), self._wanted(name)]))
            for name in names
        }
        if any(digests != self.before.unfinished.get(name) for name, digests in unfinished.items()):
            note = {UNFINISHED_ATTR: {**self.before.unfinished, **unfinished}}
            add_attrs(self._record.store, self._record.prefix, self._record.zarr_format, note)

    def _write(self, name: str, present: Present) -> bool:
        """Write or delete a part, unless somebody was first; tell which."""
        store, prefix = self._record.store, self._record.prefix
        try:
            if name in self._theirs:
                part = self._theirs[name]
                parts.write_part(store, prefix, name, part, self._on_chunk, expected=present)
            else:
                parts.delete_part(store, prefix, name, present)
        except OutdatedError:
            return False
        self.base_now[name] = self._wanted(name)
        return True


def review_conflicts(record: Record, conflicts: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Check which conflicts remain while the source is unchanged.

    Returns
    -------
    held : dict of str to str
        Those that are still conflicts.
    reverted : bool
        Whether an edit was taken back, so that the source's part can be had now.
    """
    if not conflicts:
        return {}, False
    base = record.ingested()
    held = {}
    reverted = False
    for part, wanted in conflicts.items():
        ours = record.read_digest(part, record.find(part).digest)
        if base.knows(part, ours):
            reverted = True
        elif ours != wanted:
            held[part] = wanted
    return held, reverted
