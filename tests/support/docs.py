"""The parts of the documentation that are made from the code, and the marks they stand between."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from socketworkers import App
from socketworkers.cli.options import app_settings
from socketworkers.cli.verbs import tunnel as tunnel_command
from socketworkers.settings import format_value
from socketworkers.tunnel import entrance, gateway
from socketworkers_mqtt import app as broker
from socketworkers_mqtt.bridge import BridgeSpec
from socketworkers_mqtt.bridge.settings import KEYS
from socketworkers_mqtt.client.session import TRANSITIONS as CLIENT_TRANSITIONS
from socketworkers_mqtt.client.session import State as ClientState
from socketworkers_mqtt.connection import TRANSITIONS
from socketworkers_mqtt.limits import Limits
from socketworkers_mqtt.state import State
from socketworkers_smtp import app
from socketworkers_smtp.pop3 import table as pop3_table
from socketworkers_smtp.session import SessionConfig, Timeouts
from socketworkers_smtp.session import table as smtp_table

__all__ = ["GENERATED", "ROOT", "blocks", "expected"]

ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"(<!-- generated: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _settings(app: App, hidden: Collection[str] = ()) -> str:
    shown = (item for item in app_settings(app) if item.name not in hidden)
    items = sorted(shown, key=lambda item: (item.common, item.advanced))
    return _table(
        ("option", "default", "meaning"),
        (
            (
                f"`{item.flag} {item.metavar}`" if item.metavar and item.kind != "table" else f"`{item.flag}`",
                f"`{format_value(item, item.default)}`" if format_value(item, item.default) else "",
                item.help + (" (repeatable)" if item.multiple and "repeatable" not in item.help else ""),
            )
            for item in items
        ),
    )


def _states(rows: Iterable[tuple[str, tuple[enum.Enum, ...], str]]) -> str:
    rows = list(rows)
    order = list(type(rows[0][1][0]))
    used = [state for state in order if any(state in states for _, states, _ in rows)]
    return _table(
        ("command", *(state.value for state in used), "source"),
        ((f"`{verb}`", *("✓" if state in states else "" for state in used), source) for verb, states, source in rows),
    )


def _mqtt_states(transitions: Mapping[tuple[Any, type], Any], states: type[enum.Enum], who: str) -> str:
    """Packets with the states in which they may come; what the decoder reads in two forms is one packet."""
    names = {
        "PublishRun": "PUBLISH",
        "Acks": "PUBACK, PUBREC, PUBREL, PUBCOMP",
        "Ack": "PUBACK, PUBREC, PUBREL, PUBCOMP",
    }
    found: dict[str, tuple[set[enum.Enum], str]] = {}
    for (state, packet), (_, source) in transitions.items():
        name = names.get(packet.__name__, packet.__name__.upper())
        there, _ = found.get(name, (set(), ""))
        found[name] = ({*there, state}, source)
    return _table(
        ("packet", *(f"the {who} {state.value}" for state in states), "MQTT 5.0"),
        (
            (f"`{name}`", *("✓" if state in there else "" for state in states), source)
            for name, (there, source) in found.items()
        ),
    )


def _bridge() -> str:
    """The keys of ``[[mqtt.bridge]]`` with the text of their fields."""
    texts = _texts(BridgeSpec)
    defaults = {field.name: field.default for field in dataclasses.fields(BridgeSpec)}
    rows = []
    for key, (name, _) in KEYS.items():
        default = defaults[name]
        shown = "" if default in (None, "", dataclasses.MISSING) else f"`{default}`".replace("True", "true")
        text = "File whose first line is the password." if key == "password_file" else texts[name]
        rows.append((f"`{key}`", "`auto`" if key == "version" else shown, text))
    return _table(("key", "default", "meaning"), rows)


def _texts(cls: type) -> dict[str, str]:
    """The text that stands under each field of a dataclass."""
    found = re.findall(r'^    (\w+): [^\n]*\n    """(.*?)"""', inspect.getsource(cls), re.MULTILINE | re.DOTALL)
    return {name: " ".join(text.split()) for name, text in found}


def _fields(cls: type) -> str:
    """The fields of a dataclass with the text that stands under each."""
    texts = _texts(cls)
    numbers = (
        field
        for field in dataclasses.fields(cls)
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    )
    rows = ((f"`{each.name}`", f"{each.default:,}", texts[each.name]) for each in numbers)
    return _table(("name", "default", "meaning"), rows)


GENERATED: dict[str, Callable[[], str]] = {
    "settings": lambda: _settings(app),
    "mqtt-settings": lambda: _settings(broker),
    "tunnel-serve": lambda: _settings(gateway(), tunnel_command.hidden("serve")),
    "tunnel-connect": lambda: _settings(entrance(), tunnel_command.hidden("connect")),
    "smtp-states": lambda: _states(smtp_table.ROWS),
    "pop3-states": lambda: _states(pop3_table.ROWS),
    "mqtt-states": lambda: _mqtt_states(TRANSITIONS, State, "server"),
    "mqtt-client-states": lambda: _mqtt_states(CLIENT_TRANSITIONS, ClientState, "client"),
    "mqtt-bridge": _bridge,
    "mqtt-limits": lambda: _fields(Limits),
    "limits": lambda: _fields(SessionConfig),
    "times": lambda: _fields(Timeouts),
}


def expected(text: str) -> str:
    """A page with its generated parts as they should be."""
    return _MARK.sub(lambda found: found[1] + GENERATED[found["name"]]() + found[3], text)


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
