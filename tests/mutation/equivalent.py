"""Mutants that change nothing that anybody could see, and why."""

EQUIVALENT: dict[str, str] = {}
