"""Who tests the tests: every rule is broken on purpose, and its tests must notice.

    python -m tests.mutants [--operation NAME] [--sample N] [--jobs 2]
    python -m tests.mutants --engine [--share 12]
    python -m tests.mutants --batches [--share 12]

A mutant is one small change of a derivative rule: a sign, a factor, a term dropped, an
operator or an argument taken for another, a dtype lost. It dies if the tests generated
for its operation fail, with seeds that never change. What cannot die because it changes
nothing is listed, with the reason, in `tests/mutation/equivalent.py`.

Mutants of the engine are changes of any statement of what runs compiled programs, and of rows of
the walker in C. Mutants of batches are changes of any statement of what `vmap` runs, and words of
operations taken for others. Each runs its tests in a process of its own.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np

import deltaprop.numpy as dnp
from deltaprop.graph import Elementwise, raw
from deltaprop.graph.node import Node, topological_order

from . import accuracy, test_edges, test_kinks, test_rules, test_second_order
from . import test_memory_and_depth as memory
from .calculus import test_special
from .compiler import test_functions, test_table
from .graph import test_records, test_reverse
from .graph import test_structural_zeros as zeros
from .mutation import batches, run_engine
from .mutation.engine import engine
from .mutation.equivalent import EQUIVALENT
from .mutation.equivalent_batches import EQUIVALENT as EQUIVALENT_BATCHES
from .mutation.equivalent_engine import EQUIVALENT as EQUIVALENT_ENGINE
from .mutation.mutants import Mutant, generate
from .nn import test_losses

SECONDS = 60  # of computing: a mutant that runs on and on is dead too
# whose tests look after the kinds themselves: each kind, one and several arguments, masks
USERS = (
    "exp", "multiply", "subtract", "power", "where", "clip", "copysign", "matmul", "affine",
    "reshape", "sum", "stack", "getitem", "set", "max", "einsum", "cross_entropy", "scatter",
)  # fmt: skip
ROOTS = test_second_order.SQUARES
Check = Callable[[], None]


class EndlessError(Exception):
    """A mutant took too long."""


def checks_of(name: str) -> Iterator[Check]:
    """The tests generated for an operation, quickest to notice first."""
    op = test_rules.OWN[name]
    trials = list(trials_of(op))
    for trial in trials:
        yield partial(test_rules.differentiates, trial)
    for trial in trials[:1] if isinstance(op, Elementwise) else trials:
        yield from [partial(test_rules.test_dtype, trial, d) for d in test_rules.precisions(trial)]
        if test_rules.has_rules_of_values(trial):
            yield partial(test_rules.needs_no_more_than_it_says, trial)
            yield partial(test_rules.a_lone_variable_needs_no_more, trial)
        if test_rules.can_carry_masks(trial):
            yield partial(test_rules.carries_masks, trial)
        if test_rules.drops_entries(trial):
            yield partial(test_rules.drops_what_was_not_chosen, trial)
    if not isinstance(op, Elementwise):
        yield from [partial(test_table.test_case, op, case) for case in test_rules.cases_of(op)]
    for edge in test_edges.EDGES:
        if edge[0] == name:
            yield from [partial(test_edges.test_edge, *edge, k) for k in KINDS]
            yield partial(test_edges.test_edge_needs_no_more_than_it_says, *edge)
    for row in rows_through(name):
        for kind in KINDS:
            yield from [partial(test_kinks.test_kink, row, kind, graph) for graph in (False, True)]
        yield partial(test_kinks.test_kink_forward, row, "float64")
    yield from OWN_TESTS.get(name, [])
    for point in test_rules.POINTS_IN_THE_PLANE:
        if point.values[0] is op and test_rules.is_of_the_plane(*point.values):
            yield partial(test_rules.test_complex, *point.values)
    for truth in accuracy.TRUTHS:
        if truth.split()[0] == name:
            yield partial(accuracy.holds, truth, 40)


KINDS = ("scalars", "float32", "float64")
# what cannot be generated, for it is no derivative, or the matter of one point
OWN_TESTS: dict[str, list[Check]] = {
    **{
        name: [test_edges.test_pseudo_gradients_of_propagations]
        for name in ("cut", "bypass", "pass_error")
    },
    **{
        name: [partial(test_edges.test_the_slope_of_a_remainder_is_a_whole_number, name)]
        for name in ("remainder", "fmod")
    },
    **{
        name: [
            partial(test_rules.test_ties_keep_the_dtype, name),
            partial(test_table.test_elementwise, test_rules.OWN[name], np.float64),
            *[
                partial(test_edges.test_a_number_wins_beside_a_number_of_float32, name, x)
                for x in (np.float32(0.3), np.array(0.3, np.float32))
            ],
        ]
        for name in ("maximum", "minimum", "fmax", "fmin")
    },
    "power": [
        test_edges.test_the_slope_of_a_power_at_exponent_zero_has_a_slope,
        *[partial(test_edges.test_the_slope_of_a_power_of_an_extreme_base, s) for s in (0, 1)],
    ],
    "cross_entropy": [
        partial(test_losses.test_formula_and_derivatives, "softmax_cross_entropy", reduction)
        for reduction in ("mean", "none")
    ],
    **{
        name: [
            partial(test_edges.test_values_of_the_zero_matrix, name),
            partial(test_second_order.test_no_second_derivative_is_nan, of_one),
            partial(test_second_order.test_right_or_nan, of_all),
            test_second_order.test_near_eigenvalues_of_a_symmetric_function,
        ]
        for name, of_one, of_all in (
            ("eigh", "one eigenvalue of two", "sum of eigenvalues"),
            ("svd", "one singular value of two", "frobenius by singular values"),
        )
    },
    **{
        name: [partial(test_second_order.test_second_derivatives_beside_minus_infinity, name)]
        for name in ("logsumexp", "logaddexp")
    },
    "restrict": [zeros.test_a_numeric_zero_that_is_let_through_stays_a_number],
    "ive": [test_edges.test_the_slope_of_a_bessel_function_at_a_negative_number],
    **{
        name: [
            partial(test_special.test_values_and_derivatives_are_exact_to_the_last_places, name),
            partial(test_second_order.test_second_derivatives_in_the_tails, name),
        ]
        for name in ("erfinv", "erfcinv", "ndtri", "log_ndtr")
    },
    **{
        name: [
            *[partial(test_second_order.test_second_derivatives_of_x_log_y, *x) for x in at],
            partial(test_second_order.test_the_corner_of_x_log_y_has_no_second_derivative, f),
        ]
        for name, at, f in (
            ("xlogy", test_second_order.XLOGY[:3], dnp.xlogy),
            ("xlog1py", test_second_order.XLOGY[3:5], dnp.xlogy),
            ("rel_entr", (), dnp.special.rel_entr),
            ("kl_div", test_second_order.XLOGY[5:], dnp.special.rel_entr),
        )
    },
    **{
        name: [
            partial(
                test_second_order.test_mixed_derivatives_at_a_kink_are_those_of_the_side_taken,
                name,
                slope,
                mixed,
            )
            for slope, mixed in ((-0.5, 0.0), (0.5, 1.0), (2.0, 0.0))
        ]
        for name in ("leaky_relu", "elu")
    },
    "betaln": [test_edges.test_the_slope_of_a_beta_function_beside_a_tiny_number],
    "pinv": [test_edges.test_pinv_at_a_lower_rank_than_full],
    "relative_entropy": [
        partial(test_edges.test_a_probability_of_zero_counts_as_tiny, dtype)
        for dtype in ("float32", "float64")
    ],
}


def checks_of_the_kinds() -> Iterator[Check]:
    """What looks after the kinds themselves: several operations, and structural zeros."""
    for names in itertools.product(test_rules.USES, repeat=3):
        for graph, node in itertools.product((False, True), repeat=2):
            yield partial(test_rules.adds_up, names, graph, node)
    yield test_rules.test_contributions_to_a_scalar_add_up
    yield from [
        test_reverse.test_every_value_keeps_its_gradient_unless_told_not_to,
        test_reverse.test_graphs_that_share_a_part_and_parts_not_reached,
        test_reverse.test_a_hook_sees_the_whole_gradient_once_a_sweep,
        test_reverse.test_hooks_replace_in_order_can_be_removed_and_must_keep_the_shape,
        test_reverse.test_create_graph_accumulates_too,
        test_reverse.test_gradients_have_their_own_values_dtype,
        test_reverse.test_output_gradients_and_hooks_take_part_in_recorded_derivatives,
        test_edges.test_both_modes_of_the_identity,
        test_edges.test_what_does_not_depend_on_the_argument_is_not_asked_for_a_tangent,
        test_edges.test_the_conjugate_of_a_conjugate,
        test_edges.test_a_tangent_has_the_shape_of_what_it_belongs_to,
    ]
    yield test_edges.test_forward_mode_knows_a_variable_from_its_readings
    yield test_edges.test_a_slope_of_numbers_where_python_raises
    yield test_edges.test_cotangents_of_numbers_are_pythons_numbers
    yield from [partial(test_second_order.test_squares_of_roots_are_right, x) for x in ROOTS]
    for name in test_second_order.THERE_IS_NONE:
        yield partial(test_second_order.test_no_second_derivative_is_nan, name)
    for name in test_second_order.RIGHT_OR_NAN:
        yield partial(test_second_order.test_right_or_nan, name)
    yield test_second_order.test_a_cotangent_that_was_recorded_from_a_square_adds_up
    yield test_records.test_a_value_that_a_record_stands_for_may_be_differentiated
    yield from [
        partial(test_records.with_records_of_all, test)
        for test in (
            test_records.test_the_inputs_are_the_very_values_that_the_user_holds,
            test_records.test_gradients_hooks_and_names_are_those_of_the_value_whoever_asks,
            partial(
                test_records.test_what_is_computed_again_is_what_it_was_whatever_is_written, True
            ),
            partial(
                test_records.test_what_is_computed_again_is_what_it_was_whatever_is_written, False
            ),
            test_records.test_what_was_writable_when_an_operation_ran_is_not_read_again,
            test_records.test_what_is_exposed_after_an_operation_ran_costs_no_memory,
            partial(test_records.test_a_graph_keeps_no_factor_of_a_constant, np.multiply),
        )
    ]
    yield memory.test_intermediates_keep_recorded_gradients_until_a_leaf_forgets_its_own
    yield zeros.test_a_masked_partial_of_a_wider_type
    yield zeros.test_a_mask_that_broadcasts
    yield zeros.test_masked_cotangents_have_the_dtype_of_what_they_belong_to
    for dtype in (np.float32, np.float64):
        yield partial(
            zeros.test_whatever_holds_a_cotangent_its_full_form_fits_what_it_belongs_to, dtype
        )
    yield test_functions.test_the_gradient_of_a_number_is_a_number
    yield test_functions.test_a_number_behind_a_mask_is_of_the_arrays_dtype
    for name in ("square", "silu"):
        yield partial(test_functions.test_a_numbers_gradient_stays_a_number_among_arrays, name)
    for name in USERS:
        yield from checks_of(name)
    mask = np.array([[True, False, False], [False, True, False]])
    wide, narrow = np.array([[0.5, 0, 0], [0, 2.0, 0]]), np.array([0.5, 2.0, 0])
    test = zeros.test_a_branch_not_taken_sends_back_nothing.hypothesis.inner_test  # type: ignore[attr-defined]
    for select in zeros.SELECT.values():
        for x in (wide, narrow):
            for single in (False, True):
                yield partial(test, select, (mask, x), "x*log(x)", single)
    for select in ("where", "where in where", "boolean index", "two consumers"):
        yield partial(zeros.test_second_order_through_a_choice, select, "log")
    test = zeros.test_what_comes_from_nowhere_has_no_tangent.hypothesis.inner_test  # type: ignore[attr-defined]
    for fill in zeros.FILL.values():
        for single in (False, True):
            yield partial(test, fill, mask, "x*log(x)", single)
        yield partial(zeros.test_hessians_of_what_comes_from_nowhere, fill, 1.5)


def trials_of(op: Any) -> Iterator[test_rules.Trial]:
    if not isinstance(op, Elementwise):
        yield from [
            test_rules.case_trial(op, c, seed) for seed in (0, 1) for c in test_rules.cases_of(op)
        ]
    elif op.domain:
        n = len(op.domain)
        shapes = [[(2, 3)] * n, [()] * n, [(3,)] * n, [(0, 3)] * n]
        for i in range(n if n > 1 else 0):
            shapes += [[(2, 1) if j == i else (3,) for j in range(n)]]
            shapes += [[() if j == i else (2,) for j in range(n)]]
        for seed, s in enumerate(shapes):
            yield test_rules.elementwise_trial(op, s, seed)


def rows_through(name: str) -> list[test_kinks.Row]:
    """The rows of the table of kinks whose graphs an operation is in."""
    return [row for row, names in _operations_of_rows() if name in names]


@cache
def _operations_of_rows() -> list[tuple[test_kinks.Row, set[str]]]:
    found = []
    with np.errstate(all="ignore"):
        for row in (*test_kinks.ROWS, *test_special.ROWS):
            y, _, _ = test_kinks.on_tensors(row, float)
            nodes = topological_order(y) if isinstance(y, Node) else []
            found.append((row, {node.op.name for node in nodes if node.op is not None}))
    return found


def checks_for(mutant: Mutant) -> Iterator[Check]:
    for name in mutant.operations:
        yield from checks_of(name)
    if set(mutant.operations) <= set(test_rules.PLUMBING):
        yield from checks_of_the_kinds()


def killed(mutant: Mutant) -> str | None:
    """How a test of its operations fails while the mutant is alive; None: none does."""
    checks, values = checks_for(mutant), [(t, value_of(t)) for t in some_trials(mutant)]
    try:
        with mutant.alive(), alarm(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            for trial, value in values:
                np.testing.assert_array_equal(value_of(trial), value)
            for check in checks:
                check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def some_trials(mutant: Mutant) -> list[test_rules.Trial]:
    """Two of each operation: a rule's helper may serve the function itself too."""
    ops = [test_rules.OWN[name] for name in mutant.operations]
    return [trial for op in ops for trial in itertools.islice(trials_of(op), 2)]


def value_of(trial: test_rules.Trial) -> Any:
    with np.errstate(all="ignore"):
        return np.copy(raw(trial(*trial.free)))


class alarm:  # noqa: N801 - used like a statement
    """An exception in the block once the seconds are over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, self._ring)
        signal.setitimer(signal.ITIMER_PROF, self.seconds)

    def __exit__(self, *exc: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)

    @staticmethod
    def _ring(*_: object) -> None:
        raise EndlessError


def stands(name: str) -> str | None:
    """What is wrong with an operation's tests when nothing is broken; None: nothing."""
    try:
        for check in checks_of(name):
            check()
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return None


def chosen(operation: str | None, sample: int | None) -> list[Mutant]:
    mutants = generate([operation] if operation else None)
    return random.Random(0).sample(mutants, sample) if sample else mutants


def _verdict(i: int) -> tuple[int, str | None]:
    return i, killed(_ALL[i])


_ALL: list[Mutant] = []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--operation", help="mutants of this operation alone")
    parser.add_argument("--sample", type=int, help="so many mutants, chosen by lot")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", action="store_true", help="the mutants of the compiler")
    parser.add_argument("--share", type=int, default=12, help="one of so many of these; 1: all")
    parser.add_argument("--batches", action="store_true", help="the mutants of vmap")
    options = parser.parse_args()
    if options.engine:
        return of_the_engine(options.share, options.jobs)
    if options.batches:
        return of_batches(options.share, options.jobs)
    _ALL[:] = chosen(options.operation, options.sample)
    started, survivors = time.perf_counter(), []
    dead: dict[str, str] = {}
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for wrong in pool.imap_unordered(stands, sorted({n for m in _ALL for n in m.operations})):
            if wrong:
                print("FAILS WITHOUT A MUTANT:", wrong, flush=True)
        verdicts = pool.imap_unordered(_verdict, range(len(_ALL)), chunksize=4)
        for done, (i, why) in enumerate(verdicts, 1):
            if why is not None:
                dead[_ALL[i].name] = why
            else:
                survivors.append(_ALL[i].name)
                if _ALL[i].name not in EQUIVALENT:
                    print(f"SURVIVES    {_ALL[i].name}", flush=True)
            print(f"\r{done}/{len(_ALL)} {len(dead)} dead", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return report(survivors, dead, time.perf_counter() - started, options)


def of_the_engine(share: int, jobs: int) -> int:
    """Run mutants of the compiler, and of its rows."""
    from .mutation import rows  # where the walker in C was built

    started = time.perf_counter()
    changed = rows.mutants(count=300)
    alive = [m.name for m in changed if rows.survives(m)]
    for name in alive:
        print(f"SURVIVES    {name}")
    print(f"{len(changed)} changes of rows: {len(changed) - len(alive)} dead")
    verdicts = run_engine.verdicts(engine(share=share), jobs, progress=True).verdicts
    print(file=sys.stderr)
    survivors = [name for name, why in verdicts.items() if not why]
    dead = {name: why for name, why in verdicts.items() if why}
    options = argparse.Namespace(operation="engine", sample=None)  # a list of a share is not whole
    seconds = time.perf_counter() - started
    return bool(alive) | report(survivors, dead, seconds, options, EQUIVALENT_ENGINE)


def of_batches(share: int, jobs: int) -> int:
    """Run mutants of what `vmap` runs, and of the words of all operations."""
    started = time.perf_counter()
    mutants = [*batches.words(), *batches.parts(share)]
    verdicts = run_engine.verdicts(mutants, jobs, True, batches.KILLERS).verdicts
    print(file=sys.stderr)
    survivors = [name for name, why in verdicts.items() if not why]
    dead = {name: why for name, why in verdicts.items() if why}
    options = argparse.Namespace(operation="batches", sample=None)
    seconds = time.perf_counter() - started
    return report(survivors, dead, seconds, options, EQUIVALENT_BATCHES)


def report(
    survivors: list[str],
    dead: dict[str, str],
    seconds: float,
    options: Any,
    equivalent: dict[str, str] = EQUIVALENT,
) -> int:
    names = {*survivors, *dead}
    alive = sorted(set(survivors) - set(equivalent))
    whole = not options.operation and not options.sample
    stale = sorted(set(equivalent) - names) if whole else []
    killable = sorted(set(equivalent) & set(dead))
    for name in sorted(set(survivors) & set(equivalent)):
        print(f"equivalent  {name}  ({equivalent[name]})")
    for name in stale:
        print(f"STALE       {name}: no such mutant any more; take it off the list")
    for name in killable:
        print(f"NOT EQUAL   {name}: it dies ({' '.join(dead[name].split())[:200]})")
    score = len(dead) / max(len(dead) + len(alive), 1)
    print(
        f"{len(names)} mutants in {seconds:.0f} s: {len(dead)} dead, "
        f"{len(survivors) - len(alive)} equivalent, {len(alive)} survive; score {100 * score:.2f} %"
    )
    return bool(alive or stale or killable)


if __name__ == "__main__":
    sys.exit(main())
