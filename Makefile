# One command per need; CI runs the same ones.
.PHONY: check format lint types test fuzz soak bench interop differential suites

check: lint types

format:
	uv run ruff format .
	uv run ruff check --fix .

lint:
	uv run ruff format --check .
	uv run ruff check .

types:
	uv run mypy

test:
	uv run pytest

interop:
	uv run pytest tests/interop

fuzz:
	SOCKETWORKERS_FUZZ_INPUTS=1000000 uv run pytest tests/fuzz --timeout=7200
	SOCKETWORKERS_FUZZ_SESSIONS=20000 uv run pytest tests/pgwire/hostile/test_mutated.py --timeout=7200

soak:
	SOCKETWORKERS_SOAK=180 uv run pytest -m slow --timeout=7200

bench:
	uv run python -m bench

differential:
	uv run python -m tests.pgwire.differential run --show 20

suites:
	uv run python -m tests.pgwire.suites
