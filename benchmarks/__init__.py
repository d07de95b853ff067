"""Times deltaprop and the installed peers side by side: ``python -m benchmarks --help``.

One run times every contender of a workload interleaved, so the ratios hold even where the machine's
speed drifts. Nothing here asserts a time: targets are printed as met or missed.
"""
