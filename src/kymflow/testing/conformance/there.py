"""The checks that call the indexer, made in a child process, which the indexer may end."""

from __future__ import annotations

from dataclasses import dataclass, field

from kymflow.testing.conformance.children.job import Answer
from kymflow.testing.conformance.children.preloading import libraries_of
from kymflow.testing.conformance.children.server import prepare
from kymflow.testing.conformance.findings import Finding, NotRun
from kymflow.testing.conformance.subject import SEEDS, Subject

# After so many ends there is no sense in going on.
_ENOUGH = 3
_ENDED = "the indexer ended the process in which it ran, or never came back"
_SEE = "See the check never_ends_its_process"


@dataclass
class Made:
    """What child processes found.

    Attributes
    ----------
    findings : dict of str to Finding
        By check.
    ends : list of str
        How and when they were ended by the indexer, in words.
    unusable : str
        Why the indexer cannot be used there; empty if it can.
    """

    findings: dict[str, Finding] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    unusable: str = ""


def made_in_children(subject: Subject, names: tuple[str, ...] = (), *, stop: bool = False) -> Made:
    """Return what child processes found; made once, at the first call, of the checks of these names.

    Raises
    ------
    NotRun
        There is nothing to give to a child process.
    """
    made: Made | NotRun = subject.shared("made", lambda: _made_or_not(subject, names, stop))
    if isinstance(made, NotRun):
        raise made
    return made


def _made_or_not(subject: Subject, names: tuple[str, ...], stop: bool) -> Made | NotRun:
    try:
        return _make(subject, names, stop)
    except NotRun as reason:
        return reason


def _make(subject: Subject, names: tuple[str, ...], stop: bool) -> Made:
    made, left = Made(), list(names)
    subject.fresh()
    libraries = libraries_of(subject.module)
    # One starts while the sample is made, the other one while the first one works.
    prepare(SEEDS[0], libraries)
    arguments = (subject.pickled, subject.sample, subject.timeout_s)
    # zarr is imported before an indexer is watched, as its first import changes filters of warnings.
    prepare(SEEDS[1], [*libraries, "zarr"])
    while left:
        answer = subject.do("run_checks", *arguments, left, stop, patience_s=subject.timeout_s * 2)
        for good in answer.values("good"):
            subject.given = good
        for why in answer.values("no rows"):
            subject.given = NotRun(*why)
        for finding in answer.values("finding"):
            made.findings[finding.check] = finding
            left.remove(finding.check)
        if answer.finished:
            failed = answer.values("failed")
            if failed and answer.values("started"):
                raise RuntimeError(f"a check of kymflow itself failed: {failed[0]}")
            made.unusable = failed[0] if failed else ""
            break
        made.ends.append(_when(answer, left[0]))
        if subject.given is None:
            # It must not be called here in its turn.
            subject.given = NotRun(_ENDED, _SEE)
        if isinstance(subject.given, NotRun) or len(made.ends) >= _ENOUGH:
            break
        made.findings[left[0]] = _ended(left[0])
        left.pop(0)
    for name in left:
        made.findings[name] = _ended(name) if made.ends else _not_made(name)
    return made


def _ended(name: str) -> Finding:
    return Finding(name, "not run", _ENDED, remedy=_SEE)


def _not_made(name: str) -> Finding:
    return Finding(name, "not run", "an earlier check failed")


def _when(answer: Answer, name: str) -> str:
    if not answer.values("started"):
        when = "when it was imported or unpickled there"
    else:
        images = answer.values("image")
        where = f" of image {images[-1]!r}" if images else ""
        good = bool(answer.values("good")) or bool(answer.values("no rows"))
        when = f"at the records{where}" + (f" of the check {name}" if good else "")
    printed = f" ({answer.printed})" if answer.printed else ""
    return f"{answer.end} {when}{printed}"


def usable(subject: Subject) -> Made:
    """Return what child processes found, unless the indexer could not be used there.

    Raises
    ------
    NotRun
        It could not.
    """
    made = made_in_children(subject)
    if made.ends:
        raise NotRun(_ENDED, _SEE)
    if made.unusable:
        raise NotRun(
            "the indexer cannot be used in another process",
            "See the check rows_are_the_same_in_another_process",
        )
    return made
