"""Which plugins are installed, told from metadata alone; nothing of theirs is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kymflow.core.plugins.faults import in_words, warn_of
from kymflow.core.plugins.source import PluginSource, normalized
from kymflow.errors import PluginError

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

ENTRY_POINT_GROUP = "kymflow.indexers"


def in_order(sources: Iterable[PluginSource]) -> list[PluginSource]:
    """Return plugins in the order in which they are loaded, whatever order they were found in."""
    return sorted(sources, key=lambda found: (normalized(found.distribution), found.name, found.value))


def installed_plugins(group: str = ENTRY_POINT_GROUP) -> list[PluginSource]:
    """Return what is registered on ``sys.path`` under a group, in the order in which it is loaded.

    Of a distribution that is there twice, as editable installs have it, the first counts: its
    modules are the ones that Python imports, too. Metadata that cannot be read harm nobody else;
    if they are a plugin's, loading it says so.
    """
    return in_order(source for dist in _distinct() for source in _plugins_of(dist, group))


def source_of(entry_point: EntryPoint) -> PluginSource:
    """Return an entry point, made by hand or found, as the source of a plugin."""
    name, version = ("", "") if entry_point.dist is None else _name_and_version(entry_point.dist)
    requires = () if entry_point.dist is None else _requires(entry_point.dist)
    return PluginSource(entry_point.name, entry_point.value, name, version, requires, load=entry_point.load)


def _distinct() -> Iterable[Any]:
    known: dict[str, Any] = {}
    for dist in _distributions():
        folder = _folder(dist)
        if folder.startswith("~"):
            # What pip leaves behind where a file was in use: uninstalled all the same.
            continue
        name = normalized(folder.partition("-")[0] or _name_and_version(dist)[0])
        # An empty .dist-info, left by an interrupted uninstall, does not hide a whole one.
        if name not in known or (_header(dist) and not _header(known[name])):
            known[name] = dist
    return known.values()


def _distributions() -> Iterator[Any]:
    from importlib_metadata import distributions

    # Finders on sys.meta_path are other people's code; what they gave until they failed counts.
    try:
        yield from distributions()
    except Exception as error:  # noqa: BLE001
        warn_of(f"not all installed plugins could be looked for: {in_words(error)}", stacklevel=2)


def _plugins_of(dist: Any, group: str) -> list[PluginSource]:
    try:
        text = dist.read_text("entry_points.txt") or ""
        if group not in text:
            return []
        points = dict.fromkeys(point for point in dist.entry_points if point.group == group)
        name, version = _name_and_version(dist)
        requires, where = _requires(dist), str(getattr(dist, "_path", ""))
        return [
            PluginSource(point.name, point.value, name, version, requires, load=point.load, info_folder=where)
            for point in points
        ]
    except Exception as error:  # noqa: BLE001
        if isinstance(error, UnicodeDecodeError) and group.encode() not in error.object:
            return []
        return [_unreadable(dist, error)]


def _unreadable(dist: Any, cause: Exception) -> PluginSource:
    name, version = _name_and_version(dist)

    def load() -> object:
        raise PluginError(
            f"entry_points.txt of {name} {version} cannot be read: {cause}; install it again"
        ) from cause

    return PluginSource(name, "?", name, version, load=load)


def _name_and_version(dist: Any) -> tuple[str, str]:
    """Return both from the metadata's first lines; the whole, with its long description, takes longer."""
    found: dict[str, str] = {}
    for line in _header(dist).splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.lower(), value.strip())
    name, _, version = _folder(dist).partition("-")
    return found.get("name", name), found.get("version", version)


def _requires(dist: Any) -> tuple[str, ...]:
    """Return what a distribution requires of kymflow itself."""
    pairs = (line.partition(":") for line in _header(dist).splitlines())
    wanted = (value.strip() for key, _, value in pairs if key.lower() == "requires-dist")
    return tuple(text for text in wanted if re.match(r"kymflow\s*([^\w.\s-]|$)", text, re.IGNORECASE))


def _header(dist: Any) -> str:
    try:
        text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    except Exception:  # noqa: BLE001
        return ""
    return text.partition("\n\n")[0]


def _folder(dist: Any) -> str:
    """Return ``name-version`` of a distribution's folder; empty where it comes from elsewhere."""
    name = str(getattr(getattr(dist, "_path", None), "name", ""))
    return name.removesuffix(".dist-info").removesuffix(".egg-info")
