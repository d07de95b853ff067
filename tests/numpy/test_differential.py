"""Values, dtypes, shapes and errors are NumPy's: a few random arguments of each call."""

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp

from . import differential

NAMES = sorted({name for name, _ in differential.calls()})


@pytest.mark.parametrize("name", NAMES)
def test_the_value_is_numpys(name: str) -> None:
    calls = [call for other, call in differential.calls() if other == name]
    found = [
        d for call in calls for seed in range(6) for d in differential.differences(name, call, seed)
    ]
    assert not found, "\n".join(found[:10])


def test_the_test_sees_what_differs() -> None:
    one, two = np.float64(1.0), np.float64(2.0)
    assert differential.difference(one, two, False)
    assert differential.difference(one, np.float32(1.0), False)
    assert differential.difference(np.ones(1), one, False)
    assert differential.difference(ValueError(), one, False)
    assert differential.difference(TypeError(), ValueError(), False)
    assert differential.difference((one,), (one, one), False)
    assert not differential.difference(dp.Value(1.0), one, False)


# what no plain argument shows


def test_gradients_through_lists_of_values() -> None:
    x = dp.Value(1.5)
    found = dp.grad(lambda x: dnp.mean([x, x + 2]) + dnp.max([x, 2 * x]) + dnp.norm([x, x], 1))(1.5)
    assert found == 5.0
    assert dnp.exp([x, [2.0, x][1]]).shape == (2,)
    assert dnp.r_[x, [x, 3.0], 1:3].numpy().tolist() == [1.5, 1.5, 3.0, 1.0, 2.0]
    assert dnp.c_[dp.Value([1.0, 2.0]), [3.0, 4.0]].numpy().tolist() == [[1.0, 3.0], [2.0, 4.0]]
    y = dnp.r_["0,2", dp.Value([1.0, 2.0]), [3.0, 4.0]]
    assert y.shape == (2, 2)
    assert type(dnp.r_[1:3, 5]) is np.ndarray
    with pytest.raises(ValueError, match=r"inhomogeneous|shape"):
        dnp.mean([x, dp.Value([1.0, 2.0])])


def test_integer_values_are_shifts_and_lengths() -> None:
    x = dp.Value(np.arange(3.0))
    most = np.argmax(x)
    for ours, theirs in (
        (np.roll(x, most), np.roll(np.arange(3.0), 2)),
        (np.tile(x, most), np.tile(np.arange(3.0), 2)),
        (np.repeat(x, most), np.repeat(np.arange(3.0), 2)),
        (dnp.reshape(dnp.arange(4.0), (most, -1)), np.arange(4.0).reshape(2, -1)),
        (dnp.broadcast_to(x, (most, 3)), np.broadcast_to(np.arange(3.0), (2, 3))),
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs)
    with pytest.raises(TypeError):
        np.roll(x, dp.Value(1.0))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("call", ["m * v", "v * m", "m + v", "v - m"])
def test_a_matrix_is_refused(call: str) -> None:
    names = {"m": np.matrix([[1.0, 2.0], [3.0, 4.0]]), "v": dp.Value(np.eye(2))}
    with pytest.raises(TypeError, match=r"np.matrix.* np.asarray"):
        eval(call, names)
    np.testing.assert_array_equal((np.asarray(names["m"]) @ names["v"]).numpy(), names["m"])


def test_copies_and_questions() -> None:
    v = dp.Value([[1.0, 2.0], [3.0, 4.0]])
    assert 2.0 in v
    assert 5.0 not in v
    with pytest.raises(TypeError, match="needs a shape"):
        v.reshape()
    quotient, rest = divmod(v, 2.0)
    assert quotient.numpy().tolist() == [[0.0, 1.0], [1.0, 2.0]]
    assert rest.numpy().tolist() == [[1.0, 0.0], [1.0, 0.0]]
    found = dnp.where(v > 2)
    assert [i.numpy().tolist() for i in found] == [[1, 1], [0, 1]]
