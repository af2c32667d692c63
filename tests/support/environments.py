"""Real virtual environments: made fresh, filled by pip, asked through their own programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .paths import REPO

BUILTIN = REPO / "src" / "kymflow_indexers_builtin"
VIEW = REPO / "src" / "kymflow_view"
_SWITCHES = ("PYTHON", "COV_", "KYMFLOW_")


def call(*command: object, cwd: Path | None = None, code: int = 0, **environment: str) -> Any:
    """Run a command as a user's shell would, check its exit code, and return what came of it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_SWITCHES)}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**clean, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass(frozen=True)
class Environment:
    """A virtual environment.

    Attributes
    ----------
    folder : Path
        Where it is; commands run there.
    pip : tuple of path or str
        The pip that installs into it, which may be that of another environment.
    """

    folder: Path
    pip: tuple[object, ...]

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def python(self) -> Path:
        return self.programs / "python"

    def install(self, *what: object) -> None:
        """Install wheels, or ``-e folder``, and nothing besides."""
        call(*self.pip, "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", *what)

    def uninstall(self, name: str) -> None:
        call(*self.pip, "uninstall", "--quiet", "--yes", name)

    def kymflow(self, *arguments: object, code: int = 0, **environment: str) -> Any:
        """Run the command line that is installed here."""
        return call(self.programs / "kymflow", *arguments, cwd=self.folder, code=code, **environment)

    def json(self, *arguments: object, code: int = 0, **environment: str) -> Any:
        """Run the command line, and return the document that it prints."""
        return json.loads(self.kymflow(*arguments, "--json", code=code, **environment).stdout)

    def indexers(self, **environment: str) -> dict[str, str]:
        """Return the status of every indexer that is listed, by name."""
        return {info["name"]: info["status"] for info in self.json("indexers", **environment)}

    def status(self, dataset: str) -> dict[str, Any]:
        """Return how every table stands, by name."""
        return {table["table_name"]: table for table in self.json("status", dataset)["tables"]}


Make = Callable[..., Environment]


def plain_environment(folder: Path, python: Path | str, *to_install: object) -> Environment:
    """Make an environment that shares nothing, and let pip install wheels with their dependencies."""
    call(python, "-m", "venv", folder)
    environment = Environment(folder, ())
    environment = Environment(folder, (environment.python, "-m", "pip"))
    # Python compiles the few modules that are imported; pip would compile all of each package.
    call(*environment.pip, "install", "--quiet", "--no-compile", *to_install)
    return environment


def fresh_environment(folder: Path, python: Path | str, dependencies: Environment) -> Environment:
    """Make an environment that sees another's packages after its own: kymflow's dependencies."""
    call(python, "-m", "venv", "--without-pip", folder)
    bare = Environment(folder, ())
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own, shared = (
        Path(call(environment.python, "-c", where).stdout.strip()) for environment in (bare, dependencies)
    )
    (own / "dependencies.pth").write_text(f"{shared}\n", "utf-8")
    return Environment(folder, (dependencies.python, "-m", "pip", "--python", bare.python))


def find_python(version: str) -> Path | None:
    """Return a Python of this version (``"3.13"``) that runs: this one, on PATH, or of pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [sys.executable, shutil.which(f"python{version}")]
    candidates += [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)]
    for candidate in candidates:
        if candidate is None:
            continue
        # One on PATH may be a shim that knows of no such version.
        asked = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
        )
        if asked.returncode == 0 and asked.stdout.strip() == version:
            return Path(candidate)
    return None
