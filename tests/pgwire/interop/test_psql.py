"""What psql prints for its backslash commands, beside PostgreSQL 15: the same text, on a schema with every kind of
object.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.interop.live import absent, need
from tests.pgwire.differential.record.clients import Place
from tests.pgwire.differential.runner import Server

CLIENTS = Path(__file__).parents[1] / "clients"
COMMANDS = (CLIENTS / "psql_commands.txt").read_text(encoding="utf-8").splitlines()
_MARK = "=== "
#: what each server has of its own: where it listens
OWN = {"\\conninfo"}
#: sizes are those of files
_SIZE = re.compile(r"^\d+ (bytes|[kMGT]B)$")


SCHEMA = "schema"


def outputs(place: Place) -> dict[str, str]:
    """What each command prints; under `SCHEMA`, what the script of the schema prints."""
    Server((place.host, place.port)).make("objects")
    created = place.psql("objects", (CLIENTS / "objects.sql").read_text(encoding="utf-8"))
    script = "".join(f"\\echo '{_MARK}{number}'\n{command}\n" for number, command in enumerate(COMMANDS))
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-f", "-"],
        env=place.environment("objects"), input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    pieces = re.split(f"^{_MARK}(\\d+)\n", done.stdout, flags=re.MULTILINE)[1:]
    found = {int(number): text for number, text in zip(pieces[::2], pieces[1::2], strict=True)}
    return {SCHEMA: created} | {command: found.get(number, "") for number, command in enumerate(COMMANDS)}


def without_sizes(text: str) -> str:
    """An output without what its column "Size" says."""
    fields = [["<size>" if _SIZE.match(field) else field for field in line.split("|")] for line in text.splitlines()]
    lines = ["|".join(line) for line in fields]
    # messages of psql name the line of its script
    return re.sub(r"^psql:<stdin>:\d+: ", "psql: ", "\n".join(lines), flags=re.MULTILINE)


@pytest.fixture(scope="session")
def both(our_server: Place, their_server: Place) -> tuple[dict[str, str], dict[str, str]]:
    """The outputs of ours and of PostgreSQL."""
    need("psql", "Debian: postgresql-client-15")
    version = subprocess.run(["psql", "-V"], capture_output=True, text=True, check=True).stdout
    if " 15." not in version:
        absent("the statements are those of psql 15 (package postgresql-client-15)")
    return outputs(our_server), outputs(their_server)


def test_the_schema_is_made(both: tuple[dict[str, str], dict[str, str]]) -> None:
    assert [each[SCHEMA] for each in both] == ["", ""]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in OWN])
def test_it_prints_the_same(both: tuple[dict[str, str], dict[str, str]], command: str) -> None:
    ours, theirs = both
    assert without_sizes(ours[command]) == without_sizes(theirs[command])


def test_control_the_commands_print_something(both: tuple[dict[str, str], dict[str, str]]) -> None:
    _, theirs = both
    assert 'TABLE "city" CONSTRAINT "city_country_fkey"' in theirs["\\d country"]
    assert sum("(0 rows)" in text or not text for text in theirs.values()) < len(COMMANDS) // 2
    assert without_sizes("a|16 kB|b\nx|100 bytes\n") == "a|<size>|b\nx|<size>"
