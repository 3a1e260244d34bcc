"""``socketworkers new NAME``: the package of a new app, with tests, that passes its own ``make check`` at once.

The files are templates beside this package: ``@name@``, ``@package@``, ``@Class@``, ``@NAME@`` and ``@port@`` are
replaced, in paths the folder ``package`` and the ending ``.tmpl``.
"""

from __future__ import annotations

import keyword
import re
import sys
import zlib
from pathlib import Path

import click

from ...errors import StartupError

__all__ = ["command"]

_TEMPLATES = Path(__file__).parent.parent / "templates" / "app"


@click.command(short_help="Write the package of a new app.")
@click.argument("name")
@click.option("--out", metavar="DIR", help="Folder to write to [./NAME]; it must not exist or be empty.")
def command(name: str, out: str | None) -> None:
    """Write the package of a new app called NAME: codec, session, store, worker, config, tests."""
    if len(name) > 40 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise StartupError(
            f"{name!r} cannot be the name of an app",
            "it must be small letters and digits, with - between words, 40 at most",
            "for example: socketworkers new my-protocol",
            exit_status=2,
        )
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names or package == "socketworkers":
        raise StartupError(f"{name!r} cannot be the name of an app", "Python has a module or word of that name")
    folder = Path(out or name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StartupError(f"{folder} exists already", "nothing was written", "choose another place: --out DIR")
    words = {
        "@name@": name,
        "@package@": package,
        "@Class@": "".join(part.capitalize() for part in name.split("-")),
        "@NAME@": package.upper(),
        # Between the well-known and the ephemeral ports, and the same each time for one name.
        "@port@": str(10_000 + zlib.crc32(name.encode()) % 20_000),
    }
    try:
        written = _write(folder, words)
    except OSError as error:
        raise StartupError(f"cannot write to {folder}", (error.strerror or str(error)).lower()) from error
    for path in written:
        click.echo(f"  {path}")
    click.echo(f"check it:  cd {folder} && make check\nrun it:    cd {folder} && run-app {package}:app")


def _write(folder: Path, words: dict[str, str]) -> list[Path]:
    written = []
    for template in sorted(_TEMPLATES.rglob("*.tmpl")):
        parts = template.relative_to(_TEMPLATES).with_suffix("").parts
        parts = tuple(words["@package@"] if part == "package" else part for part in parts)
        # Packaging tools leave out files that begin with a dot.
        path = folder.joinpath(*(".gitignore" if part == "gitignore" else part for part in parts))
        text = template.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
