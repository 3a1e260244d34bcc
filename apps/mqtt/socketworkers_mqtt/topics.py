"""The tree of topic filters: who is subscribed to a topic (MQTT 5.0 §4.7, MQTT 3.1.1 §4.7).

Levels are bytes, as they come from the wire. Matching a topic walks the tree once; what it finds is made into a
``Route`` that is kept per topic until a subscription that could change it comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

__all__ = ["SharedGroup", "Subscription", "TopicTree", "filter_matches", "is_bridge_state", "is_wildcard"]

_PLUS, _HASH = b"+", b"#"


class Subscription:
    """What one session asked for with one topic filter (MQTT 5.0 §3.8.3.1)."""

    __slots__ = (
        "filter",
        "group",
        "identifier",
        "no_local",
        "qos",
        "retain_as_published",
        "retain_handling",
        "session",
    )

    def __init__(
        self,
        session: Session,
        filter: bytes,
        qos: int,
        *,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifier: int = 0,
        group: str | None = None,
    ) -> None:
        self.session = session
        #: the topic filter without ``$share/group/``
        self.filter = filter
        self.qos = qos
        self.no_local = no_local
        self.retain_as_published = retain_as_published
        self.retain_handling = retain_handling
        #: Subscription Identifier, 0 = none
        self.identifier = identifier
        #: the ShareName, None for an ordinary subscription (§4.8.2)
        self.group = group

    @property
    def full_filter(self) -> str:
        """The filter as the client wrote it."""
        text = self.filter.decode()
        return text if self.group is None else f"$share/{self.group}/{text}"

    @property
    def size(self) -> int:
        """Bytes that it takes, about: names, and a node for each level."""
        return 300 + 3 * len(self.filter) + 270 * (self.filter.count(b"/") + 1)

    @property
    def options(self) -> int:
        """The options byte (§3.8.3.1)."""
        return self.qos | self.no_local << 2 | self.retain_as_published << 3 | self.retain_handling << 4


class SharedGroup:
    """The members of one shared subscription; each message goes to one of them (MQTT 5.0 §4.8.2)."""

    __slots__ = ("filter", "members", "name", "turn")

    def __init__(self, name: str, filter: bytes) -> None:
        self.name = name
        self.filter = filter
        self.members: list[Subscription] = []
        self.turn = 0


class _Node:
    __slots__ = ("children", "shared", "subscriptions")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node] | None = None
        self.subscriptions: dict[Session, Subscription] | None = None
        self.shared: dict[str, SharedGroup] | None = None

    @property
    def empty(self) -> bool:
        return not (self.children or self.subscriptions or self.shared)


def is_wildcard(filter: bytes) -> bool:
    """Whether a topic filter can match more than one topic."""
    return b"+" in filter or b"#" in filter


def is_bridge_state(topic: bytes) -> bool:
    """Whether it is the one topic of ``$SYS`` that clients may publish to: brokers that bridge to this one do."""
    return topic.startswith(b"$SYS/broker/connection/") and topic.endswith(b"/state") and topic.count(b"/") == 4


def filter_matches(filter: bytes, topic: bytes) -> bool:
    """Whether a topic filter matches a topic name ([MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT-4.7.2-1])."""
    if topic[:1] == b"$" and filter[:1] in (_PLUS, _HASH):
        return False
    levels, parts = topic.split(b"/"), filter.split(b"/")
    for index, part in enumerate(parts):
        if part == _HASH:
            return True
        if index == len(levels) or (part != _PLUS and part != levels[index]):
            return False
    return len(levels) == len(parts)


class TopicTree:
    """All subscriptions of a broker."""

    __slots__ = ("_root", "count", "shared_count")

    def __init__(self) -> None:
        self._root = _Node()
        self.count = 0
        self.shared_count = 0

    def add(self, subscription: Subscription) -> Subscription | None:
        """Add a subscription; returns the one of the same session and filter that it replaces ([MQTT-3.8.4-3])."""
        node = self._root
        for level in subscription.filter.split(b"/"):
            children = node.children
            if children is None:
                children = node.children = {}
            following = children.get(level)
            if following is None:
                following = children[level] = _Node()
            node = following
        session = subscription.session
        before: Subscription | None
        if subscription.group is None:
            if node.subscriptions is None:
                node.subscriptions = {}
            before = node.subscriptions.get(session)
            node.subscriptions[session] = subscription
        else:
            if node.shared is None:
                node.shared = {}
            group = node.shared.get(subscription.group)
            if group is None:
                group = node.shared[subscription.group] = SharedGroup(subscription.group, subscription.filter)
            before = next((each for each in group.members if each.session is session), None)
            if before is not None:
                group.members[group.members.index(before)] = subscription
            else:
                group.members.append(subscription)
                self.shared_count += 1
        if before is None:
            self.count += 1
        return before

    def remove(self, subscription: Subscription) -> bool:
        """Take a subscription away; whether it was there."""
        path: list[tuple[_Node, bytes]] = []
        node = self._root
        for level in subscription.filter.split(b"/"):
            following = node.children.get(level) if node.children else None
            if following is None:
                return False
            path.append((node, level))
            node = following
        if subscription.group is None:
            if not node.subscriptions or node.subscriptions.pop(subscription.session, None) is None:
                return False
        else:
            group = node.shared.get(subscription.group) if node.shared else None
            if node.shared is None or group is None:
                return False
            kept = [each for each in group.members if each.session is not subscription.session]
            if len(kept) == len(group.members):
                return False
            group.members[:] = kept
            self.shared_count -= 1
            if not kept:
                del node.shared[subscription.group]
        self.count -= 1
        for parent, level in reversed(path):
            assert parent.children is not None
            if not parent.children[level].empty:
                break
            del parent.children[level]
        return True

    def match(self, topic: bytes) -> tuple[list[Subscription], list[SharedGroup]]:
        """All subscriptions and shared groups whose filter matches a topic name.

        A wildcard at the first level does not match topics that begin with ``$`` ([MQTT-4.7.2-1]).
        """
        found: list[Subscription] = []
        groups: list[SharedGroup] = []
        levels = topic.split(b"/")
        last = len(levels)
        dollar = topic[:1] == b"$"
        stack: list[tuple[_Node, int]] = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            children = node.children
            if children is not None and not (dollar and depth == 0):
                if (rest := children.get(_HASH)) is not None:  # also the parent level itself (§4.7.1.2)
                    self._collect(rest, found, groups)
                if depth < last and (single := children.get(_PLUS)) is not None:
                    stack.append((single, depth + 1))
            if depth == last:
                self._collect(node, found, groups)
            elif children is not None and (exact := children.get(levels[depth])) is not None:
                stack.append((exact, depth + 1))
        return found, groups

    @staticmethod
    def _collect(node: _Node, found: list[Subscription], groups: list[SharedGroup]) -> None:
        if node.subscriptions:
            found.extend(node.subscriptions.values())
        if node.shared:
            groups.extend(node.shared.values())

    def __iter__(self) -> Iterator[Subscription]:
        stack = [self._root]
        while stack:
            node = stack.pop()
            yield from (node.subscriptions or {}).values()
            for group in (node.shared or {}).values():
                yield from group.members
            stack.extend((node.children or {}).values())
