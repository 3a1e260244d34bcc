"""Takes PostgreSQL's regression scripts into the corpus:
``python -m tests.pgwire.differential.import_regress FOLDER``.

FOLDER is the source tree of a PostgreSQL 15 (``apt-get source postgresql-15`` brings one). The scripts stay as they
are, but that data comes behind a COPY, and not from a file of the server. Their licence is in the NOTICE beside them.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from .source import CORPUS

SCRIPTS = (  # noqa: SIM905
    "boolean char varchar text int2 int4 int8 float8 numeric uuid enum strings date time timetz timestamp timestamptz"
    " interval insert insert_conflict copy copyselect copydml copy2 select select_into select_distinct"
    " select_distinct_on select_implicit select_having subselect union case join aggregates transactions portals"
    " arrays update delete json jsonb limit prepare returning sequence identity window with"
).split()
FOLDER = CORPUS / "regress"
#: parts of the setup that need PostgreSQL's own C functions, or types that are geometric through and through
_LEFT_OUT = re.compile(
    r"^--\n-- Create some C functions.*?(?=^-- Use hand-rolled)"
    r"|^CREATE TABLE road.*?(?=^--\n-- We must have)"
    r"|^\\getenv.*?$|^\\set regresslib.*?$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"^\\set filename :abs_srcdir '/data/(\S+)'\n(COPY .*?) FROM :'filename'( .*)?;$", re.MULTILINE)


def converted(text: str) -> str:
    """A script whose data files are beside it."""
    return _FILE.sub(r"--@ data data/\1\n\2 FROM STDIN\3;", text)


def main() -> None:
    """Write the corpus."""
    regress = Path(sys.argv[1]) / "src" / "test" / "regress"
    (FOLDER / "data").mkdir(parents=True, exist_ok=True)
    setup = (regress / "sql" / "test_setup.sql").read_text()
    texts = {"setup": converted(_LEFT_OUT.sub("", setup))}
    texts |= {name: converted((regress / "sql" / f"{name}.sql").read_text()) for name in SCRIPTS}
    for name, text in texts.items():
        (FOLDER / f"{name}.sql").write_text(text)
        for data in re.findall(r"^--@ data data/(\S+)$", text, re.MULTILINE):
            shutil.copyfile(regress / "data" / data, FOLDER / "data" / data)
    (FOLDER / "ORDER").write_text("\n".join(SCRIPTS) + "\n")
    licence = (Path(sys.argv[1]) / "COPYRIGHT").read_text()
    head = "The scripts and data of this folder are from PostgreSQL's regression tests, release 15. Their licence:\n"
    (FOLDER / "NOTICE").write_text(f"{head}\n{licence}")


if __name__ == "__main__":
    main()
