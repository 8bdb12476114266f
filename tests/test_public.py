"""The public interface: what is listed is there, described, and light to import; and the site's own pages."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sdist_ray
from docs.tools import check_site, pages

ROOT = Path(sdist_ray.__file__).parents[1]
NAMES = sorted(set(sdist_ray.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_described(name):
    thing = getattr(sdist_ray, name)
    assert thing.__doc__, name
    assert not thing.__doc__.startswith(f"{name}("), f"{name} has the docstring that dataclass makes"
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{member}"


def test_the_page_of_the_interface_has_all_names_and_no_others():
    entries = re.findall(r"^::: (sdist_ray\.\S+)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    assert sorted(entry.rpartition(".")[2] for entry in entries) == NAMES
    for entry in entries:
        module, _, name = entry.rpartition(".")
        assert getattr(sys.modules[module], name) is getattr(sdist_ray, name)


def test_type_checkers_and_python_are_told_the_same_names():
    text = Path(sdist_ray.__file__).read_text()
    typed = re.findall(r"^    from sdist_ray\.(\S+) import (.+)$", text, re.MULTILINE)
    found = {name: f"sdist_ray.{module}" for module, names in typed for name in names.split(", ")}
    assert found == sdist_ray._MODULES
    assert sorted(found) == NAMES
    assert (Path(sdist_ray.__file__).parent / "py.typed").is_file()


def test_an_import_loads_nothing_else():
    code = "import sys, sdist_ray; dir(sdist_ray); print(sorted(m for m in sys.modules if 'sdist' in m))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "['sdist_ray', 'sdist_ray.compiled', 'sdist_ray.private']"
    with pytest.raises(AttributeError, match="nothing"):
        _ = sdist_ray.nothing


def test_benchmark_pages_have_the_figures_of_the_json():
    made = pages.benchmark_pages()
    results = {path.stem: json.loads(path.read_text()) for path in pages.RESULTS.glob("*.json")}
    assert set(made) == {f"benchmarks/{name}.md" for name in [*results, "index"]}
    figures = results["detection_node"]
    assert f"| `cameras_at_10fps` | {figures['cameras_at_10fps']} |" in made["benchmarks/detection_node.md"]
    assert "![" in made["benchmarks/detection_node.md"]
    assert f"{figures['cameras_at_10fps']} cameras at 10 FPS" in made["benchmarks/index.md"]
    for name in results:
        assert f"({name}.md)" in made["benchmarks/index.md"]


def test_lists_are_as_deep_as_python_markdown_wants_them():
    text = "- one\n\n  | a |\n  |---|\n\n      code\n- two\n  goes on\n- three\n\n1. a\n\n   b\n\nend\n  x"
    right = (
        "- one\n\n    | a |\n    |---|\n\n        code\n\n- two\n    goes on\n- three\n\n"
        "1. a\n\n    b\n\nend\n  x\n"
    )
    assert pages.for_site(text, ROOT / "README.md") == right
    linked = pages.for_site("- a\n\n  [b](docs/stores.md)", ROOT / "README.md")
    assert linked == "- a\n\n    [b](stores.md)\n"


@pytest.mark.parametrize(("value", "shown"), [
    (None, "–"), (True, "yes"), (12, "12"), (1234567, "1 234 567"), (0.123456, "0.1235"), (4321.5, "4 322"),
    ([1.0, 2.5], "1, 2.5"), (list(range(9)), "9 of 0 to 8"), ("a|b", r"a\|b"),
])  # fmt: skip
def test_figures_are_shown_as_they_are_read(value, shown):
    assert pages._cell("figure", value) == shown


def test_bytes_are_shown_in_larger_units():
    assert pages._cell("peak_bytes", 5_187_792_896) == "5.19 GB"
    assert pages._cell("bytes_per_row", 6.3258) == "6.326"


def test_links_lead_to_where_pages_are_on_the_site():
    def moved(text, source):
        return pages.for_site(text, ROOT / source).strip()

    assert moved("[a](../README.md#start)", "docs/stores.md") == "[a](index.md#start)"
    assert (
        moved("![a](../benchmarks/results/stores.png)", "docs/stores.md")
        == "![a](benchmarks/results/stores.png)"
    )
    assert (
        moved("[a](../experiments/groups/README.md)", "docs/stores.md") == "[a](experiments/groups/index.md)"
    )
    assert moved("[a](experiments/groups)", "README.md") == "[a](experiments/groups/index.md)"
    assert moved("[a](../../docs/stores.md)", "experiments/groups/README.md") == "[a](../../stores.md)"
    assert moved("[a](docs/stores.md)", "README.md") == "[a](stores.md)"
    assert moved("[a](https://example.org/x.md)", "README.md") == "[a](https://example.org/x.md)"
    assert moved("[a](../pyproject.toml)", "docs/stores.md") == "a"
    assert moved("[a](nowhere.md)", "docs/stores.md") == "[a](nowhere.md)"
    assert moved("| `a\\|b` |", "README.md") == "| `a|b` |"
    assert (
        moved("```\n| `a\\|b` [x](docs/stores.md)\n```", "README.md")
        == "```\n| `a\\|b` [x](docs/stores.md)\n```"
    )


def test_the_version_is_in_one_place():
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text()
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", sdist_ray.__version__)
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_a_site_that_fetches_from_elsewhere_is_found(tmp_path):
    (tmp_path / "fine.css").write_text("a { background: url(fine.png) } b { background: url('data:x') }")
    (tmp_path / "fine.png").touch()
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="fine.css"><a href="https://example.org">go</a><img src="fine.png">'
    )
    assert list(check_site.problems(tmp_path)) == []
    (tmp_path / "bad.css").write_text("@import 'https://fonts.example.org/a.css';")
    (tmp_path / "bad.html").write_text('<script src="//cdn.example.org/x.js"></script><img src="lost.png">')
    found = " ".join(check_site.problems(tmp_path))
    assert "fetches //cdn.example.org/x.js" in found
    assert "fetches https://fonts.example.org/a.css" in found
    assert "lost.png is not there" in found
