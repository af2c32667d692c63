"""The names of a new plugin: one text gives those of its distribution, package, class and table."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import kymflow
from kymflow_zarr import layout
from kymflow_zarr.errors import InvalidNameError
from kymflow_zarr.record.artifacts import METADATA

# The longest import of the project is then no longer than a line of its code may be.
MAX_LENGTH = 40
_PREFIX = "kymflow_indexer_"
_SUFFIX = "_indexer"
# Goes in front of what cannot be a name alone.
_FRONT = "kym_"
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class IndexerNames:
    """What a new plugin and its parts are called; everything follows from `name`.

    Attributes
    ----------
    name : str
        Of the indexer, its table, its artifact and its entry point: ASCII letters in lower case,
        digits and ``_``, a letter first.
    """

    name: str

    @property
    def distribution(self) -> str:
        """Name for pip, in its normal form."""
        return f"kymflow-indexer-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        """Name of the package to import; its prefix keeps it apart from keywords and other packages."""
        return f"{_PREFIX}{self.name}"

    @property
    def class_name(self) -> str:
        """Name of the indexer's class."""
        return "".join(word.capitalize() for word in self.name.split("_")) + "Indexer"

    @property
    def words(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")


def indexer_names(text: str) -> IndexerNames:
    """Return the names that follow from what a person calls an indexer.

    Words are told apart by whatever is no letter or digit, and by capitals within (``StallDuration``).
    Accents go. So do ``kymflow-indexer-`` in front and ``indexer`` behind, which every plugin has anyway.
    ``kym_`` goes in front of what is no name alone: one that begins with a digit, means something else to
    the dataset (``sources``, ``metadata``) or to Windows, or gives a class of kymflow's own.

    Raises
    ------
    InvalidNameError
        Nothing is left of it, it has letters that have no ASCII form, or it is longer than 40.
    """
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    folded = unicodedata.normalize("NFKD", _HUMP.sub("_", plain).casefold())
    foreign = [char for char in folded if char.isalnum() and not char.isascii()]
    if foreign:
        raise _unusable(text, f"{foreign[0]!r} has no ASCII form")
    name = re.sub(r"[^a-z0-9]+", "_", folded).strip("_")
    name = re.sub(f"^({_PREFIX})+", "", f"{name}_").strip("_")
    name = re.sub(f"({_SUFFIX})+$", "", name)
    if not name:
        raise _unusable(text, "no letter or digit is left of it")
    if not _stands_alone(name):
        name = _FRONT + name
    if len(name) > MAX_LENGTH:
        raise _unusable(text, f"{name[:20]}... has {len(name)} characters, at most {MAX_LENGTH} are possible")
    return IndexerNames(name)


def _stands_alone(name: str) -> bool:
    try:
        layout.check_name(name, "table name")
    except InvalidNameError:
        return False
    return (
        not name[0].isdigit()
        and name not in {METADATA, *layout.RESERVED_TABLES}
        and IndexerNames(name).class_name not in dir(kymflow)
    )


def _unusable(text: str, reason: str) -> InvalidNameError:
    shown = text if len(text) <= 60 else text[:60] + "..."
    return InvalidNameError(
        f"{shown!r} cannot name an indexer: {reason}. Use one to three English words, as 'stall durations'."
    )
