"""Benchmarks: each prints ours, the limit measured beside it in the same run, and the ratio."""
