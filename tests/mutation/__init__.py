"""Mutants of the derivative rules: each rule broken on purpose, one small change at a time."""
