"""Mutants of the engine that change nothing that anybody could see, and why."""

_REASONS: dict[str, list[str]] = {
}  # fmt: skip

EQUIVALENT: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
