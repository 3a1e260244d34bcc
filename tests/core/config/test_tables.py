"""Settings that are tables of their own in the file: ``[[app.name]]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from socketworkers import App
from socketworkers.cli.options import AppCommand
from socketworkers.cli.verbs.config import command
from socketworkers.config import load
from socketworkers.errors import StartupError
from socketworkers.settings import Settings, setting, settings_of


@dataclass(frozen=True)
class Friend:
    name: str
    secret: str = ""


def parse_friend(table: dict[str, Any]) -> Friend:
    if "name" not in table:
        raise ValueError("a friend needs a name")
    return Friend(**table)


@dataclass
class TableConfig(Settings):
    friend: tuple[Friend, ...] = setting(
        (), help="another one", flag="[[tables.friend]]", kind="table", parse=parse_friend
    )


def read(folder: Path, text: str, **environ: str) -> TableConfig:
    path = folder / "socketworkers.toml"
    path.write_text(text)
    return load(TableConfig, "tables", environ=environ, file=path)


def test_tables_become_values(tmp_path: Path) -> None:
    text = '[tables]\nport = 5\n\n[[tables.friend]]\nname = "a"\n[[tables.friend]]\nname = "b"\nsecret = "x"\n'
    config = read(tmp_path, text)
    assert config.port == 5
    assert config.friend == (Friend("a"), Friend("b", "x"))
    assert str(config.source_of("friend")) == f"file ({tmp_path / 'socketworkers.toml'}:4)"


def test_one_table_is_a_list_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, '[tables.friend]\nname = "a"\n').friend == (Friend("a"),)
    assert read(tmp_path, "").friend == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('[[tables.friend]]\nsecret = "hush"\n', ["FILE:1: a friend needs a name"]),
        (
            "[tables]\nfriend = 1\n",
            ["FILE:2: 1 is no value for friend", "it must be a table in the file, [[tables.friend]]"],
        ),
        (
            '[tables]\nfriend = ["x"]\n',
            ["FILE:2: 'x' is no value for friend", "it must be a table in the file, [[tables.friend]]"],
        ),
    ],
    ids=["wrong", "number", "text"],
)
def test_mistakes(tmp_path: Path, text: str, lines: list[str]) -> None:
    with pytest.raises(StartupError) as wrong:
        read(tmp_path, text)
    assert [line.replace(str(tmp_path / "socketworkers.toml"), "FILE") for line in wrong.value.lines()] == lines
    assert wrong.value.exit_status == 2


def test_only_the_file_has_them(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is no value for friend"):
        read(tmp_path, "", SOCKETWORKERS_TABLES_FRIEND="x")
    app = App("tables", config=TableConfig)
    options = AppCommand("tables", app, lambda: None)
    assert "friend" not in {parameter.name for parameter in options.params}
    assert "friend" not in options.help_text("run-app tables", everything=True)
    assert [item.kind for item in settings_of(TableConfig) if item.name == "friend"] == ["table"]


def test_config_tells_how_many_there_are_and_none_of_their_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = read(tmp_path, '[[tables.friend]]\nname = "a"\nsecret = "hush"\n')
    command.act(App("tables", config=TableConfig), config, {"sources": False})
    out = capsys.readouterr().out
    assert "# [[tables.friend]]: 1\n" in out
    assert "hush" not in out
