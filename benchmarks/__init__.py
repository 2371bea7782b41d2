"""Benchmarks: ratios of contenders that take turns in one process."""
