"""Real hosts as containers, for the demo, the tests and the benchmarks."""
