"""Every rule of the suite for messages over UDP, on both loops."""

from __future__ import annotations

import pytest
from tests.support.flows import flows

from socketworkers.testing import DATAGRAM_RULES, check_datagram_socket

pytestmark = pytest.mark.usefixtures("any_loop")


@pytest.mark.parametrize("rule", DATAGRAM_RULES)
async def test_rule(rule: str) -> None:
    async with flows() as make:
        await check_datagram_socket(make, [rule])
