"""F2 at the whole server: mutated messages of clients to live sessions, over sockets. Whatever comes, it is answered by
the protocol or the connection ends; nothing of it is our mistake, nobody else notices, and no session is left.

``SOCKETWORKERS_FUZZ_SESSIONS`` sets how many sessions there are, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import logging
import os
import socket
import time

import pytest
from tests.fuzz.mutation import mutations, seed_wanted
from tests.fuzz.test_pgwire_codec import TOKENS
from tests.fuzz.test_pgwire_session import CORPUS, causes
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import CopyInResponse, DataRow, ReadyForQuery

SESSIONS = int(os.environ.get("SOCKETWORKERS_FUZZ_SESSIONS", "600"))


@pytest.mark.catalogue("F2")
@pytest.mark.timeout(120 + SESSIONS // 10)
def test_mutated_messages_to_live_sessions(caplog: pytest.LogCaptureFixture) -> None:
    seed = seed_wanted()
    with ThreadedServer(app, set=("statement_timeout=2s",)) as server, caplog.at_level(logging.WARNING):
        address = server.host, server.port
        with Wire(address) as beside:
            beside.log_in()
            for number, data in enumerate(mutations(CORPUS, TOKENS, SESSIONS, seed, 2_000)):
                try:
                    with Wire(address) as wire:
                        wire.log_in()
                        wire.send(data)
                        wire.socket.shutdown(socket.SHUT_WR)
                        came = wire.rest()
                except ConnectionError:
                    continue
                except TimeoutError:
                    pytest.fail(f"no answer: seed {seed}, input {number}: {data!r}")
                ready = sum(isinstance(each, ReadyForQuery) for each in came)
                copies = sum(isinstance(each, CopyInResponse) for each in came)
                assert ready <= causes(data) + copies, f"seed {seed}, input {number}: {data!r}"
                if number % 50 == 0:
                    assert [each.values for each in beside.query("SELECT 1") if isinstance(each, DataRow)] == [[b"1"]]
            until = time.monotonic() + 5
            while len(server.server.env.pgwire.links) > 1:
                assert time.monotonic() < until, "sessions are left"
                beside.query("SELECT 1")
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
