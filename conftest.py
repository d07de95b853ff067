"""Without the walker in C, two modules cannot be imported to look for doctests in them."""

from importlib.util import find_spec

BUILT = find_spec("deltaprop.compiler._walker") is not None
collect_ignore = [] if BUILT else ["src/deltaprop/compiler/native.py", "tests/mutation/rows.py"]
