"""Benchmarks. Each prints our figure, the limit measured beside it in the same run, and the ratio."""
