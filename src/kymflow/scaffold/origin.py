"""Where a new plugin's project gets kymflow from, while no index has it: a repository, a file or a folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kymflow_zarr.errors import SettingError

# What a shell or YAML would take for something else within double quotes.
_ODD = re.compile(r"[\"`$\x00-\x1f\x7f]")
_URL = re.compile(r"(git\+)?(https|http|ssh)://\S+", re.IGNORECASE)
_FILES = (".whl", ".zip", ".tar.gz")


@dataclass(frozen=True)
class Origin:
    """What ``pip install`` is given for kymflow.

    Attributes
    ----------
    requirement : str
        Empty if kymflow is found by its name.
    is_local : bool
        Whether it is a path on this machine, which no other has.
    """

    requirement: str = ""
    is_local: bool = False


def origin_of(text: str | None) -> Origin:
    """Return where kymflow is to be installed from.

    Parameters
    ----------
    text : str or None
        The URL of a repository or of a wheel, or a path to one of them on this machine. None for where the
        kymflow that runs was installed from, if that is a URL.

    Raises
    ------
    SettingError
        It is neither a URL nor a project or wheel of kymflow.
    """
    if text is None:
        return _of_this_one()
    if _ODD.search(text):
        raise SettingError(f"--kymflow {text!r} holds a character that is in no URL and hardly in a path")
    if _URL.fullmatch(text):
        is_file = text.lower().partition("#")[0].endswith(_FILES)
        return Origin(text if is_file or text.lower().startswith("git+") else f"git+{text}")
    path = Path(text)
    is_wheel = path.is_file() and path.name.startswith("kymflow-") and path.name.endswith(_FILES)
    if not (is_wheel or _is_project(path)):
        raise SettingError(
            f"--kymflow {text!r} is neither a URL (https://...) nor a folder or wheel of kymflow here"
        )
    return Origin(str(path.resolve()), is_local=True)


def _is_project(path: Path) -> bool:
    try:
        return bool(
            re.search(r'^name = "kymflow"$', (path / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
        )
    except (OSError, ValueError):
        return False


def _of_this_one() -> Origin:
    """Return the URL that pip noted; of an index or a folder, nothing that others could use."""
    try:
        noted = json.loads(metadata.distribution("kymflow").read_text("direct_url.json") or "{}")
        url, vcs = noted.get("url", ""), noted.get("vcs_info")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return Origin()
    if not _URL.fullmatch(url) or _ODD.search(url):
        return Origin()
    if not vcs:
        return Origin(url)
    revision = vcs.get("requested_revision")
    return Origin(f"{vcs.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else ""))
