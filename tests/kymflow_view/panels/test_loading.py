"""Plugins' panels: found, loaded and drawn; whatever fails is told, and harms no other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kymflow import PluginSource, ZarrDataset, ZarrImageRecord
from kymflow_view import Axis, Lines, Panel, hookimpl
from kymflow_view.panels.loading import UnknownPanelError, load_panels
from kymflow_view.panels.plain import PanelError


class Curve:
    """A panel that draws what it was told to, or raises it."""

    def __init__(self, name: Any = "curve", gives: object = None) -> None:
        self.name = name
        self.gives = gives

    def draw(self, record: ZarrImageRecord) -> Any:
        if isinstance(self.gives, BaseException):
            raise self.gives
        return self.gives


def offering(answer: object) -> Callable[[], object]:
    @hookimpl
    def kymflow_view_panels() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return lambda: SimpleNamespace(kymflow_view_panels=kymflow_view_panels)


def plugin(load: Callable[[], object], name: str = "lab") -> PluginSource:
    return PluginSource(name, f"{name}_panels", f"{name}-panels", "0.1", load=load)


@pytest.fixture
def record() -> ZarrImageRecord:
    record = ZarrDataset("memory://panels").record("cell-1")
    record.save_array([[0, 1], [2, 3]])
    return record


def test_panels_are_drawn_by_name(record: ZarrImageRecord) -> None:
    shown = Panel("Curve", Axis("t", "s"), Axis("v"), [Lines("v", [0], [1])])
    panels = load_panels(
        [plugin(offering([Curve(gives=shown), Curve("empty")])), plugin(offering(Curve("alone")), "other")]
    )

    assert (panels.names, panels.problems) == (["curve", "empty", "alone"], [])
    drawn = panels.draw("curve", record)
    assert drawn is not None
    assert drawn["title"] == "Curve"
    assert panels.draw("empty", record) is None
    with pytest.raises(UnknownPanelError, match=r"no plugin offers a panel named 'x'; there are: \['curve'"):
        panels.draw("x", record)


def _fails() -> object:
    raise SystemExit("no")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (_fails, "SystemExit: no"),
        (offering(ValueError("bad\nnews")), "ValueError: bad news"),
        (offering(Unspeakable()), "Unspeakable, which cannot say what it is about"),
        (offering(3), "TypeError: 'int' object is not iterable"),
        (offering([Curve(name="")]), "Curve is no panel: it must have a name, and a function draw"),
        (offering([Curve(name=7)]), "Curve is no panel: it must have a name, and a function draw"),
        (offering(["curve"]), "AttributeError: 'str' object has no attribute 'name'"),
        (
            lambda: SimpleNamespace(),
            "it has no function kymflow_view_panels marked with @kymflow_view.hookimpl",
        ),
        (
            lambda: SimpleNamespace(kymflow_view_panels=lambda: []),
            "it has no function kymflow_view_panels marked with @kymflow_view.hookimpl",
        ),
    ],
)
def test_a_plugin_that_fails_is_told_of_and_harms_no_other(load: Callable[[], object], why: str) -> None:
    panels = load_panels([plugin(load), plugin(offering(Curve("alone")), "other")])

    assert panels.names == ["alone"]
    (problem,) = panels.problems
    assert problem.startswith("panels of lab-panels 0.1 (lab = lab_panels) cannot be used: ")
    assert why in problem


def test_a_hook_of_another_name_is_told_of() -> None:
    @hookimpl
    def kymflow_view_pannels() -> None:
        pass

    panels = load_panels([plugin(lambda: SimpleNamespace(kymflow_view_pannels=kymflow_view_pannels))])

    assert "unknown hook 'kymflow_view_pannels'" in panels.problems[0]


def test_of_two_panels_of_one_name_the_first_is_shown() -> None:
    panels = load_panels([plugin(offering(Curve())), plugin(offering(Curve()), "other")])

    assert panels.names == ["curve"]
    assert panels.problems == [
        "panel 'curve' of other-panels 0.1 is not shown: lab-panels 0.1 has one of that name"
    ]


@pytest.mark.parametrize(
    ("gives", "why"),
    [
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (SystemExit(3), "SystemExit: 3"),
        ("a text", "it gave str, not a kymflow_view.Panel"),
    ],
)
def test_a_panel_that_cannot_be_drawn_says_whose_it_is(
    record: ZarrImageRecord, gives: object, why: str
) -> None:
    panels = load_panels([plugin(offering(Curve(gives=gives)))])

    with pytest.raises(PanelError) as caught:
        panels.draw("curve", record)
    assert str(caught.value) == f"panel 'curve' of lab-panels 0.1 could not be drawn: {why}"


def test_panels_that_never_end_do_not_fill_the_memory() -> None:
    def endless() -> Any:
        number = 0
        while True:
            number += 1
            yield Curve(f"curve {number}")

    assert len(load_panels([plugin(offering(endless()))]).names) == 100
