"""Reason codes: 5.0 §2.4 and the tables of each packet; return codes of 3.1.1."""

from __future__ import annotations

import pytest

from socketworkers_mqtt.codec import Reason, connack_code_v3
from socketworkers_mqtt.codec.reasons import CONNACK_REASONS, connack_reason_v3


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.SUCCESS, 0),
        (Reason.UNSUPPORTED_PROTOCOL_VERSION, 1),
        (Reason.CLIENT_IDENTIFIER_NOT_VALID, 2),
        (Reason.SERVER_UNAVAILABLE, 3),
        (Reason.SERVER_BUSY, 3),
        (Reason.CONNECTION_RATE_EXCEEDED, 3),
        (Reason.BAD_USER_NAME_OR_PASSWORD, 4),
        (Reason.NOT_AUTHORIZED, 5),
        (Reason.BANNED, 5),
    ],
)
def test_connect_return_codes_of_3_1_1_table_3_1(reason: Reason, code: int) -> None:
    assert connack_code_v3(reason) == code


def test_every_refusal_has_a_code_in_3_1_1() -> None:
    codes = {connack_code_v3(reason) for reason in CONNACK_REASONS if reason}
    assert codes == {1, 2, 3, 4, 5}
    assert connack_code_v3(0x87) == 5


def test_codes_of_3_1_1_have_reasons() -> None:
    for code in range(6):
        reason = connack_reason_v3(code)
        assert reason is not None
        assert connack_code_v3(reason) == code
    assert connack_reason_v3(6) is None
    assert connack_reason_v3(255) is None


def test_names_of_table_2_6() -> None:
    assert len(set(Reason)) == 43
    assert [Reason["NORMAL_DISCONNECTION"], Reason["GRANTED_QOS_0"]] == [Reason.SUCCESS] * 2
    assert {int(reason) for reason in Reason} == {0, 1, 2, 4, 0x10, 0x11, 0x18, 0x19, *range(0x80, 0xA3)}
