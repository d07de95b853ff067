"""One contender of the train step a file. Each imports its library at the top.

An ``ImportError`` therefore means "absent". Every module defines ``NAME`` and a class ``TrainStep``
that satisfies `benchmarks.problem.TrainStep`.
"""
