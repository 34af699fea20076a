"""Measurements of the running product: `make bench`, or `python -m tests.bench AREA…`. Never part of the test suite."""
