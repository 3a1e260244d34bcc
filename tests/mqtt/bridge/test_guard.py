"""Against loops: marks, hops, and what is remembered."""

from __future__ import annotations

from socketworkers_mqtt.bridge.guard import MARK, REMEMBER_MOST, REMEMBER_SECONDS, LoopGuard
from socketworkers_mqtt.codec import PublishProperties, encode_passed


def marks(passed: bytes | None) -> list[tuple[str, str]]:
    assert passed is not None
    return list(PublishProperties(passed=passed).user_properties)


def passed(*names: str, others: tuple[tuple[str, str], ...] = ()) -> bytes:
    return encode_passed(user_properties=[*others, *((MARK, name) for name in names)])


def test_a_message_is_marked_once_and_what_it_had_stays_in_front() -> None:
    guard = LoopGuard("us", 10, marks=True, remember=False)
    others = (("a", "1"), ("a", "2"))
    out = guard.outward(b"t", b"x", passed(others=others), 0)
    assert marks(out) == [*others, (MARK, "us")]
    assert out is not None
    # one that came in over a bridge is marked already
    assert guard.outward(b"t", b"x", out, 0) == out
    assert marks(guard.inward(b"t", b"x", passed("them"), 0)) == [(MARK, "them"), (MARK, "us")]


def test_what_was_here_before_is_not_taken_again() -> None:
    guard = LoopGuard("us", 10, marks=True, remember=False)
    assert guard.inward(b"t", b"x", passed("us", "them"), 0) is None
    assert guard.inward(b"t", b"x", passed("them"), 0) is not None
    # another broker's bridge brought it back: it goes out no second time
    assert guard.outward(b"t", b"x", passed("us", "them"), 0) is None
    assert guard.outward(b"t", b"x", passed("them", "us"), 0) is not None


def test_hops_are_bounded() -> None:
    guard = LoopGuard("us", 3, marks=True, remember=False)
    assert guard.outward(b"t", b"x", passed("a", "b"), 0) is not None
    assert guard.outward(b"t", b"x", passed("a", "b", "c"), 0) is None
    assert guard.inward(b"t", b"x", passed("a", "b"), 0) is not None
    assert guard.inward(b"t", b"x", passed("a", "b", "c"), 0) is None


def test_without_user_properties_nothing_is_marked() -> None:
    guard = LoopGuard("us", 10, marks=False, remember=False)
    assert guard.outward(b"t", b"x", b"", 0) == b""
    assert guard.inward(b"t", b"x", b"", 0) == b""


def test_what_was_just_sent_does_not_come_back() -> None:
    guard = LoopGuard("us", 10, marks=False, remember=True)
    for _ in range(2):
        guard.outward(b"t", b"x", b"", 0)
    assert guard.inward(b"t", b"y", b"", 1) == b""
    assert guard.inward(b"u", b"x", b"", 1) == b""
    assert guard.inward(b"t", b"x", b"", 1) is None
    assert guard.inward(b"t", b"x", b"", 1) is None
    assert guard.inward(b"t", b"x", b"", 1) == b"", "as often as it was sent"


def test_what_is_remembered_is_bounded_in_time_and_number() -> None:
    guard = LoopGuard("us", 10, marks=False, remember=True)
    guard.outward(b"t", b"x", b"", 0)
    assert guard.inward(b"t", b"x", b"", REMEMBER_SECONDS + 1) == b""
    for number in range(REMEMBER_MOST + 5):
        guard.outward(b"t", b"%d" % number, b"", 100)
    assert len(guard._recent) == REMEMBER_MOST
    assert guard.inward(b"t", b"0", b"", 101) == b""
    assert guard.inward(b"t", b"5", b"", 101) is None
