"""Speed, as ratios against a named rival in the same run: `python tests/benchmarks/run.py`."""
