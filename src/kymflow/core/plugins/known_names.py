"""What plugins offer, kept from an earlier load, so that who is not asked for need not be imported."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.source import PluginSource

# Of another form of these files, nothing is read.
_FORM = 1
_MAX_BYTES = 1_000_000
# Of a package with more files, nothing is kept: to look at them all would take as long as to import it.
_MAX_FILES = 2000
# What an installer renews.
_INSTALLED = ("METADATA", "RECORD", "entry_points.txt", "direct_url.json")


@dataclass(frozen=True)
class KnownPlugin:
    """What a plugin that could be loaded offers: its indexers and readers, and whether it follows changes."""

    indexers: tuple[IndexerInfo, ...]
    readers: tuple[ReaderInfo, ...]
    observes: bool


class KnownNames:
    """A small file per plugin in the user's cache folder.

    It counts as long as distribution, version, entry point, Python, the installer's files and the times and
    sizes of the plugin's modules are those that were there when it was written. Where it cannot be read or
    written, plugins are loaded as if there were none.

    Parameters
    ----------
    folder : Path, optional
        By default the one that the system has for caches of this user.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def find(self, source: PluginSource) -> KnownPlugin | None:
        """Return what a plugin offers, if that is known for certain; nothing is imported."""
        try:
            with self._path(source).open("rb") as file:
                kept = json.loads(file.read(_MAX_BYTES))
            if kept["form"] != _FORM or kept["stamp"] != self.stamp(source):
                return None
            known = _known(kept)
            return known if _is_of(source, known) else None
        # Damaged in whatever way, it is as if it were not there.
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, RecursionError):
            return None

    def keep(self, source: PluginSource, known: KnownPlugin, stamp: list[str] | None) -> None:
        """Note what a plugin offers; whole or not at all, whoever else writes the same.

        Parameters
        ----------
        source, known
            The plugin, and what it offers.
        stamp : list of str or None
            Taken before it was imported: what is edited meanwhile makes another one.
        """
        if stamp is None or self.find(source) == known:
            return
        kept = {
            "form": _FORM,
            "stamp": stamp,
            "indexers": [_plain(info) for info in known.indexers],
            "readers": [_plain(info) for info in known.readers],
            "observes": known.observes,
        }
        # Settings may have values that JSON does not hold, or gives back as others.
        with suppress(OSError, ValueError, TypeError, RuntimeError):
            text = json.dumps(kept)
            if _known(json.loads(text)) != known:
                return
            path = self._path(source)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=path.stem, suffix=".part", dir=path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(part, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)
                raise

    def stamp(self, source: PluginSource) -> list[str] | None:
        """Return what must be as it was for a note to count; None if that cannot be told."""
        if not source.info_folder:
            return None
        files = [os.path.join(source.info_folder, name) for name in _INSTALLED]
        try:
            files += sorted(_modules(source.value.partition(":")[0].partition(".")[0].strip()))
        # Finders on sys.meta_path are other people's code.
        except Exception:  # noqa: BLE001
            return None
        times = repr([(file, _time_and_size(file)) for file in files]).encode("utf-8", "replace")
        who = [source.distribution, source.version, source.entry_point, sys.version]
        return [*who, hashlib.sha256(times).hexdigest()]

    def _path(self, source: PluginSource) -> Path:
        if self._folder is None:
            import platformdirs

            self._folder = platformdirs.user_cache_path("kymflow", appauthor=False) / "plugins"
        # One file for each installation of it, which the next version takes over.
        who = (os.path.dirname(source.info_folder), source.name, source.distribution)
        return self._folder / f"{hashlib.sha256(repr(who).encode('utf-8', 'replace')).hexdigest()[:40]}.json"


def _plain(info: IndexerInfo | ReaderInfo) -> dict[str, Any]:
    values = {one.name: getattr(info, one.name) for one in fields(info)}
    return {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _known(kept: Any) -> KnownPlugin:
    """Return what a note says.

    Raises
    ------
    TypeError, ValueError, LookupError
        It is something else.
    """
    if not isinstance(kept["observes"], bool):
        raise TypeError("not what was written")
    return KnownPlugin(
        tuple(_info(IndexerInfo, one) for one in kept["indexers"]),
        tuple(_info(ReaderInfo, one) for one in kept["readers"]),
        kept["observes"],
    )


def _info(kind: type[Any], kept: Any) -> Any:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in dict(kept).items()}
    info = kind(**values)
    for one in fields(kind):
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if type(getattr(info, one.name)) is not (str if default is MISSING else type(default)):
            raise TypeError("not what was written")
    if info.status != "ok":
        raise ValueError("not what was written")
    return info


def _is_of(source: PluginSource, known: KnownPlugin) -> bool:
    """Tell whether all that is known is told of this plugin."""
    infos: list[IndexerInfo | ReaderInfo] = [*known.indexers, *known.readers]
    who = (source.distribution, source.version, source.entry_point)
    return all((info.distribution, info.version, info.entry_point) == who for info in infos)


def _modules(package: str) -> Iterator[str]:
    """Yield the files of a package, or of a module, that hold code; none of it is imported.

    Raises
    ------
    LookupError
        It is not to be found, or has too many.
    """
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise LookupError(package)
    folders: Sequence[str] = list(spec.submodule_search_locations or ())
    found = [spec.origin] if spec.origin and os.path.isfile(spec.origin) else []
    for folder in folders:
        for place, _, names in os.walk(folder):
            found += [os.path.join(place, name) for name in names if name.endswith((".py", ".so", ".pyd"))]
            if len(found) > _MAX_FILES:
                raise LookupError(package)
    if not found:
        raise LookupError(package)
    yield from found


def _time_and_size(file: str) -> tuple[int, int] | None:
    try:
        info = os.stat(file)
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size
