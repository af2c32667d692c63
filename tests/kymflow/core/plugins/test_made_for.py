"""Plugins that are made for another version of kymflow: they are told of, and used."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import IndexerRegistry, PluginWarning, __version__
from kymflow.core.plugins.made_for import misfit
from support.simple_indexers import write_distribution


@pytest.mark.parametrize(
    ("requirements", "needs"),
    [
        (["kymflow>=99"], ">=99"),
        (["kymflow (<1)"], "<1"),
        (["kymflow==0.2.3"], "==0.2.3"),
        (["kymflow>=1.0", "kymflow>=99 ; python_version > '3'"], ">=99"),
        (["Kymflow[excel]~=7.1"], "~=7.1"),
    ],
)
def test_another_version_is_named(requirements: list[str], needs: str) -> None:
    told = f"made for another version of kymflow: needs {needs}, this is 1.0.0"
    assert misfit(requirements, "1.0.0") == told


@pytest.mark.parametrize(
    "requirements",
    [
        [],
        ["kymflow"],
        ["kymflow>=1.0,<2"],
        ["kymflow>=99; extra == 'next'"],
        ["kymflow>=99; python_version < '3'"],
        ["kymflow >= newest"],
    ],
)
def test_what_fits_or_cannot_be_read_is_nothing_to_tell(requirements: list[str]) -> None:
    assert misfit(requirements, "1.0.0") == ""


def test_a_plugin_for_a_later_kymflow_is_told_of_and_used(site: Path) -> None:
    write_distribution(site, "lab-later", "0.1", "later = lab_later:Later")
    metadata = site / "lab_later-0.1.dist-info" / "METADATA"
    requires = "Requires-Dist: numpy>=1\nRequires-Dist: kymflow>=99\nRequires-Dist: kymflow-view>=99\n"
    metadata.write_text(metadata.read_text("utf-8").rstrip("\n") + f"\n{requires}\nWords.\n", "utf-8")
    code = "from kymflow import ArtifactIndexer\nclass Later(ArtifactIndexer):\n    name = 'later'\n"
    (site / "lab_later.py").write_text(code, "utf-8")

    with pytest.warns(PluginWarning) as warned:
        infos = {info.name: info for info in IndexerRegistry().list()}

    remark = f"made for another version of kymflow: needs >=99, this is {__version__}"
    assert [str(one.message) for one in warned] == [
        f"plugin 'later = lab_later:Later' of lab-later 0.1 is {remark}"
    ]
    assert (infos["later"].status, infos["later"].remark) == ("ok", remark)
    assert infos["later"].to_dict()["remark"] == remark
    assert infos["images"].to_dict()["remark"] is None
