"""Benchmarks beside named peers in the same run: ``python -m bench``."""
