"""Against loops: messages that come back over bridges. Sans-IO.

In 5.0 a bridge subscribes with No Local ([MQTT-3.8.3-3]), which stops the shortest loop, and every broker that a
message crosses puts its name behind the others in user properties: a bridge that meets its own broker's name drops the
message, and so does one that finds too many names. (In a ring the broker where a message began may see it a second
time, and ends it there.) In 3.1.1 the bridge's bit in the protocol level has the effect of No Local; with
a broker that does not know that bit, what was sent is remembered for a while and not taken back.
"""

from __future__ import annotations

from collections import OrderedDict

from ..codec import PublishProperties, encode_passed

__all__ = ["MARK", "LoopGuard"]

#: name of the user property; its value names a broker
MARK = "socketworkers-bridge"
#: how long and how many messages are remembered
REMEMBER_SECONDS = 10.0
REMEMBER_MOST = 10_000


class LoopGuard:
    """The guard of one bridge.

    Args:
        broker: the random name of our broker.
        max_hops: brokers that a message may have crossed.
        marks: whether the other broker has user properties (5.0).
        remember: whether it may send back what we sent to it.
    """

    __slots__ = ("_broker", "_mark", "_marks", "_max_hops", "_recent", "_remember")

    def __init__(self, broker: str, max_hops: int, *, marks: bool, remember: bool) -> None:
        self._broker = broker
        self._max_hops = max_hops
        self._marks = marks
        self._remember = remember
        self._mark = encode_passed(user_properties=((MARK, broker),))
        #: what was sent: how often, and when last
        self._recent: OrderedDict[tuple[bytes, bytes], tuple[int, float]] = OrderedDict()

    def _names(self, passed: bytes) -> list[str]:
        if not passed:
            return []
        return [value for name, value in PublishProperties(passed=passed).user_properties if name == MARK]

    def outward(self, topic: bytes, payload: bytes, passed: bytes, now: float) -> bytes | None:
        """Look at a message that goes out.

        Args:
            topic: as it is named there.
            payload: its content.
            passed: its properties.
            now: seconds.

        Returns:
            Its properties with our name; None = it has gone far enough, or all the way round. (Our name as the last one
            means that it came in over a bridge of ours.)
        """
        names = self._names(passed)
        if len(names) >= self._max_hops or self._broker in names[:-1]:
            return None
        if self._remember:
            key = (topic, payload)
            count = self._recent.pop(key, (0, 0.0))[0]
            self._recent[key] = (count + 1, now)
            if len(self._recent) > REMEMBER_MOST:
                self._recent.popitem(last=False)
        return passed if self._broker in names or not self._marks else passed + self._mark

    def inward(self, topic: bytes, payload: bytes, passed: bytes, now: float) -> bytes | None:
        """Look at a message that comes in.

        Args:
            topic: as it is named there.
            payload: its content.
            passed: its properties.
            now: seconds.

        Returns:
            Its properties with our name; None = it was here before.
        """
        names = self._names(passed)
        if self._broker in names or len(names) >= self._max_hops:
            return None
        if self._remember and self._came_back(topic, payload, now):
            return None
        return passed + self._mark if self._marks else passed

    def _came_back(self, topic: bytes, payload: bytes, now: float) -> bool:
        recent = self._recent
        while recent:
            key, (_, at) = next(iter(recent.items()))
            if at + REMEMBER_SECONDS > now:
                break
            del recent[key]
        count, at = recent.get((topic, payload), (0, 0.0))
        if not count:
            return False
        if count > 1:
            recent[topic, payload] = (count - 1, at)
        else:
            del recent[topic, payload]
        return True
