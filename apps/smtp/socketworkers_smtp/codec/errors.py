"""The one error of the mail codecs. Sans-IO; raised by the parsers, caught by the session."""

from __future__ import annotations

from socketworkers.errors import ProtocolError

from ..replies import Reply

__all__ = ["CommandError"]


class CommandError(ProtocolError):
    """The peer's command cannot be used.

    Args:
        answer: the reply that says so; `reply` and `close` of `ProtocolError` are taken from it.
    """

    def __init__(self, answer: Reply) -> None:
        super().__init__(answer.text, reply=answer.wire, close=answer.close)
        self.answer = answer
