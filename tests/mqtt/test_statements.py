"""Every numbered statement of MQTT 5.0 (Appendix B) that concerns a server is named by a test.

Statements of clients, and those about what this server never does, stand in ``APART`` with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent

#: how many statements each section has
SECTIONS = {
    "1.5.4": 3, "1.5.5": 1, "1.5.7": 1, "2.1.3": 1, "2.2.1": 6, "2.2.2": 1, "3.1.0": 2, "3.1.2": 30, "3.1.3": 12,
    "3.1.4": 6, "3.2.0": 2, "3.2.2": 22, "3.3.1": 13, "3.3.2": 20, "3.3.4": 10, "3.4.2": 3, "3.5.2": 3, "3.6.1": 1,
    "3.6.2": 3, "3.7.2": 3, "3.8.1": 1, "3.8.3": 5, "3.8.4": 8, "3.9.2": 2, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2,
    "3.10.4": 6, "3.11.2": 2, "3.11.3": 2, "3.12.4": 1, "3.14.0": 1, "3.14.1": 1, "3.14.2": 4, "3.14.4": 3, "3.15.1": 1,
    "3.15.2": 3, "4.1.0": 2, "4.2.0": 1, "4.3.1": 1, "4.3.2": 5, "4.3.3": 13, "4.4.0": 2, "4.5.0": 2, "4.6.0": 6,
    "4.7.0": 1, "4.7.1": 2, "4.7.2": 1, "4.7.3": 4, "4.8.2": 6, "4.9.0": 3, "4.12.0": 7, "4.12.1": 2, "4.13.1": 1,
    "4.13.2": 1, "6.0.0": 4,
}  # fmt: skip
_CLIENT = "what a client does"
_ALL = "we support all of it, so the property is never sent"
_BARE = "our acknowledgements have neither reason strings nor user properties"
#: statement, or section with all its statements that are not named: why
APART = {
    "2.2.1-1": _CLIENT,
    "3.2.2-5": _CLIENT,
    "3.2.2-15": _CLIENT,
    "3.2.2-18": _CLIENT,
    "3.3.2-10": _CLIENT,
    "3.3.4-8": _CLIENT,
    "4.5.0-2": _CLIENT,
    "3.2.2-9": _ALL,
    "3.2.2-10": _ALL,
    "3.2.2-11": _ALL,
    "3.2.2-12": _ALL,
    "3.2.2-13": _ALL,
    "3.2.2-14": _ALL,
    "3.2.2-20": "our CONNACK has no user properties",
    "3.3.4-5": "one copy is sent for all subscriptions that match, [MQTT-3.3.4-4]",
    "3.4.2-3": _BARE,
    "3.5.2-2": _BARE,
    "3.5.2-3": _BARE,
    "3.6.2-2": _BARE,
    "3.6.2-3": _BARE,
    "3.7.2-2": _BARE,
    "3.7.2-3": _BARE,
    "3.9.2-1": _BARE,
    "3.9.2-2": _BARE,
    "3.11.2-1": _BARE,
    "3.11.2-2": _BARE,
    "3.14.2-4": "our DISCONNECT has no user properties",
    "3.15.2-2": "our AUTH has no reason string",
    "3.15.2-3": "our AUTH has no user properties",
}


def _named() -> set[str]:
    """Numbers in the tests of this folder; "[MQTT-a-1] to [MQTT-a-4]" names four."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        found.update(re.findall(r"MQTT-(\d+\.\d+\.\d+-\d+)", text))
        for section, first, other, last in re.findall(
            r"MQTT-(\d+\.\d+\.\d+)-(\d+)\]\s+to\s+\[MQTT-(\d+\.\d+\.\d+)-(\d+)", text
        ):
            if section == other:
                found.update(f"{section}-{number}" for number in range(int(first), int(last) + 1))
    return found


def test_each_statement_has_its_test() -> None:
    named = _named()
    wanted = {f"{section}-{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
    missing = sorted(wanted - named - APART.keys())
    assert missing == []
    assert APART.keys() <= wanted
