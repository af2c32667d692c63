"""The checks of an indexer as pytest tests: a class to subclass, that no forgotten part lets pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from inspect import getattr_static
from typing import Any, ClassVar

import pytest

from kymflow.testing.conformance.catalogue import CHECKS, THOROUGH, Check
from kymflow.testing.conformance.expecting import Expected, as_expected, check_expected
from kymflow.testing.conformance.run import run_check, why_not_checked
from kymflow.testing.conformance.samples import AnyDataset, WriteArtifacts
from kymflow.testing.conformance.subject import DEFAULT_TIMEOUT_S, Subject


class IndexerContract:
    """Proves in a test suite that an indexer is right: a test for each check.

    Subclass it in a test module, under a name that pytest collects::

        from kymflow.testing import IndexerContract
        from some_lab_indexer import HeartRateIndexer


        class TestHeartRate(IndexerContract):
            indexer = HeartRateIndexer()

            def write_artifacts(self, record, number):
                record.save_json("heart_rate", {"hz": 8.0 + number})

    Attributes
    ----------
    indexer : DatasetIndexer or tuple of them
        An instance, or several: then each check is a test of each.
    write_artifacts : method, optional
        ``write_artifacts(self, record, number)``, as the function of :func:`check_indexer`.
    dataset : path, URL, ZarrDataset or KymDataset, optional
        Take the records of this dataset, as :func:`check_indexer`.
    timeout_s : float
        How long one call of extract_rows may take, s.
    expected_to_fail : dict of str to str
        Names of checks that it fails, each with the reason: their tests are xfail with that reason, and
        one that passes after all warns.
    thorough : bool
        Also make the checks that take longest, as :func:`check_indexer`: ``thorough = "CI" in os.environ``.

    Raises
    ------
    TypeError
        At the definition of the subclass: it names no indexer, hands over a class instead of an
        instance, replaces a check by something else, or pytest would not collect it.
    """

    indexer: ClassVar[Any]
    dataset: ClassVar[AnyDataset | None] = None
    timeout_s: ClassVar[float] = DEFAULT_TIMEOUT_S
    expected_to_fail: ClassVar[Expected] = {}
    thorough: ClassVar[bool] = False
    write_artifacts: WriteArtifacts | None = None
    _shared: ClassVar[dict[int, Subject]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for problem in _problems(cls):
            raise TypeError(f"class {cls.__qualname__}(IndexerContract): {problem}")
        for check in THOROUGH:
            # What is no function, pytest does not collect.
            name = _test_name(check)
            setattr(cls, name, _TESTS[name] if cls.thorough else None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each instance, if there are several."""
        several = _instances(type(self))
        if "_subject" in metafunc.fixturenames and len(several) > 1:
            metafunc.parametrize("_subject", range(len(several)), indirect=True)

    @pytest.fixture
    def _subject(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        """The indexer with its sample records, made for the first check and shared by all."""
        cls, number = type(self), getattr(request, "param", 0)
        # Of this class, and not of one above it.
        if "_shared" not in cls.__dict__:
            cls._shared = {}
        shared: dict[int, Subject] = cls.__dict__["_shared"]
        if number not in shared:
            shared[number] = Subject(
                _instances(cls)[number],
                tmp_path_factory.mktemp(cls.__name__),
                write_artifacts=self.write_artifacts,
                dataset=self.dataset,
                timeout_s=self.timeout_s,
            )
        return shared[number]


def _instances(cls: type[IndexerContract]) -> tuple[Any, ...]:
    indexer = getattr(cls, "indexer", None)
    return tuple(indexer) if isinstance(indexer, list | tuple) else (indexer,)


def _problems(cls: type[IndexerContract]) -> Iterator[str]:
    indexer = getattr(cls, "indexer", None)
    if indexer is None:
        yield "it needs a class attribute indexer = ...Indexer(), the instance to check"
    elif not _instances(cls):
        yield "indexer is an empty list; name the instances to check"
    for one in _instances(cls):
        if isinstance(one, type):
            yield f"indexer is the class itself; make it an instance: indexer = {one.__name__}()"
        elif unchecked := why_not_checked(one):
            yield unchecked
    try:
        check_expected(cls.expected_to_fail)
    except ValueError as error:
        yield str(error)
    if cls.write_artifacts is not None and cls.dataset is not None:
        yield "it has both write_artifacts and dataset; records come from one of them"
    for name in (*_TESTS, "_subject", "pytest_generate_tests"):
        found = getattr_static(cls, name)
        # A class above it may be made without the longest ones.
        left_out = found is None and name in map(_test_name, THOROUGH)
        if found is not IndexerContract.__dict__[name] and not left_out:
            yield f"it replaces {name}, so that nobody would make that check; give it another name"
    if not cls.__name__.startswith("Test"):
        yield f"pytest does not collect it; call it Test{cls.__name__}"
    if cls.__init__ is not object.__init__ or cls.__new__ is not object.__new__:
        yield "pytest does not collect a class with __init__ or __new__; use fixtures or class attributes"
    if not getattr(cls, "__test__", True):
        yield "pytest does not collect it, because __test__ is false"


def _test_name(check: Check) -> str:
    return f"test_{check.__name__}"


def _test_of(check: Check) -> Callable[[IndexerContract, Subject], None]:
    def test(self: IndexerContract, _subject: Subject) -> None:
        finding = as_expected(run_check(check, _subject, thorough=self.thorough), self.expected_to_fail)
        if finding.status == "expected failure":
            pytest.xfail(finding.reason)
        if finding.status == "passed" and finding.reason:
            warnings.warn(f"indexer {_subject.name!r}: {finding}", stacklevel=1)
        if finding.status != "passed":
            # Where in this file it was found helps nobody.
            pytest.fail(f"indexer {_subject.name!r}: {finding.text}", pytrace=False)

    test.__name__ = _test_name(check)
    test.__qualname__ = f"{IndexerContract.__name__}.{test.__name__}"
    test.__doc__ = check.__doc__
    return test


_TESTS = {_test_name(check): _test_of(check) for check in CHECKS}
for _name, _test in _TESTS.items():
    setattr(IndexerContract, _name, _test)
