"""Modules that are sent as few files mean what they mean by themselves."""

from __future__ import annotations

import re

import pytest

from kymflow_view.server.scripts import is_script, join_scripts

MODULES = {
    "app/main.js": 'import { count } from "./shared.js";\nimport Kept from "../kept/kept.mjs";\n'
    'const PAGES = [() => import("./one.js"), () => import("./deep/two.js")];\n',
    "app/shared.js": "let counted = 0;\nexport const count = () => counted;\nexport function name() {}\n",
    "app/both.js": "export class Both {}\n",
    "app/one.js": 'import { count as more, name } from "./shared.js";\nimport { Both } from "./both.js";\n'
    "export async function one() {}\n",
    "app/deep/two.js": 'import { Both } from "../both.js";\nimport { own } from "./own.js";\n'
    "export const two = own;\n",
    "app/deep/own.js": "export const own = 2;\n",
    "kept/kept.mjs": "export default 1;\n",
}


def joined(**changed: str) -> dict[str, str]:
    modules = {**MODULES, **{f"app/{name}.js": text for name, text in changed.items()}}
    files = join_scripts({name: text.encode() for name, text in modules.items()}, "app/main.js")
    return {name: text.decode() for name, text in files.items()}


def variables(text: str) -> list[str]:
    return re.findall(r"^export const (\$\w+) = \(", text, re.MULTILINE)


def test_a_file_for_the_first_module_and_one_for_each_that_comes_later() -> None:
    assert sorted(joined()) == ["app/deep/two.js", "app/main.js", "app/one.js"]


def test_each_module_is_in_one_file_after_those_that_it_needs() -> None:
    files = joined()

    assert variables(files["app/main.js"]) == ["$shared", "$both", "$main"]
    assert variables(files["app/one.js"]) == ["$one"]
    assert variables(files["app/deep/two.js"]) == ["$deep_own", "$deep_two"]


def test_what_is_elsewhere_is_imported_from_there() -> None:
    files = joined()

    assert files["app/main.js"].startswith('import Kept from "/static/kept/kept.mjs";\n')
    assert 'import("/static/app/deep/two.js")' in files["app/main.js"]
    assert 'import { $both } from "/static/app/main.js";\n' in files["app/one.js"]
    assert "const { count: more, name } = $shared;\n" in files["app/one.js"]
    assert files["app/deep/two.js"].endswith("export const { two } = $deep_two;\n")


def test_comments_on_lines_of_their_own_are_not_sent() -> None:
    files = joined(
        both="// Both of them.\n// In two lines.\n\n/** Of one. */\nexport class Both {\n"
        '  /**\n   * Of * several.\n   */\n  url = "http://127.0.0.1/*"; // Kept.\n  // Not.\n}\n'
    )

    assert (
        '(() => {\n\nclass Both {\n  url = "http://127.0.0.1/*"; // Kept.\n}\n\nreturn { Both }'
        in files["app/main.js"]
    )


@pytest.mark.parametrize(
    "line",
    [
        "export default 1;",
        "export { count };",
        'export * from "./shared.js";',
        "export let counted = 0;",
        'import "./shared.js";',
        'import * as all from "./shared.js";',
        'import {\n  count,\n} from "./shared.js";',
        "import { count } from './shared.js';",
    ],
)
def test_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="app/both.js: .* is not in a form that can be joined"):
        joined(both=line + "\n")


def test_vendored_libraries_and_styles_are_no_scripts_of_ours() -> None:
    names = ["app/main.js", "app/image/image.js", "vendor/kept.js", "theme_early.js", "app/style.css"]
    assert [name for name in names if is_script(name)] == ["app/main.js", "app/image/image.js"]
