"""Checks of a watched process: what the indexer opens, asks and starts there, changes, and leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.testing.conformance.findings import Breach, NotRun
from kymflow.testing.conformance.subject import SEEDS, Subject
from kymflow.testing.conformance.there import usable

if TYPE_CHECKING:
    from kymflow.testing.conformance.children.job import Answer


def _watched(subject: Subject) -> Answer:
    usable(subject)

    def watch() -> Answer:
        ds = subject.sample.ds
        arguments = (subject.pickled, str(ds.path), list(subject.good), subject.module)
        return subject.do("watch", *arguments, seed=SEEDS[1])

    answer: Answer = subject.shared("watched", watch)
    if not answer.finished or answer.values("failed"):
        why = (answer.values("failed") or [answer.end])[0]
        raise NotRun(f"the process in which it was watched gave no answer: {why}", "See the error")
    return answer


def opens_no_other_file(subject: Subject) -> None:
    """It opens and looks for no file beside its record: no settings of a user, no table by path."""
    _none_opened(
        subject,
        "file",
        what="it opened or looked for a file beside its record",
        expected="reads through the record given to extract_rows only, and of what is shipped with its code",
        remedy="The rows would change with that file and nobody would know. Ship constants in the package, "
        "make a setting an attribute of the indexer, and put what belongs to an image into an artifact",
    )


def asks_no_network(subject: Subject) -> None:
    """It asks no server: rows would depend on it, and there would be none without a network."""
    _none_opened(
        subject,
        "network",
        what="it used the network",
        expected="no connection and no look-up of a host",
        remedy="Fetch it once, when the image is analysed, and store it as an artifact of the image",
    )


def starts_no_program(subject: Subject) -> None:
    """It starts no other program: it may be another version on the next machine, or not there."""
    _none_opened(
        subject,
        "program",
        what="it started another program",
        expected="rows made in Python, of the record alone",
        remedy="Run the program when the image is analysed, and store what it gives as an artifact",
    )


def _none_opened(subject: Subject, kind: str, *, what: str, expected: str, remedy: str) -> None:
    for opened in _watched(subject).values("opened"):
        found = [words for one, words in opened if one == kind]
        if found:
            raise Breach(what, expected=expected, got=", ".join(map(repr, found[:3])), remedy=remedy)


def leaves_the_process_as_it_was(subject: Subject) -> None:
    """It changes nothing that all code in a process shares: folder, warnings, locale, and so on."""
    for words, when, before, after in _watched(subject).values("changed"):
        raise Breach(
            f"it changed {words} {when}",
            expected=f"everything in the process as it was: {before}",
            got=f"{after}, which every other indexer then meets",
            remedy="Change it for a few lines only and put it back: with warnings.catch_warnings(), "
            "np.errstate(...), pd.option_context(...), contextlib.chdir(...); use a random generator of its "
            "own (np.random.default_rng(0)), and absolute paths",
        )


def leaves_no_files(subject: Subject) -> None:
    """It leaves no files in the working directory or the folder for temporary files."""
    for place, left in _watched(subject).values("left"):
        if left:
            raise Breach(
                f"it left files in {place}",
                expected="nothing there: with 100,000 images that fills a disk",
                got=", ".join(left[:3]),
                remedy="Make no files; if a library needs one, with tempfile.TemporaryDirectory() as folder",
            )


def leaves_nothing_running(subject: Subject) -> None:
    """No thread and no open file of its own stays after a call."""
    answer = _watched(subject)
    for kind, remedy in (
        ("threads", "Use with ThreadPoolExecutor() as pool, or join the threads before extract_rows returns"),
        ("files", "Open files in a with statement"),
        ("delays", "Join the thread before extract_rows returns, or make it a daemon"),
    ):
        for left in answer.values(kind):
            if left:
                what = {
                    "threads": "each call leaves a thread behind",
                    "files": "each call leaves a file open",
                    "delays": "it leaves a thread running that keeps the program from ending",
                }
                raise Breach(
                    what[kind],
                    expected="none after extract_rows has returned",
                    got=", ".join(left[:3]),
                    remedy=remedy,
                )
