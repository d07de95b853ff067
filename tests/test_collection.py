"""Where an extra is not installed, what needs it is skipped; other errors stay errors."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = (ROOT / "conftest.py").read_text("utf-8")
# of other extras than `test`: the peers of the comparison of checkers, and a real browser
ELSEWHERE = {"autograd", "playwright"}

pytest_plugins = ["pytester"]

FILE = """
import pytest
{first}

def deltaprop_says_so():
    try:
        import sympy
    except ImportError as error:
        raise ImportError("this needs an extra") from error

def test_says_so():
    deltaprop_says_so()

def test_does_not_say_so():
    import sympy

def test_fails():
    raise ImportError("sympy")

def test_passes():
    '''
    >>> import sympy
    '''
"""


@pytest.fixture
def without(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with our conftest.py, where SymPy cannot be found."""
    pytester.makeconftest(
        "import sys\n"
        "class _Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'sympy':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, _Nothing())\n"
        "sys.modules.pop('sympy', None)\n"
        + CONFTEST.replace("from __future__ import annotations", "")
    )
    return pytester


def test_a_test_is_skipped_where_deltaprop_asks_for_an_extra(without: pytest.Pytester) -> None:
    without.makepyfile(FILE.format(first=""))
    result = without.runpytest_subprocess("--doctest-modules", "-ra", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * needs sympy, which is not installed"])


@pytest.mark.parametrize(
    ("first", "outcomes"),
    [
        ("import sympy", {"skipped": 1}),
        ("import sympy.abc", {"skipped": 1}),
        ("import misspelt", {"errors": 1}),
        ("raise ImportError('sympy')", {"errors": 1}),
    ],
)
def test_a_file_is_skipped_for_an_extra_alone(
    without: pytest.Pytester, first: str, outcomes: dict[str, int]
) -> None:
    without.makepyfile(FILE.format(first=first))
    without.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**outcomes)


def test_the_extra_test_installs_what_tests_import() -> None:
    """So that nothing is skipped for want of an extra after the README's second command."""
    (names,) = re.findall(r"EXTRAS = {(.*?)}", CONFTEST, re.DOTALL)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[\[<>=~ ]", line)[0] for line in project["optional-dependencies"]["test"]}
    known = packages_distributions()
    for name in set(re.findall(r'"(\w+)"', names)) - ELSEWHERE - sys.stdlib_module_names:
        found = known.get(name) or pytest.skip(f"needs {name}")
        distributions = {distribution.replace("_", "-") for distribution in found}
        assert wanted.intersection(distributions), f"the extra `test` does not install {name}"
