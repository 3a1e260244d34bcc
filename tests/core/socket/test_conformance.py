"""Every rule of the conformance suite over every transport, on both loops."""

from __future__ import annotations

import pytest
from tests.support.pairs import TRANSPORTS, pairs

from socketworkers.testing import SOCKET_RULES, check_socket

pytestmark = pytest.mark.usefixtures("any_loop")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("rule", SOCKET_RULES)
async def test_rule(rule: str, transport: str) -> None:
    async with pairs(transport) as make:
        await check_socket(make, [rule])
