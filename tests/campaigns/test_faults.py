"""Every action, with a call that fails or a kill at it: told, nothing half, mended by the next run."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.faults.actions import ACTIONS
from support.faults.campaign import Campaign, Point
from support.faults.injector import needs_injector
from support.faults.server import SERVER, Server
from support.processes import StartPython

pytestmark = needs_injector


@pytest.fixture
def campaign(tmp_path: Path, start_faulty: StartPython) -> Campaign:
    return Campaign(tmp_path, Server(start_faulty(SERVER)))


def breaches(campaign: Campaign, points: Iterable[Point]) -> dict[str, list[str]]:
    return {str(point): wrong for point in points if (wrong := campaign.breaches(point))}


@pytest.mark.parametrize("kill", [False, True], ids=["errors", "kills"])
def test_some_actions_at_some_calls(campaign: Campaign, kill: bool) -> None:
    chance = random.Random(15)
    some = chance.sample(sorted(ACTIONS), 3)
    assert breaches(campaign, campaign.points(chance, 1, some, kill=kill)) == {}


@pytest.mark.long
def test_many_calls_that_fail(campaign: Campaign) -> None:
    assert breaches(campaign, campaign.points(random.Random(17), 15)) == {}


@pytest.mark.long
def test_a_thousand_kills(campaign: Campaign) -> None:
    assert breaches(campaign, campaign.points(random.Random(18), 48, kill=True)) == {}
