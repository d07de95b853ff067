"""Mutants of `vmap` that change nothing that anybody could see, and why."""

# ruff: noqa: E501 - a mutant is named by the code it changes

_REASONS: dict[str, list[str]] = {
    "a composed operation takes a leading axis as its steps do": [
        *[f"{name}, word: along" for name in ("logsumexp", "softmax", "log_softmax", "normalize")],
        *[
            f"{name}, word: {word}"
            for name in ("pass_error", "cut")
            for word in ("stacked", "by_entry")
        ],
        "bypass, word: stacked",
    ],
    "a loop over the samples gives the same": [
        "batches.Batched.__array_function__: if function in _ALONG and is_of(args[0], level): given = signature(... -> pass",
    ],
    "parameters of other operations contain no data": [
        "batches.run: op.reads_params and next(ducks_in(params), None) is not None -> next(ducks_in(params), None) is not None",
    ],
    "there is one argument, which has the axes of the result": ["conj, word: stacked"],
}

EQUIVALENT: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
