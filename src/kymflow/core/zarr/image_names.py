"""Images as people name them: by their file, a part of its path, or the start of the id."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

from kymflow.core.zarr.tables.state import find_state
from kymflow.errors import AmbiguousImageError
from kymflow_zarr import RecordNotFoundError
from kymflow_zarr.layout import is_name

if TYPE_CHECKING:
    from kymflow.core.zarr.kym_dataset import KymDataset
    from kymflow_zarr.store.source_files import SourceFile

SHORT = 8
# Of fewer characters, a mistyped name would find an image that nobody meant.
MIN_PREFIX = 4
MAX_CANDIDATES = 10
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find_image(kd: KymDataset, text: str, *, deleted: bool = False) -> str:
    """Return the id of the image that a user names; see :func:`find_images`."""
    return find_images(kd, [text], deleted=deleted)[0]


def find_images(
    kd: KymDataset, texts: Iterable[str], *, deleted: bool = False, absent: bool = False
) -> list[str]:
    """Return the ids of the images that a user names, each once, in this order.

    The first of these that fits counts: the whole id; the path below the ingested folder; the path of
    the source file on this machine; the end of the former, at a ``/`` (so the file name, too), and of the
    latter; the same without the file's suffix; the start of the id, from four characters on.

    Parameters
    ----------
    kd : KymDataset
        Where they are looked for.
    texts : iterable of str
        What the user wrote.
    deleted : bool
        Take the whole id of an image that is no longer there, too, if a table still speaks of it.
    absent : bool
        Take a source file that is no image, too: it could not be taken in, or its image was deleted.

    Raises
    ------
    AmbiguousImageError
        A text fits several images; the message lists them.
    RecordNotFoundError
        A text fits no image; the message lists similar names.
    """
    names = _Names(kd, deleted=deleted, absent=absent)
    return list(dict.fromkeys(names.find(text) for text in texts))


def short_ids(image_ids: Iterable[str]) -> dict[str, str]:
    """Return each id's first characters: eight, or as many as tell these images apart.

    Ids that somebody chose stay whole: only UUIDs are shortened.
    """
    ids = sorted(set(image_ids))
    made = [image_id for image_id in ids if _UUID.fullmatch(image_id)]
    length = SHORT
    for before, after in pairwise(made):
        while before[:length] == after[:length]:
            length += 1
    return {image_id: image_id for image_id in ids} | {image_id: image_id[:length] for image_id in made}


def told_apart(files: Mapping[str, SourceFile]) -> dict[str, str]:
    """Return the path of each image's file below the folder that was ingested, by image id.

    Where files of several folders have the same one, so much of each folder's own path stands in front
    as tells the folders apart; :func:`find_images` takes it.
    """
    paths = {image_id: file.relative_path for image_id, file in files.items()}
    if len(set(paths.values())) == len(paths):
        return paths
    ends = _distinct_ends({file.root for file in files.values()})
    return {image_id: f"{ends[files[image_id].root]}/{path}" for image_id, path in paths.items()}


def _distinct_ends(folders: set[str]) -> dict[str, str]:
    parts = {folder: PurePath(folder).parts for folder in folders}
    n = 1
    # Two ways to write one folder stay the same.
    while len({found[-n:] for found in parts.values()}) < len(set(parts.values())):
        n += 1
    return {folder: "/".join(found[-n:]).replace("//", "/") for folder, found in parts.items()}


class _Names:
    """What the images of a dataset are called; looked up when it is first needed."""

    def __init__(self, kd: KymDataset, *, deleted: bool, absent: bool) -> None:
        self._kd = kd
        self._deleted = deleted
        self._absent = absent

    @cached_property
    def _sources(self) -> list[tuple[str, str, str]]:
        frame = self._kd.ds.load_sources_index()
        columns = ("image_id", "source_rel_path", "source_primary_path")
        return list(zip(*(frame[name].tolist() for name in columns), strict=True))

    @cached_property
    def _image_ids(self) -> list[str]:
        return self._kd.ds.list_image_ids()

    def find(self, text: str) -> str:
        if is_name(text) and self._kd.ds.existing([text]):
            return text
        absent: list[str] = []
        for found in self._by_path(text):
            there = self._kd.ds.existing(found)
            if there:
                return self._only(text, [image_id for image_id in found if image_id in there])
            absent += found
        if len(text) >= MIN_PREFIX:
            found = [image_id for image_id in self._image_ids if image_id.startswith(text)]
            if found:
                return self._only(text, found)
        if self._deleted and self._is_known(text):
            return text
        if self._absent and absent:
            return self._only(text, list(dict.fromkeys(absent)))
        self._fail_unknown(text, absent)

    def _by_path(self, text: str) -> Iterable[list[str]]:
        """Yield the images whose source file this is, in the order in which that counts."""
        wanted = text.replace(os.sep, "/").removeprefix("./")
        if not wanted:
            return
        here = _absolute(text)
        yield self._where(lambda rel_path, _: rel_path == wanted)
        yield self._where(lambda _, path: path == here)
        end = "/" + wanted
        yield self._where(lambda rel_path, _: rel_path.endswith(end))
        yield self._where(lambda _, path: path.replace(os.sep, "/").endswith(end))
        yield self._where(lambda rel_path, _: os.path.splitext("/" + rel_path)[0].endswith(end))

    def _where(self, fits: Callable[[str, str], bool]) -> list[str]:
        ids = [image_id for image_id, rel_path, path in self._sources if fits(rel_path, path)]
        return list(dict.fromkeys(ids))

    def _only(self, text: str, found: Sequence[str]) -> str:
        if len(found) == 1:
            return found[0]
        paths = {image_id: (rel_path, path) for image_id, rel_path, path in self._sources}
        known = [paths.get(image_id, ("", "")) for image_id in found]
        # Two folders may hold the same relative path.
        same = len({rel_path for rel_path, _ in known}) < len(known)
        short = short_ids(found)
        candidates = [
            f"{short[image_id]} {path if same else rel_path}".rstrip()
            for image_id, (rel_path, path) in zip(found, known, strict=True)
        ]
        more = len(candidates) - MAX_CANDIDATES
        listed = ", ".join(candidates[:MAX_CANDIDATES]) + (f", and {more} more" if more > 0 else "")
        raise AmbiguousImageError(
            f"{text!r} fits {len(found)} images of {self._kd.ds.path}: {listed}. "
            "Give more of the path, or the start of the id.",
            dataset=self._kd.ds.path,
        )

    def _is_known(self, image_id: str) -> bool:
        store = self._kd.ds.store
        states = (find_state(store, name) for name in self._kd.ds.list_table_names())
        return any(state is not None and image_id in state.known_ids() for state in states)

    def _fail_unknown(self, text: str, absent: Sequence[str]) -> NoReturn:
        path, shown = self._kd.ds.path, text if len(text) <= 100 else text[:100] + "..."
        if absent:
            message = (
                f"{shown!r} is known, but it is no image of {path}: it could not be taken in, or was deleted"
            )
        else:
            message = f"{path} has no image {shown!r}"
            near = self._similar(text)
            message += f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
            message += " An image is named by its file, the end of its path, or the start of its id"
        raise RecordNotFoundError(f"{message}.", dataset=path, image_id=text)

    def _similar(self, text: str) -> list[str]:
        if len(text) > 200:
            return []
        places = [rel_path for _, rel_path, _ in self._sources]
        if "/" not in text:
            places = [place.rpartition("/")[2] for place in places]
        return difflib.get_close_matches(text, dict.fromkeys([*places, *self._image_ids]), 3)


def _absolute(text: str) -> str:
    try:
        return os.path.realpath(os.path.expanduser(text))
    except ValueError:
        # No path at all: it holds NUL, or is no text.
        return ""
