"""The contract of an indexer whose table is made of other tables, and what is said to who writes one."""

from __future__ import annotations

from typing import Any

import pytest

from kymflow import InvalidIndexerError, TableIndexer
from kymflow.core.zarr.indexers.contract import contract_of
from support.simple_indexers import FrameIndexer
from support.table_indexers import FromTables


def test_its_contract_has_its_sources_each_once() -> None:
    contract = contract_of(FromTables("means", "radon_report", "images", "radon_report"))

    assert (contract.table_name, contract.sources) == ("means", ("radon_report", "images"))
    assert contract_of(FrameIndexer({})).sources == ()


def test_it_needs_no_more_than_name_sources_and_derive() -> None:
    class Means:
        name = "means"
        sources = ("radon_report",)

        def derive(self, tables: Any) -> Any: ...

    assert isinstance(Means(), TableIndexer)
    assert contract_of(Means()).table_name == "means"


def test_its_table_need_not_have_image_ids() -> None:
    assert contract_of(FromTables("means", "images")).first_fields == []
    assert [field.name for field in contract_of(FrameIndexer({})).first_fields] == ["image_id"]


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ((), r"indexer 'means': it derives its table from no table: name those that derive\(\) needs"),
        ("images", r"must be a tuple of names of tables, got the text 'images': write \('images',\)"),
        (None, r"must be a tuple of names of tables, got None: write sources = \('velocity_events',\)"),
        ((1,), "the source table must be a str, got int: 1"),
        (("../images",), "'../images' cannot be used as source table"),
        (("means",), "table 'means' is a source of its own: name other tables there"),
        (("sources",), "source table 'sources' is kept by the dataset itself; name another one"),
    ],
)
def test_sources_that_cannot_be_are_refused(sources: object, message: str) -> None:
    indexer = FromTables("means")
    indexer.sources = sources  # type: ignore[assignment]

    with pytest.raises(InvalidIndexerError, match=message):
        contract_of(indexer)


def _class(**members: object) -> Any:
    return type("Means", (), members)()


def _derive(self: object, tables: object) -> None: ...


@pytest.mark.parametrize(
    ("indexer", "message"),
    [
        (_class(name="means", derive=_derive), r"Means has derive, but no sources: name the tables"),
        (_class(sources=("images",), derive=_derive), "Means has no name: give the class a line"),
        (
            _class(name="means", sources=("images",), drive=_derive),
            r"no method derive\(self, tables\), which an indexer needs; did you mean drive to be it",
        ),
        (
            _class(name="means", sources=("images",), derive=lambda self: None),
            r"derive takes no tables: write def derive\(self, tables\)",
        ),
        (
            _class(name="means", sources=("images",), derive=lambda self, tables, level: None),
            "derive is called with the tables alone, but takes level, too",
        ),
        (
            _class(name="means", sources=("images",), derive=_derive, extract_rows=_derive),
            "Means has extract_rows as well as derive and sources: .* make two indexers of it",
        ),
    ],
)
def test_what_is_missing_is_said(indexer: Any, message: str) -> None:
    with pytest.raises(InvalidIndexerError, match=message):
        contract_of(indexer)


def test_an_indexer_of_images_may_have_a_method_derive_of_its_own() -> None:
    assert contract_of(_class(name="lab", extract_rows=_derive, derive=_derive)).sources == ()
