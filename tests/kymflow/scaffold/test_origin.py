"""Where a new project installs kymflow from."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from kymflow import SettingError
from kymflow.scaffold.origin import Origin, origin_of
from support.paths import REPO

GIT = "https://example.org/lab/kymflow.git"


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        (GIT, f"git+{GIT}"),
        (f"git+{GIT}@v1.0", f"git+{GIT}@v1.0"),
        ("ssh://git@example.org/kymflow", "git+ssh://git@example.org/kymflow"),
        (
            "https://example.org/kymflow-1.0.0-py3-none-any.whl",
            "https://example.org/kymflow-1.0.0-py3-none-any.whl",
        ),
        ("https://example.org/main.zip#sha256=ab", "https://example.org/main.zip#sha256=ab"),
    ],
)
def test_a_url_is_what_pip_takes(text: str, requirement: str) -> None:
    assert origin_of(text) == Origin(requirement)


def test_a_path_is_that_of_a_project_or_wheel_of_kymflow(tmp_path: Path) -> None:
    assert origin_of(str(REPO)) == Origin(str(REPO.resolve()), is_local=True)
    wheel = tmp_path / "kymflow-1.0.0-py3-none-any.whl"
    wheel.touch()
    assert origin_of(str(wheel)) == Origin(str(wheel.resolve()), is_local=True)


@pytest.mark.parametrize("text", ["", "nowhere", ".", "https://", "https://a b", "ftp://example.org/kymflow"])
def test_what_is_no_place_of_kymflow_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match="is neither a URL .* nor a folder or wheel of kymflow here"):
        origin_of(text)


@pytest.mark.parametrize("text", ['https://x.org/"; rm', "https://x.org/$HOME", "https://x.org/`id`", "a\nb"])
def test_what_a_shell_would_run_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="holds a character that is in no URL"):
        origin_of(text)


@pytest.mark.parametrize(
    ("noted", "requirement"),
    [
        ({"url": GIT, "vcs_info": {"vcs": "git", "commit_id": "ab"}}, f"git+{GIT}"),
        ({"url": GIT, "vcs_info": {"vcs": "git", "requested_revision": "main"}}, f"git+{GIT}@main"),
        ({"url": "https://example.org/kymflow.whl", "archive_info": {}}, "https://example.org/kymflow.whl"),
        ({"url": "file:///home/lab/kymflow", "dir_info": {"editable": True}}, ""),
        ({"url": "https://example.org/$(id).git", "vcs_info": {"vcs": "git"}}, ""),
        (None, ""),
    ],
)
def test_by_default_it_is_the_url_that_this_one_was_installed_from(
    noted: Any, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if noted is None else json.dumps(noted)

    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    assert origin_of(None) == Origin(requirement)


def test_a_kymflow_that_is_not_installed_has_no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert origin_of(None) == Origin()
