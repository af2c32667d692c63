"""A new plugin's files: templates, filled in with its names and written into a folder of its own."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType

from kymflow.errors import ProjectError
from kymflow.scaffold.names import IndexerNames
from kymflow.scaffold.origin import Origin

# Where each template goes. Their own suffix hides them from what looks for code and projects.
_PLACES = MappingProxyType(
    {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        "gitignore": ".gitignore",
        "package.py": "src/$module/__init__.py",
        "indexer.py": "src/$module/indexer.py",
        "py.typed": "src/$module/py.typed",
        "test_indexer.py": "tests/test_indexer.py",
        "workflow.yml": ".github/workflows/test.yml",
    }
)


def write_project(names: IndexerNames, directory: Path, kymflow: Origin | None = None) -> list[Path]:
    """Write a whole distribution: package, tests, README, licence to be chosen, continuous integration.

    Parameters
    ----------
    names : IndexerNames
        What it and its parts are called.
    directory : Path
        Its folder; made if it is absent.
    kymflow : Origin, optional
        Where README and workflow install kymflow from; by its name by default.

    Returns
    -------
    list of Path
        The files, relative to the folder.

    Raises
    ------
    ProjectError
        The folder is not empty, or no folder. Nothing is written then.
    OSError
        The disk refused.
    """
    if os.path.lexists(directory) and (not directory.is_dir() or any(directory.iterdir())):
        raise ProjectError(
            f"{directory} is {'not empty' if directory.is_dir() else 'no folder'}; give the project a folder "
            "of its own: kymflow new-indexer NAME --directory DIR",
            path=str(directory),
        )
    project = render_project(names, kymflow or Origin())
    for path, text in project.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8", newline="\n")
    return [Path(path) for path in project]


def render_project(names: IndexerNames, kymflow: Origin) -> dict[str, str]:
    """Return the text of every file, by its path below the project's folder."""
    command = f'pip install "{kymflow.requirement}"'
    values = {
        "name": names.name,
        "distribution": names.distribution,
        "module": names.module,
        "class_name": names.class_name,
        "words": names.words,
        "install": f"    {command}\n" if kymflow.requirement else "",
        # A machine of others has no folder of this one.
        "step": f"      - run: python -m {command}\n" if kymflow.requirement and not kymflow.is_local else "",
    }
    templates = files(__package__) / "templates"
    return {
        Template(place).substitute(values): Template(
            (templates / f"{template}.template").read_text("utf-8")
        ).substitute(values)
        for template, place in _PLACES.items()
    }
