"""Test suites of others, run on our server: ``python -m tests.pgwire.suites``."""
