"""The layers: command line > environment > file > default; and where each value came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from socketworkers.config import environment_prefix, load
from socketworkers.errors import StartupError
from socketworkers.settings import Settings, setting


@dataclass
class Config(Settings):
    domain: tuple[str, ...] = setting((), help="domains")
    max_size: int = setting(1000, help="size", kind="size")
    wait: float = setting(5.0, help="wait", kind="duration")
    quiet: bool = setting(False, help="say less")
    password: str | None = setting(None, help="a password", secret=True)
    pop3_port: int | None = setting(None, help="a port")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pop3_port and self.pop3_port == self.port:
            raise ValueError("--port and --pop3-port are the same")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(
    toml: str = "", environ: dict[str, str] | None = None, others: tuple[str, ...] = (), **options: str | list[str]
) -> Config:
    Path("socketworkers.toml").unlink(missing_ok=True)
    if toml:
        Path("socketworkers.toml").write_text(toml)
    return load(Config, "smtp", command_line=options, environ=environ or {}, defaults={"port": 2525}, other_apps=others)


def refusal(
    toml: str = "", environ: dict[str, str] | None = None, others: tuple[str, ...] = (), **options: str
) -> list[str]:
    with pytest.raises(StartupError) as caught:
        read(toml, environ, others, **options)
    assert caught.value.exit_status == 2
    return caught.value.lines()


def test_precedence() -> None:
    toml = "[smtp]\nport = 1\nhost = '::1'\nmax-size = '10MB'\n"
    settings = read(toml, {"SOCKETWORKERS_SMTP_PORT": "2", "SOCKETWORKERS_SMTP_HOST": "127.0.0.2"}, port="3")
    assert (settings.port, settings.host, settings.max_size, settings.wait) == (3, "127.0.0.2", 10_000_000, 5.0)
    assert str(settings.source_of("port")) == "command line (--port)"
    assert str(settings.source_of("host")) == "environment (SOCKETWORKERS_SMTP_HOST)"
    assert str(settings.source_of("max_size")) == "file (socketworkers.toml:4)"
    assert str(settings.source_of("wait")) == "default"


def test_the_apps_own_default_port() -> None:
    assert read().port == 2525


def test_tuples() -> None:
    assert read(domain=["a.example", "b.example"]).domain == ("a.example", "b.example")
    assert read(environ={"SOCKETWORKERS_SMTP_DOMAIN": "a.example, b.example"}).domain == ("a.example", "b.example")
    assert read('[smtp]\ndomain = ["x", "y"]\n').domain == ("x", "y")
    assert read('[smtp]\ndomain = "x"\n').domain == ("x",)


def test_toml_types() -> None:
    settings = read('[smtp]\nquiet = true\nwait = 30\nmax_size = 4096\nidle_timeout = "5m"\npop3_port = 110\n')
    assert (settings.quiet, settings.wait, settings.max_size) == (True, 30.0, 4096)
    assert (settings.idle_timeout, settings.pop3_port) == (300.0, 110)


def test_a_file_that_was_asked_for(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[smtp]\nport = 26\n")
    assert load(Config, "smtp", environ={}, file=other).port == 26
    assert load(Config, "smtp", environ={"SOCKETWORKERS_SMTP_CONFIG": str(other)}).port == 26


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(StartupError) as caught:
        load(Config, "smtp", environ={}, file=Path("none.toml"))
    assert caught.value.lines() == ["cannot read none.toml", "no such file or directory"]


def test_unknown_key_in_a_file() -> None:
    assert refusal("# mail\n[smtp]\nport = 25\nmax_sise = 3\n") == [
        "socketworkers.toml:4: unknown key 'max_sise'",
        "did you mean 'max_size'?",
        "all keys: socketworkers config smtp",
    ]


def test_unknown_key_with_no_near_name() -> None:
    assert refusal("[smtp]\nzzz = 3\n")[1] == "the app smtp has no such setting"


def test_unknown_variable() -> None:
    assert refusal(environ={"SOCKETWORKERS_SMTP_PROT": "25"}) == [
        "environment: unknown key 'SOCKETWORKERS_SMTP_PROT'",
        "did you mean 'SOCKETWORKERS_SMTP_PORT'?",
        "all keys: socketworkers config smtp",
    ]


def test_variables_of_an_app_with_a_longer_name_are_its_own() -> None:
    environ = {"SOCKETWORKERS_SMTP_RELAY_PORT": "25"}
    assert read(environ=environ, others=("smtp-relay",)).port == 2525
    assert refusal(environ=environ)
    assert environment_prefix("smtp-relay") == "SOCKETWORKERS_SMTP_RELAY_"


def test_wrong_values_name_their_place() -> None:
    assert refusal(port="abc") == ["--port: 'abc' is no value for port", "it must be a whole number"]
    assert refusal("[smtp]\nport = 'x'\n")[0] == "socketworkers.toml:2: 'x' is no value for port"
    assert refusal("[smtp]\nport = 1.5\n")[1] == "it must be a whole number"
    assert refusal("[smtp]\nhost = 5\n")[1] == "it must be text in quotes"
    assert refusal("[smtp]\nquiet = 'perhaps'\n")[1] == "it must be true or false"
    assert refusal("[smtp]\nport = true\n")[1] == "it must be a whole number"
    assert (
        refusal(environ={"SOCKETWORKERS_SMTP_WAIT": "soon"})[0]
        == "SOCKETWORKERS_SMTP_WAIT: 'soon' is no value for wait"
    )


def test_a_secret_is_not_repeated() -> None:
    lines = refusal("[smtp]\npassword = 12345\n")
    assert "12345" not in " ".join(lines)


def test_broken_toml_names_line_and_column() -> None:
    assert refusal("[smtp]\nport = = 5\n") == ["socketworkers.toml:2:8: not valid TOML", "invalid value"]


def test_a_file_that_is_no_text() -> None:
    Path("socketworkers.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StartupError) as caught:
        load(Config, "smtp", environ={})
    assert caught.value.lines() == ["socketworkers.toml is not a text file in UTF-8"]


def test_a_key_outside_of_a_table() -> None:
    assert refusal("port = 25\n") == [
        "socketworkers.toml:1: the key 'port' stands outside of a table",
        "each app has its own table",
        "write [smtp] above it",
    ]


def test_a_mistyped_table() -> None:
    assert refusal("[smpt]\nport = 25\n") == ["socketworkers.toml:1: unknown table [smpt]", "did you mean [smtp]?"]


def test_tables_of_other_apps_are_theirs() -> None:
    assert read("[mqtt]\nanything = 1\n[echo]\nx = 2\n", others=("mqtt",)).port == 2525


def test_a_key_given_twice_in_two_spellings() -> None:
    assert refusal("[smtp]\nmax_size = 1\nmax-size = 2\n") == [
        "socketworkers.toml:3: 'max-size' is given twice",
        "first in socketworkers.toml:2",
    ]


def test_what_concerns_several_settings() -> None:
    assert refusal(port="110", pop3_port="110") == [
        "the settings of smtp do not fit together",
        "--port and --pop3-port are the same",
    ]


def test_positions_survive_multi_line_strings_and_dotted_keys() -> None:
    toml = '[other]\ntext = """\n[smtp]\nnope = 1\n"""\n[smtp]\n# note\nbad = 1\n'
    assert refusal(toml)[0] == "socketworkers.toml:8: unknown key 'bad'"
    assert refusal("smtp.bad = 1\n")[0] == "socketworkers.toml:1: unknown key 'bad'"


def test_a_folder_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "socketworkers.toml").write_text("[smtp]\nport = 27\n")
    assert load(Config, "smtp", environ={}, file=Path("etc")).port == 27
