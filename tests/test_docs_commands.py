"""What the documentation tells one to type works; CONTRIBUTING.md has the rules."""

import ast
import contextlib
import importlib
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from sdist_ray.cli import main
from sdist_ray.commands import COMMANDS
from tests.conftest import data_folder
from tests.docs_commands import PAGES, ROOT, blocks, inline

BLOCKS = [block for page in PAGES for block in blocks(page)]
WITH_RUNTIME = [path.stem for path in ROOT.glob("conf/*.yaml") if "\n  - runtime: " in path.read_text()]
DONE = set()
"""Commands that were run before, of another page: what stands on two pages is run once."""
NEVER_ENDS = ("serve", "source=live")
ELSEWHERE = (
    "ray", "docker", "kubectl", "helm", "pip", "git", "apt-get", "curl", "ssh", "openssl", "export",
)  # fmt: skip
"""Programs that install, or ask other machines; what `ray job submit` is given is looked at all the same."""
PLACEHOLDER = re.compile(r"…|\.\.\.|<|\b[A-Z]{2,}(?:_[A-Z]+)*\b(?!=)|\bN\b|\|")


def named(page):
    return str(page.relative_to(ROOT))


def words_of(command):
    """A command's words, and the variables that are set before it."""
    words = shlex.split(os.path.expandvars(command))
    variables = {}
    while words and re.match(r"[A-Z_]+=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return variables, words


def arguments_of(words):
    """sdist-ray's words, in one process unless the page says otherwise."""
    arguments = words[1:]
    if arguments[0] in WITH_RUNTIME and not any(word.startswith("runtime=") for word in arguments):
        arguments.append("runtime=local")
    return arguments


def check_module(words, where):
    """That there is such a module, with such flags."""
    name = words[words.index("-m") + 1]
    spec = find_spec(name)
    assert spec is not None, f"{where}: there is no module {name}"
    if name.startswith(("benchmarks", "experiments", "docs")):
        source = Path(spec.origin).read_text()
        flags = {
            word.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call)
            for word in node.args
            if isinstance(word, ast.Constant)
        }
        asked = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert asked <= flags | {"--help"}, f"{where}: {name} has no {', '.join(asked - flags)}"


def check_hydra(words, where, monkeypatch):
    """That an experiment has these settings; runs nothing."""
    name = words[words.index("-m") + 1]
    settings = [word for word in words[words.index(name) + 1 :] if word != "-m"]
    # Of a sweep the first value.
    settings = [re.sub(r"(=[^,\[]*),.*", r"\1", word) for word in settings]
    monkeypatch.setattr(sys, "argv", [name, *settings, "--cfg", "job"])
    with contextlib.redirect_stdout(io.StringIO()) as said:
        runpy.run_module(name, run_name="__main__")
    assert said.getvalue(), where


def check_settings(words, where):
    """That a command has these settings, and takes these values for them; runs nothing."""
    assert words[1:], where
    words = [word for word in words if word != "-m"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = main([*words[1:], "--cfg", "job"])
    assert code == 0, f"{where}: {shlex.join(words)}: {said.getvalue()}"


@pytest.fixture(scope="module")
def kitchen(site, tmp_path_factory):
    """What a page's commands find: a site with videos, a recording, cameras.yaml."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(site, folder / "site")
    for name in ("videos", "cameras.yaml", "occupancy.parquet"):
        (folder / name).symlink_to(site / name)
    (folder / "lobby.mp4").symlink_to(site / "videos" / "cam00.mp4")
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def measures(words):
    """Whether it is a benchmark or an experiment."""
    return words[:2] == ["python", "-m"] and words[2].startswith(("benchmarks.", "experiments.", "docs."))


def runnable(block):
    if "not run" in block.notes:
        return False
    return any(not measures(words_of(command)[1]) for command in block.commands)


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runnable, blocks(page)))], ids=named)
def test_what_a_page_says_to_type_works(page, kitchen, tmp_path, monkeypatch):
    folder = tmp_path / "here"
    shutil.copytree(kitchen, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for block in blocks(page):
        if "file" in block.notes:
            (folder / block.notes["file"]).write_text("\n".join(block.lines) + "\n")
        if not runnable(block):
            continue
        if "needs" in block.notes:
            data_folder(block.notes["needs"])
        commands = [block.notes["run"]] if "run" in block.notes else block.commands
        for command in commands:
            kind = same(command)
            if kind in DONE and not used_later(command, page):
                continue
            DONE.add(kind)
            run(command, str(block), monkeypatch)


def same(command):
    """What two commands have in common that do the same to the same, under whatever name."""
    words = [word for word in words_of(command)[1] if not word.startswith("output=")]
    return frozenset(word.replace("site/", "").replace("runs/first/", "") for word in words)


def used_later(command, page):
    """Whether another command of the page reads what this one leaves."""
    output = [word.partition("=")[2] for word in words_of(command)[1] if word.startswith("output=")]
    others = [other for block in blocks(page) for other in block.commands if other != command]
    return any(output[0] in other for other in others) if output else False


def run(command, where, monkeypatch):
    variables, words = words_of(command)
    if measures(words) or words[0] in ELSEWHERE or "…" in command:
        return
    advice = f"{where}: {command}: see 'Commands in the documentation' in CONTRIBUTING.md"
    if words[0] == "sdist-ray" and lacking(words):
        check_settings(words, where)
    elif words[0] == "sdist-ray":
        assert not set(NEVER_ENDS) & set(words), f"{advice}: it does not end by itself"
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            if "PYTHONPATH" in variables:
                patch.syspath_prepend(variables["PYTHONPATH"])
            assert main(arguments_of(words)) == 0, advice
    elif words[0] == "python" and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), advice
        tests = [path.read_text() for path in Path(__file__).parent.rglob("test_*.py")]
        name = re.compile(rf"\b{Path(words[1]).stem}\b")
        assert any(map(name.search, tests)), f"{advice}: no test knows it"
    else:
        assert words[0] in ("ls",), f"{advice}: nobody here runs {words[0]}"
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def lacking(words):
    """Whether a command reads another run, which the page has not made."""
    values = [word.partition("=")[2] or word for word in words[1:] if not word.startswith("output=")]
    return any(value.startswith("runs/") and not Path(value).exists() for value in values)


def test_what_is_not_run_would_be_taken():
    for block in BLOCKS:
        if "not run" in block.notes or "run" in block.notes:
            for command in block.commands:
                _, words = words_of(command)
                if words[0] == "sdist-ray":
                    check_settings(words, str(block))
                elif (
                    words[0].startswith("python") and "-m" in words and words[words.index("-m") + 1] != "venv"
                ):
                    check_module(words, str(block))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_within_the_text_would_be_taken(page):
    for command in inline(page):
        _, words = words_of(command.split("  ")[0])
        where = f"{named(page)}: `{command}`"
        if words[0] == "python" and not PLACEHOLDER.search(words[2]):
            check_module(words, where)
        elif words[0] == "sdist-ray" and not PLACEHOLDER.search(command):
            parts = [name for name in COMMANDS if name.split() == words[1 : 1 + len(name.split())]]
            known = parts or words[1] in {name.split()[0] for name in COMMANDS} | {"--version", "--help"}
            assert known, f"{where}: no such command"
            if parts and "--help" not in words and any("=" in word for word in words):
                check_settings(words, where)


def test_the_rules_hold_for_pages_that_break_them(tmp_path, monkeypatch):
    """A wrong setting, a module and a flag that are not there, and a command that nobody runs are found."""
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: a reason -->\n\nText.\n\n    sdist-ray topology no.such=1   # so\n\n"
                    "```sh\nsdist-ray record \\\n    fps=5 && ls\n```\n")  # fmt: skip
    first, second = blocks(page)
    assert (first.commands, first.notes) == (["sdist-ray topology no.such=1"], {"not run": "a reason"})
    assert (second.commands, second.notes) == (["sdist-ray record fps=5", "ls"], {})
    with pytest.raises(AssertionError, match=r"no\.such"):
        check_settings(["sdist-ray", "topology", "no.such=1"], "here")
    with pytest.raises(AssertionError, match="no module"):
        check_module(["python", "-m", "benchmarks.nothing"], "here")
    with pytest.raises(AssertionError, match="has no --nothing"):
        check_module(["python", "-m", "benchmarks.stores", "--nothing"], "here")
    with pytest.raises(AssertionError, match="nobody here runs"):
        run("rm -rf nothing", "here", monkeypatch)
    with pytest.raises(AssertionError, match="does not end"):
        run("sdist-ray topology source=live", "here", monkeypatch)
    with pytest.raises(AssertionError, match="nothing"):
        run("sdist-ray serve runs/site nothing=1", "here", monkeypatch)
    # Its name is in no test, as it stands.
    (tmp_path / ("un" + "heard.py")).touch()
    monkeypatch.setattr("tests.test_docs_commands.ROOT", tmp_path)
    with pytest.raises(AssertionError, match="no test knows"):
        run("python un" + "heard.py", "here", monkeypatch)


@pytest.mark.parametrize("page", [page for page in PAGES if "```python" in page.read_text()], ids=named)
def test_python_in_the_text_is_python_and_imports_what_there_is(page):
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sdist_ray"):
                module = importlib.import_module(node.module)
                for name in node.names:
                    assert hasattr(module, name.name), f"{named(page)}: {node.module} has no {name.name}"


@pytest.mark.parametrize("command", ["topology", "distancing", "track", "record", "simulate"])
def test_help_names_the_groups_that_a_command_takes(command):
    text = (ROOT / "conf" / f"{command}.yaml").read_text()
    config = yaml.safe_load(text)
    taken = {group for entry in config["defaults"] if isinstance(entry, dict) for group in entry}
    said = text.partition("Groups, chosen as group=name:")[2].strip().split("\n\n")[0]
    listed = dict(line.strip().split(": ") for line in said.splitlines())
    assert set(listed) == {group for group in taken if "/" not in group}
    for group, names in listed.items():
        assert set(names.split(", ")) <= {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        if command == "topology":
            assert len(names.split(", ")) == len(list((ROOT / "conf" / group).glob("*.yaml"))), group
