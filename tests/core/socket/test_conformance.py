"""Every rule of the conformance suite over every transport, on both loops."""

from __future__ import annotations

import pytest
from tests.support.pairs import TRANSPORTS, pairs

from socketworkers.testing import SOCKET_RULES, check_socket
from socketworkers.testing.conformance import CAPABILITIES, rules_for

pytestmark = pytest.mark.usefixtures("any_loop")


@pytest.mark.parametrize(
    ("transport", "rule"),
    [(transport, rule) for transport, able in TRANSPORTS.items() for rule in rules_for(able)],
)
async def test_rule(rule: str, transport: str) -> None:
    async with pairs(transport) as make:
        await check_socket(make, [rule])


async def test_a_capability_that_is_missing_brings_other_rules() -> None:
    without = rules_for(CAPABILITIES - {"half_close"})
    assert set(rules_for()) | set(without) == set(SOCKET_RULES)
    assert "half_open_to_the_accepting_end" not in without
    assert "the_end_of_one_direction_is_the_end_of_both" in without
    assert "the_end_of_one_direction_is_the_end_of_both" not in rules_for()
    with pytest.raises(ValueError, match="no such capability: wings"):
        rules_for({"wings"})
