"""How the tests of the session drive one: a worker without I/O around it, and ladders to where a test begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, get_args

from tests.pgwire.session.tiny import TinyEngine

from socketworkers_pgwire.codec import (
    CommandComplete,
    Decoder,
    ErrorResponse,
    Message,
    NoticeResponse,
    ReadyForQuery,
    encode_startup,
)
from socketworkers_pgwire.session import (
    Answer,
    Close,
    Engine,
    Event,
    Release,
    Request,
    Session,
    SessionConfig,
    Startup,
    key_size,
    perform,
)

__all__ = ["PARAMETERS", "REQUESTS", "World", "brief", "ready"]

PARAMETERS = {"server_version": "15.0", "client_encoding": "UTF8"}
REQUESTS = get_args(Request)


class World:
    """A session with a tiny database, and all that came of it.

    Args:
        session: by default one that trusts everybody.
        engine: answers its requests.
        held: keep requests instead of answering them; `go` answers one.
    """

    def __init__(self, session: Session | None = None, engine: TinyEngine | None = None, *, held: bool = False) -> None:
        self.session = session or Session(SessionConfig())
        self.engine = engine or TinyEngine()
        self.engine.names = self.session.names
        self.held = held
        self.events: list[Event] = []
        self.released: list[object] = []
        self.output = b""
        self.request: Request | None = None

    def send(self, data: bytes) -> list[Event]:
        """Bytes of the client; b"" is their end. Events that are no requests are returned."""
        return self.take(self.session.receive(data))

    def take(self, events: list[Event]) -> list[Event]:
        """Do what a worker does with events."""
        told: list[Event] = []
        while True:
            self.output += self.session.take_output()
            asked = [each for each in events if is_request(each)]
            assert len(asked) <= 1
            for each in events:
                if isinstance(each, Release):
                    self.released += each.handles
                elif not is_request(each):
                    told.append(each)
            self.events += events
            if not asked:
                break
            assert events[-1] is asked[0], "what pauses is the last event"
            assert self.session.paused
            self.engine.requests.append(asked[0])
            if self.held:
                self.request = asked[0]
                break
            events = self.session.answer(perform(self.engine, asked[0]))
        return told

    def go(self, answer: Answer | None = None) -> list[Event]:
        """Answer the request that is held, with the engine's answer by default."""
        assert self.request is not None
        request, self.request = self.request, None
        return self.take(self.session.answer(answer or perform(self.engine, request)))

    def go_all(self) -> None:
        """Answer all requests there are."""
        while self.request is not None:
            self.go()

    def messages(self) -> list[Message]:
        """What the client has got since the last call."""
        decoder = Decoder(role="frontend")
        messages = decoder.receive(self.output)
        assert decoder.fault is None, decoder.fault
        assert not decoder.buffered
        self.output = b""
        return messages

    def brief(self) -> list[str]:
        """The same, each in a word or two."""
        return [brief(message) for message in self.messages()]

    def closed(self) -> str:
        """Reason of the end; "" while there is none."""
        reasons = [each.reason for each in self.events if isinstance(each, Close)]
        assert len(reasons) <= 1
        assert bool(reasons) == self.session.closed
        return reasons[0] if reasons else ""


def is_request(event: Event) -> TypeGuard[Request]:
    """Whether an event goes to the engine."""
    return isinstance(event, REQUESTS)


def engine_is_whole(engine: TinyEngine) -> Engine:
    """The tiny database is an engine: for the type checker."""
    return engine


def brief(message: Message) -> str:
    """A message in a word or two."""
    if isinstance(message, ErrorResponse | NoticeResponse):
        return f"{message.report.severity} {message.report.sqlstate} {message.report.message}"
    if isinstance(message, CommandComplete):
        return message.tag.decode()
    if isinstance(message, ReadyForQuery):
        return f"ready {message.status.decode()}"
    return type(message).__name__


def ready(
    config: SessionConfig | None = None,
    *,
    held: bool = False,
    version: int = 3 << 16,
    make: Callable[[], TinyEngine] = TinyEngine,
) -> World:
    """A session that is logged in and has said so."""
    world = World(Session(config or SessionConfig()), make())
    (_, startup) = world.send(encode_startup({b"user": b"u"}, version))
    assert isinstance(startup, Startup)
    world.take(world.session.started(7, b"k" * key_size(version), PARAMETERS))
    assert world.brief()[-1] == "ready I"
    world.engine.requests.clear()
    world.events.clear()
    world.held = held
    return world
