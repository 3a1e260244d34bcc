"""Eclipse Paho's conformance suite: all 37 tests.

The suite itself is not here. It is at https://github.com/eclipse-paho/paho.mqtt.testing; ``PAHO_MQTT_TESTING`` names a
checkout of it. How it is run, and where it contradicts the specification, is told in ``paho_conformance.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interop.mqtt.live import serve_broker
from tests.interop.mqtt.paho_conformance import ACL, CONTRADICTIONS, MODULES, OPTIONS

CHECKOUT = os.environ.get("PAHO_MQTT_TESTING", "")

pytestmark = [
    pytest.mark.skipif(
        not (Path(CHECKOUT) / "interoperability").is_dir() or not CHECKOUT,
        reason="PAHO_MQTT_TESTING does not name a checkout of github.com/eclipse-paho/paho.mqtt.testing",
    ),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("module", MODULES)
def test_suite(tmp_path: Path, module: str) -> None:
    (tmp_path / "acl").write_text(ACL)
    script = Path(__file__).with_name("paho_conformance.py")
    with serve_broker(tmp_path, "--acl-file", str(tmp_path / "acl"), *OPTIONS) as broker:
        command = [sys.executable, str(script), CHECKOUT, "--port", str(broker.port), "--module", module]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.endswith(" ok")] == [], done.stderr
    assert done.returncode == 0
    assert len(lines) == MODULES[module]


def test_contradictions_name_their_section() -> None:
    assert sum(MODULES.values()) == 37
    for name, reason in CONTRADICTIONS.items():
        assert name.split(".")[0] in MODULES
        assert "§" in reason
