"""``--set NAME.KEY=VALUE``: settings of indexers for one command, and how to keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kymflow.cli.failures import USAGE, fail, say
from kymflow.cli.hints import here
from kymflow.core.plugins.registry import get_registry
from kymflow.core.zarr.indexers.setting_types import as_json
from kymflow.core.zarr.indexers.settings import Typed, values_of, with_settings
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.core.zarr.refresh.configured import SECTION, SETTINGS_FILE, ConfiguredIndexers

TypedSettings = Mapping[str, Mapping[str, Typed]]


def read_settings(texts: Sequence[str] | None, indexers: Sequence[str] | None = None) -> TypedSettings:
    """Return what ``--set`` says, by indexer and setting; end with what is wrong.

    Parameters
    ----------
    texts : sequence of str or None
        As typed.
    indexers : sequence of str or None
        Those of this run, if it is not of all.
    """
    found: dict[str, dict[str, Typed]] = {}
    for text in texts or ():
        left, equals, value = text.partition("=")
        # A name may hold dots, a setting may not.
        name, dot, key = left.strip().rpartition(".")
        if not (equals and dot and name and key):
            fail(f"--set wants NAME.KEY=VALUE, such as --set threshold.level=3, got {text!r}", USAGE)
        if indexers and name not in indexers:
            fail(
                f"--set {text}: {name!r} is not among the indexers of this run: {', '.join(indexers)}", USAGE
            )
        found.setdefault(name, {})[key] = Typed(value.strip(), f"--set {text}")
    return found


def check_settings(settings: TypedSettings) -> None:
    """Raise what is wrong with settings, for a dataset that is not there yet."""
    for name, values in settings.items():
        with_settings(get_registry().get(name), name, values, "--set")


def tell_settings(kd: KymDataset, settings: TypedSettings) -> None:
    """Say which settings were for this run alone, and how to keep them."""
    if not settings:
        return
    names = list(settings)
    usual, now = ConfiguredIndexers(kd.ds, kd.registry), ConfiguredIndexers(kd.ds, kd.registry, settings)
    for name, before, after in zip(names, usual.some(names), now.some(names), strict=True):
        old, new = values_of(before), values_of(after)
        changed = [key for key in settings[name] if key in new and as_json(old.get(key)) != as_json(new[key])]
        if not changed:
            continue
        lines = ", ".join(f"{key} = {as_json(new[key])}" for key in changed)
        say(
            f"kymflow: {name}: {lines} is for this run alone: the next refresh takes "
            f"{', '.join(f'{key} = {as_json(old.get(key))}' for key in changed)} again, and all images anew. "
            f"To keep it, put it into {here(kd.ds.path)}/{SETTINGS_FILE} below "
            f"[{'.'.join(SECTION)}.{as_json(name) if not name.isidentifier() else name}]"
        )
