"""Mutants of `vmap` that change nothing that anybody could see, and why."""

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
    "there is one argument, which has the axes of the result": ["conj, word: stacked"],
}

EQUIVALENT: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
