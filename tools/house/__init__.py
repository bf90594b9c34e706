"""Rules of this repository that no linter knows: `python -m tools.house`, as `make check` runs it.

One rule a module. Each reads sources and returns a `Result`: a figure to read off, and what breaks the rule, by place.
"""
