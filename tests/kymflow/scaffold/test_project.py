from __future__ import annotations

import ast
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import kymflow
from kymflow.errors import ProjectError
from kymflow.scaffold import indexer_names, write_project
from kymflow.scaffold.origin import Origin
from kymflow.scaffold.project import render_project

NAMES = indexer_names("3D Größe")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(NAMES, tmp_path / "new" / "project")
    return tmp_path / "new" / "project"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_project_has_all_that_a_distribution_needs(tmp_path: Path) -> None:
    written = write_project(NAMES, tmp_path)

    assert (
        sorted(path.as_posix() for path in written)
        == sorted(tree(tmp_path))
        == [
            ".github/workflows/test.yml",
            ".gitignore",
            "LICENSE",
            "README.md",
            "pyproject.toml",
            "src/kymflow_indexer_kym_3d_grosse/__init__.py",
            "src/kymflow_indexer_kym_3d_grosse/indexer.py",
            "src/kymflow_indexer_kym_3d_grosse/py.typed",
            "tests/test_indexer.py",
        ]
    )


def test_every_template_is_used() -> None:
    templates = {path.name for path in (files("kymflow.scaffold") / "templates").iterdir()}

    assert len(templates) == len(render_project(NAMES, Origin()))
    assert all(name.endswith(".template") for name in templates)


def test_its_entry_point_names_the_class_in_the_package(project: Path) -> None:
    content = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))

    assert content["project"]["name"] == NAMES.distribution
    assert content["project"]["entry-points"] == {
        "kymflow.indexers": {"kym_3d_grosse": "kymflow_indexer_kym_3d_grosse:Kym3dGrosseIndexer"}
    }
    assert content["project"]["dependencies"] == [f"kymflow>={kymflow.__version__.removesuffix('.0')}"]
    package = project / "src" / NAMES.module
    assert content["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [f"src/{package.name}"]
    exported = {
        alias.name
        for node in ast.parse((package / "__init__.py").read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert exported == {NAMES.class_name}


def test_the_indexer_is_declared_in_ten_lines_besides_its_docstring(project: Path) -> None:
    module = ast.parse((project / "src" / NAMES.module / "indexer.py").read_text("utf-8"))
    (indexer,) = (node for node in module.body if isinstance(node, ast.ClassDef))

    docstring, *rest = indexer.body
    assert indexer.name == NAMES.class_name
    assert isinstance(docstring, ast.Expr)
    assert sum((node.end_lineno or 0) - node.lineno + 1 for node in rest) <= 10
    assert "def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:" in (
        ast.get_docstring(indexer) or ""
    )


def test_only_the_public_face_is_imported(project: Path) -> None:
    imported = {
        node.module
        for path in project.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    }

    assert {str(name) for name in imported if str(name).partition(".")[0] == "kymflow"} == {
        "kymflow",
        "kymflow.testing",
    }
    assert not any(str(name).startswith("kymflow_zarr") for name in imported)


def test_nothing_is_left_to_be_filled_in(project: Path) -> None:
    for path, text in tree(project).items():
        if path != ".github/workflows/test.yml":
            assert b"$" not in text, path
    workflow = (project / ".github/workflows/test.yml").read_text("utf-8")
    assert workflow.count("${{ matrix.") == workflow.count("$") == 2
    assert "$" not in "".join(tree(project))


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()

    write_project(NAMES, folder)

    assert (folder / "pyproject.toml").is_file()


def test_a_folder_with_anything_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("mine")

    with pytest.raises(ProjectError, match=r"is not empty; give the project a folder of its own") as caught:
        write_project(NAMES, tmp_path)

    assert isinstance(caught.value, FileExistsError)
    assert caught.value.path == str(tmp_path)
    assert tree(tmp_path) == {".hidden": b"mine"}


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")

    with pytest.raises(ProjectError, match="place is no folder"):
        write_project(NAMES, place)

    assert not (tmp_path / "nowhere").exists()


def test_readme_and_workflow_install_kymflow_from_where_it_is_told() -> None:
    def texts(origin: Origin) -> tuple[str, str]:
        project = render_project(NAMES, origin)
        return project["README.md"], project[".github/workflows/test.yml"]

    readme, workflow = texts(Origin("git+https://example.org/lab/kymflow.git"))
    line = 'pip install "git+https://example.org/lab/kymflow.git"\n'
    assert readme.count(f"    {line}    pip install") == 2
    step = f"      - run: python -m {line}      - run: python -m pip install -e . --group dev\n"
    assert step in workflow
    # A folder is on one machine alone.
    readme, workflow = texts(Origin("/home/lab/kymflow", is_local=True))
    assert readme.count('    pip install "/home/lab/kymflow"\n') == 2
    assert "/home/lab" not in workflow
    assert 'pip install "' not in "".join(texts(Origin()))
