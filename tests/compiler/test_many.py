"""A sample of the random training programs of `tests.compiler.many`, the same every time."""

from __future__ import annotations

import warnings

import pytest

from . import many


@pytest.mark.parametrize("block", range(8))
def test_programs_are_as_in_eager_mode(block: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of means of nothing
        found = [many.wrong(seed) for seed in range(10 * block, 10 * block + 10)]
    assert not any(found), "\n".join(found)


def test_a_difference_is_found() -> None:
    """The comparison sees a change of the last bit, and of None to zero."""
    program = many.Program(0)
    world = many.World(program)
    for change in (
        lambda state: state["data"][0].__setitem__(0, state["data"][0][0] * (1 + 3e-16)),
        lambda state: state["gradients"].__setitem__(0, 0.0),
        lambda state: state["generators"].__setitem__(0, "another"),
        lambda state: state["optimizers"][0].__setitem__("lr", 1.0),
    ):
        state = world.state()
        state["data"][0] = many.np.ones(3)
        other = world.state()
        other["data"][0] = many.np.ones(3)
        change(state)
        with pytest.raises(AssertionError):
            many._same(state, other, True, "the state")
