"""Code of the user's own: found, allowed, and blamed at its own line when it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tasks.errors import StudyError
from tasks.sources.imported import call, check_allowed, resolve


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def refused(path, folder):
    with pytest.raises(StudyError) as caught:
        resolve(path, folder)
    return caught.value


def test_a_module_beside_the_study(tmp_path):
    """A file, and an attribute of an attribute."""
    write(tmp_path, "mine_a.py", "class Net:\n    size = 3\n")
    assert resolve("mine_a:Net.size", tmp_path) == 3


def test_installed_packages_come_first(tmp_path):
    """The study's folder is searched last, so its files stand in for nothing installed."""
    resolve("json:dumps", tmp_path)
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1
    resolve("json:loads", tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize("name", ["tasks", "flows", "iin_core", "json"])
def test_a_file_with_the_name_of_an_installed_module_is_refused(name, tmp_path):
    """`tasks.py` beside a study is not mistaken for ours, nor ours for it."""
    write(tmp_path, f"{name}.py", "def net(): ...\n")
    error = refused(f"{name}:net", tmp_path)
    assert f"{name!r} beside the study is hidden by another module" in error.what
    assert f"{name}.py" in error.where
    assert "rename" in error.fix


def test_hostile_files_beside_the_study_do_not_matter(tmp_path):
    """A `tasks.py` beside the study that nothing names is never run."""
    write(tmp_path, "tasks.py", "raise SystemExit('shadowed')\n")
    write(tmp_path, "mine_b.py", "import tasks.errors\nclean = tasks.errors.StudyError\n")
    assert resolve("mine_b:clean", tmp_path) is StudyError


def test_a_missing_module(tmp_path):
    """Modules beside the study are offered."""
    write(tmp_path, "mine_net.py", "")
    error = refused("mine_nett:f", tmp_path)
    assert error.what == "There is no module 'mine_nett'."
    assert "beside the study: mine_net" in error.fix


def test_a_missing_attribute(tmp_path):
    """The nearest names are offered."""
    write(tmp_path, "mine_c.py", "def resnet(): ...\ndef data(): ...\n")
    error = refused("mine_c:resnt", tmp_path)
    assert error.what == "'mine_c' has no attribute 'resnt'."
    assert error.fix.startswith("nearest: resnet")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\n\n1 / 0\n", "raised ZeroDivisionError: division by zero"),
        ("\n\nimport no_such_thing\n", "raised ModuleNotFoundError: No module named 'no_such_thing'"),
        ("\n\ndef f(:\n", "raised SyntaxError"),
    ],
)
def test_a_module_that_fails_on_import(text, what, tmp_path):
    """The user's own file and line are named."""
    write(tmp_path, "mine_d.py", text)
    error = refused("mine_d:f", tmp_path)
    assert what in error.what
    assert error.where == f"{tmp_path / 'mine_d.py'}:3"


def test_a_module_that_exits_on_import(tmp_path):
    """A script that reads its command line ends the import, not the program."""
    write(tmp_path, "mine_exits.py", "import sys\n\nsys.exit(0)\n")
    error = refused("mine_exits:net", tmp_path)
    assert error.what == "Importing 'mine_exits' raised SystemExit: 0."
    assert error.where.endswith("mine_exits.py:3")


def test_a_factory_that_exits(tmp_path):
    """So does one that is called."""
    write(tmp_path, "mine_leaves.py", "import sys\n\ndef net():\n    sys.exit('bye')\n")
    with pytest.raises(StudyError, match="raised SystemExit: bye") as caught:
        call(resolve("mine_leaves:net", tmp_path), {}, "mine_leaves:net", tmp_path)
    assert caught.value.where.endswith("mine_leaves.py:4")


def test_two_studies_with_modules_of_one_name(tmp_path):
    """In one process each study gets its own file."""
    for i in (1, 2):
        write(tmp_path / str(i), "mine_e.py", f"value = {i}\n")
    assert [resolve("mine_e:value", tmp_path / str(i)) for i in (1, 2, 1)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("allowed", "module", "fine"),
    [
        (None, "anything.at.all", True),
        ("torchvision", "torchvision.models", True),
        ("timm, torchvision", "torchvision", True),
        ("torchvision", "torchvision_evil", False),
        ("torchvision.models", "torchvision", False),
        ("", "os", False),
    ],
)
def test_allowed_code(allowed, module, fine, monkeypatch):
    """IIN_ALLOW_CODE, when it is set, is a closed list of packages."""
    monkeypatch.delenv("IIN_ALLOW_CODE", raising=False)
    if allowed is not None:
        monkeypatch.setenv("IIN_ALLOW_CODE", allowed)
    if fine:
        check_allowed(module)
        return
    with pytest.raises(StudyError, match="which the operator has not allowed") as caught:
        check_allowed(module)
    assert "IIN_ALLOW_CODE=" in caught.value.where


def test_code_that_is_not_allowed_does_not_run(tmp_path, monkeypatch):
    """Refusal comes before the import."""
    monkeypatch.setenv("IIN_ALLOW_CODE", "torchvision")
    write(tmp_path, "mine_f.py", f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    refused("mine_f:f", tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_factory_that_raises(tmp_path):
    """The line that raised, not the one that called it."""
    write(tmp_path, "mine_g.py", "def f():\n    return g()\n\ndef g():\n    raise KeyError('weights')\n")
    with pytest.raises(StudyError, match="'mine_g:f' raised KeyError: 'weights'") as caught:
        call(resolve("mine_g:f", tmp_path), {}, "mine_g:f", tmp_path)
    assert caught.value.where == f"{tmp_path / 'mine_g.py'}:5"


def test_relative_paths_start_at_the_study(tmp_path):
    """In the module and in its factory, wherever the command or the worker runs."""
    write(tmp_path, "words.txt", "five")
    text = "from pathlib import Path\n\ntext = Path('words.txt').read_text()\n\n"
    write(tmp_path, "mine_h.py", f"{text}def f(path):\n    return text + Path(path).read_text()\n")
    before = Path.cwd()
    factory = resolve("mine_h:f", tmp_path)
    assert call(factory, {"path": "words.txt"}, "mine_h:f", tmp_path) == "fivefive"
    assert Path.cwd() == before != tmp_path
    assert call(lambda: 3, {}, "m:f", tmp_path / "not on this node") == 3


@pytest.mark.parametrize("arguments", [{}, {"a": 1, "b": 2}])
def test_arguments_that_a_factory_does_not_take(arguments):
    """The signature is shown."""
    with pytest.raises(StudyError, match="cannot be called with the arguments") as caught:
        call(lambda a: a, arguments, "m:f", Path())
    assert caught.value.where == "m:f(a)"


def test_what_cannot_be_called():
    """A value is no factory."""
    with pytest.raises(StudyError, match="'m:f' is a int and cannot be called"):
        call(3, {}, "m:f", Path())
