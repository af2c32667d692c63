"""The settings that indexers declare, and copies of indexers with other ones."""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass, field
from typing import Any

import pytest

from kymflow import ArtifactIndexer, Column, SettingError
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.indexers.settings import Typed, defaults_of, settings_of, values_of, with_settings
from support.settable_indexers import Model, Threshold
from support.simple_indexers import FrameIndexer


@dataclass(frozen=True)
class Named:
    """Members of the contract as fields, as in earlier plugins, and what is no setting."""

    level: int = 1
    name: str = "named"
    table_name: str = "named"
    schema_version: str = "1"
    columns: tuple[Column, ...] = ()
    _private: int = 0
    shown: bool = field(default=False, compare=False)
    kept: list[int] = field(default_factory=list, init=False)
    parser: Any = field(default_factory=object)

    def extract_rows(self, rec: object) -> Any:
        raise NotImplementedError


@dataclass
class Inherited(ArtifactIndexer):
    """Settings beside the class attributes of a base class."""

    name = "inherited"
    window: list[int] = field(default_factory=lambda: [1, 2])


def test_settings_are_the_init_fields_of_a_dataclass_that_the_contract_does_not_name() -> None:
    assert list(settings_of(Named())) == ["level", "parser"]
    assert [str(one) for one in settings_of(Threshold()).values()] == [
        "level (a number)",
        "channel ('red' or 'green')",
        "rois (a list, of a whole number each)",
        "note (text)",
    ]
    assert list(settings_of(Inherited())) == ["window"]
    assert list(settings_of(Model())) == ["level"]
    assert settings_of(FrameIndexer({})) == {}


def test_values_are_plain_and_at_the_declared_type() -> None:
    assert values_of(Threshold(3)) == {"level": 3.0, "channel": "red", "rois": [], "note": None}
    # What has no plain value does not count.
    assert values_of(Named(level=4)) == {"level": 4}
    assert defaults_of(Inherited([7])) == {"window": [1, 2]}
    assert contract_of(Inherited([7])).settings == {"window": [7]}


def test_a_type_that_cannot_be_found_is_that_of_the_default() -> None:
    class Unknown:
        pass

    @dataclass
    class Local(FrameIndexer):
        level: int = 1
        other: Unknown | int = 5

    assert [one.type for one in settings_of(Local).values()] == [int, int]


@pytest.mark.parametrize("indexer", [Threshold(channel="green"), Model()])
def test_a_copy_has_other_settings_and_the_indexer_keeps_its_own(indexer: Any) -> None:
    copy = with_settings(indexer, indexer.name, {"level": 3}, "kymflow.toml")
    assert (copy.level, indexer.level) == (3.0, 2.0)
    assert values_of(copy) == {**values_of(indexer), "level": 3.0}
    typed = with_settings(indexer, indexer.name, {"level": Typed("4", "--set it.level=4")}, "kymflow.toml")
    assert typed.level == 4.0


@pytest.mark.parametrize(
    ("indexer", "values", "message"),
    [
        (
            Threshold(),
            {"levle": 1},
            "lab.toml: indexer 'it' has no setting 'levle'; did you mean 'level'? It has: level (a number), ",
        ),
        (Threshold(), {"name": "x"}, "lab.toml: indexer 'it' has no setting 'name'"),
        (
            Threshold(),
            {"level": "high"},
            "lab.toml: setting 'level' of indexer 'it' must be a number, got 'high'",
        ),
        (
            Threshold(),
            {"level": -1},
            "lab.toml: indexer 'it' refuses level = -1.0: a level below 0 leaves nothing out",
        ),
        (
            FrameIndexer({}),
            {"level": 1},
            "lab.toml: indexer 'it' has no settings, got 'level'. Only fields of a dataclass or ",
        ),
        (
            Model(),
            {"level": -1},
            "lab.toml: indexer 'it' refuses level = -1.0: Input should be greater than or equal to 0",
        ),
        (
            Model(),
            {"level": "high"},
            "lab.toml: indexer 'it' refuses level = 'high': Input should be a valid",
        ),
        (
            Threshold(),
            {"level": Typed("high", "--set it.level=high")},
            "--set it.level=high: setting 'level' of indexer 'it' must be a number, got 'high'",
        ),
        (
            Model(),
            {"level": Typed("high", "--set it.level=high")},
            "--set it.level=high: indexer 'it' refuses level = 'high': Input should be a valid number",
        ),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(indexer: object, values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        with_settings(indexer, "it", values, "lab.toml")


def test_a_dataclass_that_cannot_be_copied_says_so() -> None:
    @dataclass
    class Odd:
        extra: InitVar[int]
        level: int = 1

    with pytest.raises(SettingError, match=r"lab\.toml: indexer 'odd' refuses level = 2: .*extra"):
        with_settings(Odd(1), "odd", {"level": 2}, "lab.toml")


def test_defaults_that_cannot_be_made_are_the_indexers_fault() -> None:
    def fail() -> int:
        raise RuntimeError("no default today")

    @dataclass
    class Failing(FrameIndexer):
        level: int = field(default_factory=fail)

        def __post_init__(self) -> None:
            super().__init__({})

    with pytest.raises(TypeError, match="indexer 'lab': its settings cannot be read: .*no default today"):
        contract_of(Failing(1))
