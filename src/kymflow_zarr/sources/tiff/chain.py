"""The chain of a TIFF's pages, followed to its end before anything else reads it.

tifffile trusts the chain and the counts of tags: it follows a ring of pages without end, and makes lists
as long as a tag says. Here, the directories alone are read, and whatever would take for ever is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# So many take some three seconds to be looked at.
MOST_PAGES = 100_000
_MOST_SUB_IMAGES = 10_000
# Of strips and tiles: tifffile keeps two numbers for each.
_MOST_SEGMENTS = 10_000_000
# More tags than this make tifffile refuse a page.
_MOST_TAGS = 4096
# Of all pages together. Directories may overlap, so that a short file has many long ones.
_MOST_TAGS_IN_ALL = 5_000_000
# tifffile makes an object of each tag of pages that differ.
_MOST_TAGS_UNLIKE = 500_000

_SUB_IFDS = 330
_SEGMENT_OFFSETS = (273, 324)
# Tags that say how pixels are stored: size, type, compression, strips and tiles.
_STORAGE_TAGS = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 284, 317, 322, 323, 324, 338, 339, 530, 32997, 32998}
)
_POSITIONS = frozenset(_SEGMENT_OFFSETS)


@dataclass(frozen=True)
class Chain:
    """The pages of a TIFF.

    Attributes
    ----------
    pages : int
        How many there are.
    ring_to : int or None
        The number of the page that the last one leads back to; None where the chain ends.
    alike : bool
        Whether the pixels of all pages are of one size and type, and stored in one way.
    """

    pages: int
    ring_to: int | None
    alike: bool


class _Directories:
    """Reads the directories of one file."""

    def __init__(self, file: BinaryIO, order: str, *, big: bool) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self.n_tags = 0
        self._count = struct.Struct(order + ("Q" if big else "H"))
        self._entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
        self.offset = struct.Struct(order + ("Q" if big else "I"))
        self._order = order

    def read(self, at: int) -> tuple[list[tuple[int, int, int, bytes]], int] | None:
        """Return the entries (code, type, count, value) of a directory, and where the next one is.

        None where there is none; what is damaged is left to tifffile, which says so.
        """
        self._file.seek(at)
        head = self._file.read(self._count.size)
        if len(head) < self._count.size:
            return None
        (count,) = self._count.unpack(head)
        if count > _MOST_TAGS:
            return None
        self.n_tags += count
        body = self._file.read(count * self._entry.size + self.offset.size)
        if len(body) < count * self._entry.size + self.offset.size:
            return None
        entries = list(self._entry.iter_unpack(body[: count * self._entry.size]))
        return entries, self.offset.unpack(body[-self.offset.size :])[0]

    def sub_images(self, entries: list[tuple[int, int, int, bytes]]) -> list[int]:
        """Return where the sub-images of a page are."""
        found: list[int] = []
        for code, kind, count, value in entries:
            if code == _SUB_IFDS:
                if count > _MOST_SUB_IMAGES:
                    raise ValueError(f"a page claims {count} sub-images")
                found += self._numbers(kind, count, value)
        return found

    def _numbers(self, kind: int, count: int, value: bytes) -> list[int]:
        form = self._order + ("Q" if kind in (16, 17, 18) else "I") * count
        length = struct.calcsize(form)
        if length > len(value):
            self._file.seek(self.offset.unpack(value)[0])
            value = self._file.read(length)
        return list(struct.unpack(form, value[:length])) if len(value) >= length else []

    def storage(self, entries: list[tuple[int, int, int, bytes]]) -> tuple[object, ...]:
        """Return what is equal for pages whose pixels are stored in the same way."""
        told = []
        for code, kind, count, value in entries:
            if code in _STORAGE_TAGS:
                if code in _POSITIONS:
                    value = b""
                elif code in (258, 339) and count * 2 > len(value) and count < 32:
                    # A value for each sample, which lies elsewhere.
                    self._file.seek(self.offset.unpack(value)[0])
                    value = self._file.read(count * 2)
                told.append((code, kind, count, value))
        return tuple(told)


def read_chain(path: Path) -> Chain:
    """Follow the pages of a TIFF to the end, or to the page that was there before.

    Raises
    ------
    ValueError
        It has more pages, sub-images, tags, strips or tiles than anybody can have meant.
    OSError
        It cannot be opened.
    """
    with open(path, "rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or len(head) < 8:
            return Chain(0, None, True)
        (version,) = struct.unpack(order + "H", head[2:4])
        big = version == 43
        directories = _Directories(file, order, big=big)
        first = head[8:16] if big else head[4:8]
        return _follow(directories, first)


def _follow(directories: _Directories, first: bytes) -> Chain:
    if len(first) < directories.offset.size:
        return Chain(0, None, True)
    (at,) = directories.offset.unpack(first)
    seen: dict[int, int] = {}
    kinds: set[tuple[object, ...]] = set()
    sub_images = segments = 0
    while 0 < at < directories.size:
        if at in seen:
            return Chain(len(seen), seen[at], len(kinds) < 2)
        found = directories.read(at)
        if found is None:
            break
        entries, following = found
        seen[at] = len(seen)
        segments += sum(count for code, _, count, _ in entries if code in _SEGMENT_OFFSETS)
        below = directories.sub_images(entries)
        sub_images += len(below)
        if len(seen) > MOST_PAGES or sub_images > _MOST_SUB_IMAGES:
            raise ValueError(f"it claims more than {MOST_PAGES} pages or {_MOST_SUB_IMAGES} sub-images")
        if segments > _MOST_SEGMENTS:
            raise ValueError(f"it claims more than {_MOST_SEGMENTS} strips and tiles")
        for place in below:
            sub = directories.read(place)
            if sub is not None and directories.sub_images(sub[0]):
                # tifffile would go down without end, or through all paths that there are.
                raise ValueError("its sub-images have sub-images of their own")
        if len(kinds) < 2:
            kinds.add(directories.storage(entries))
        most_tags = _MOST_TAGS_IN_ALL if len(kinds) < 2 else _MOST_TAGS_UNLIKE
        if directories.n_tags > most_tags:
            raise ValueError(f"its pages claim more than {most_tags} tags")
        at = following
    return Chain(len(seen), None, len(kinds) < 2)
