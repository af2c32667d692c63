"""The search through all states of a world, in which nothing is worked out twice.

A state is one number: each field of a world has its bits, and in them the number of the thing that is there.
What somebody does next depends on a few fields: a writer's step on that writer and on the disk, say, whatever
the others have in memory. So each move is worked out once for the fields that its actor sees, and is what it
adds to a state's number. The model is shown a world of these fields alone, so that a move which depends on
another one is an error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from support.commit_model.model import Protocol, World
from support.commit_model.world import Actor, actors, checks, last_problem

# Enough for the things that can be in one field: a few ten thousands of writers, and fewer of all else.
BITS = 20
_ONE_FIELD = (1 << BITS) - 1


@dataclass(frozen=True)
class Found:
    """How many states there are, and how the first bad one came about; empty if none is bad."""

    states: int
    problem: str = ""
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n  ".join([f"{self.states} states; {self.problem or 'all is well'}", *self.trace])


class _Unseen:
    """Stands in a field that an actor has not said it sees."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("who looks at a field has to say so in `sees`")

    __bool__ = __eq__ = __lt__ = __gt__ = __add__ = __sub__ = __iter__ = __getitem__ = __getattr__ = _refuse
    __hash__ = None


UNSEEN = _Unseen()


class Known(dict[int, Any]):
    """What was worked out, by the fields that it depends on: the rest of a state masked away."""

    def __init__(self, work_out: Callable[[int], Any]) -> None:
        self._work_out = work_out

    def __missing__(self, seen: int) -> Any:
        self[seen] = found = self._work_out(seen)
        return found


class States:
    """The states of a world as numbers, the moves between them, and what is wrong in them."""

    def __init__(self, protocol: Protocol, start: World) -> None:
        self._protocol = protocol
        self._n_writers = len(start.writers)
        self._fields = (*(f"writer {place}" for place in range(self._n_writers)), *World._fields[1:])
        # Of each field, the things that were met in it, and their numbers. 0 is for what is not seen.
        self._things: list[list[Any]] = [[UNSEEN] for _ in self._fields]
        self._numbers: list[dict[Any, int]] = [{} for _ in self._fields]
        self.start = sum(self._number(field, thing) for field, thing in enumerate(_things_in(start)))
        self._actors = [
            (self._mask([one.field]), Known(partial(self._sight, one)), Known(partial(self._steps, one)))
            for one in actors(protocol, self._n_writers)
        ]
        self._checks = [
            (self._mask(sees), Known(partial(self._check, check)))
            for sees, check in checks(protocol, self._n_writers)
        ]

    def moves(self, state: int) -> Iterator[tuple[str, int]]:
        """Yield whatever can happen next."""
        for field, sights, known in self._actors:
            for label, step in known[state & sights[state & field]]:
                yield label, state + step

    def problem(self, state: int) -> str:
        """Say what is wrong in a state; empty if nothing is."""
        for mask, known in self._checks:
            if known[state & mask]:
                return known[state & mask]
        return ""

    def last_problem(self, state: int) -> str:
        """Say what is wrong in a state where nothing can happen any more."""
        return last_problem(self._protocol, self._world(state))

    def _mask(self, sees: Iterable[str]) -> int:
        return sum(_ONE_FIELD << BITS * self._fields.index(field) for field in sees)

    def _number(self, field: int, thing: Any) -> int:
        numbers, things = self._numbers[field], self._things[field]
        if thing not in numbers:
            numbers[thing] = len(things)
            things.append(thing)
            assert len(things) <= _ONE_FIELD
        return numbers[thing] << BITS * field

    def _world(self, state: int) -> World:
        things = [known[state >> BITS * field & _ONE_FIELD] for field, known in enumerate(self._things)]
        return World(tuple(things[: self._n_writers]), *things[self._n_writers :])

    def _check(self, check: Callable[[World], str], seen: int) -> str:
        return check(self._world(seen))

    def _sight(self, actor: Actor, seen: int) -> int:
        field = self._fields.index(actor.field)
        thing = self._things[field][seen >> BITS * field]
        return self._mask([actor.field, *actor.sees(thing)])

    def _steps(self, actor: Actor, seen: int) -> list[tuple[str, int]]:
        before = self._world(seen)
        found = actor.moves(before)
        return [(label, self._step(_things_in(before), _things_in(after))) for label, after in found]

    def _step(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
        changes = enumerate(zip(before, after, strict=True))
        return sum(self._number(i, new) - self._number(i, old) for i, (old, new) in changes if new is not old)


def _things_in(world: World) -> tuple[Any, ...]:
    return (*world.writers, *world[1:])


def explore(protocol: Protocol, start: World) -> Found:
    """Walk through all states that can be reached; stop at the first bad one, by a shortest way."""
    states = States(protocol, start)
    came_from: dict[int, tuple[int, str] | None] = {states.start: None}
    queue = deque([states.start])
    while queue:
        state = queue.popleft()
        wrong = states.problem(state)
        is_last = True
        if not wrong:
            for label, following in states.moves(state):
                is_last = False
                if following not in came_from:
                    came_from[following] = (state, label)
                    queue.append(following)
            wrong = states.last_problem(state) if is_last else ""
        if wrong:
            return Found(len(came_from), wrong, _trace(came_from, state))
    return Found(len(came_from))


def _trace(came_from: dict[int, tuple[int, str] | None], state: int) -> tuple[str, ...]:
    steps = []
    while (before := came_from[state]) is not None:
        state, label = before
        steps.append(label)
    return tuple(reversed(steps))
