"""What a check finds wrong: one problem, in words and as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal[
    "unreadable artifact",
    "unreadable pixels",
    "unreadable image",
    "half record",
    "unusable name",
    "leftover",
    "unreadable sources",
    "failed source",
    "unknown image",
    "unreadable table",
    "missing table",
    "no ledger",
    "wrong rows",
    "wrong columns",
    "bent footer",
    "stray ledger",
    "failed",
    "conflicted copy",
]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a dataset.

    Attributes
    ----------
    kind : str
        Which of the few kinds of problems it is.
    message : str
        What is wrong, where, and what to do.
    key : str
        The key in the dataset, where it is one key's problem; empty otherwise.
    image_id, table_name : str
        The image and table concerned; empty where there is none.
    repaired : bool
        Whether it was put right by this check.
    """

    kind: Kind
    message: str
    key: str = ""
    image_id: str = ""
    table_name: str = ""
    repaired: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``check --json`` documents."""
        return asdict(self)
