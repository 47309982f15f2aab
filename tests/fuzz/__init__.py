"""Fuzzing of everything that reads what others write: `python -m tests.fuzz`."""
