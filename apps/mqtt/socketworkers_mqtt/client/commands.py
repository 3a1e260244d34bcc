"""``socketworkers mqtt pub`` and ``sub``, with the options that users of mosquitto_pub and mosquitto_sub know."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import click

from socketworkers.errors import LimitExceeded, SocketError, StartupError, StateError

if TYPE_CHECKING:
    from . import Client, Message

__all__ = ["TIMED_OUT", "pub", "sub"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: exit status when -W is over, the one of mosquitto_sub
TIMED_OUT = 27
#: messages of -l that may wait to be acknowledged
UNDER_WAY = 20
#: seconds between attempts to connect again: the first, the longest
RETRY = (1.0, 30.0)

_VERSIONS = {"5": 5, "5.0": 5, "mqttv5": 5, "4": 4, "3.1.1": 4, "311": 4, "mqttv311": 4}
_VERSIONS |= {"3": 3, "3.1": 3, "31": 3, "mqttv31": 3}

_CONNECTION = """
  -h, --host HOST  -p, --port PORT   server [localhost, 1883; 8883 with TLS]
  -L, --url URL                mqtt[s]://[user[:password]@]host[:port][/topic],
                               ws[s]://host/path, unix:/path
  -i, --id NAME  -k, --keepalive S  -V, --version 5|3.1.1|3.1
  -u, --username NAME  -P, --password TEXT   (or MQTT_PASSWORD, --ask-password)
  --tls  --ca FILE  --cert FILE  --key FILE  --no-verify
  --will-topic T  --will-payload TEXT  --will-qos N  --will-retain"""

_PUB = f"""Usage: socketworkers mqtt pub [OPTIONS] -t TOPIC (-m TEXT | -f FILE | -l|-s|-n)

Publish messages. Returns once the server has acknowledged them (QoS 1, 2).

  -t, --topic TOPIC            where to
  -m, --message TEXT           what
  -f, --file FILE              the content of a file
  -l, --stdin-line             each line of standard input is a message
  -s, --stdin-file             standard input is one message
  -n, --null-message           an empty one (with -r: remove what is retained)
  -q, --qos 0|1|2  -r, --retain
  --expiry S  --content-type T  --response-topic T  --user-property K V
{_CONNECTION}

  socketworkers mqtt pub -t lamp/set -m on -q 1
  sensors | socketworkers mqtt pub -l -t log -q 1
"""

_SUB = f"""Usage: socketworkers mqtt sub [OPTIONS] -t FILTER ...

Print messages until interrupted. Connects again when the connection is lost.

  -t, --topic FILTER           what to subscribe to (repeatable)
  -T, --filter-out FILTER      what of it not to print (repeatable)
  -q, --qos 0|1|2              highest QoS
  -v, --verbose  --json        print topics, too; or one JSON object per line
  -N, --no-newline  -R, --no-retained  -C, --count N (end after N messages)
  -W, --timeout S              end after S seconds, with status 27
  -c, --keep-session           the session stays (needs -i)
  -x, --session-expiry S       for how long without a connection [for ever]
  --quiet                      say nothing of lost connections
{_CONNECTION}

  socketworkers mqtt sub -t '#' -v
"""


class _Screen(click.Command):
    """A command whose help is a text that fits a screen."""

    def __init__(self, *arguments: Any, text: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.text = text

    def get_help(self, ctx: click.Context) -> str:
        return self.text.rstrip("\n")


def _version(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    found = _VERSIONS.get(value.lower())
    if found is None:
        raise click.BadParameter("5, 3.1.1 or 3.1")
    return found


_QOS = click.IntRange(0, 2)


def _connection(command: F) -> F:
    for option in reversed(
        [
            click.option("-h", "--host"),
            click.option("-p", "--port", type=click.IntRange(1, 65535)),
            click.option("-L", "--url"),
            click.option("-i", "--id", "client_id", default=""),
            click.option("-k", "--keepalive", type=click.IntRange(0, 65535), default=60),
            click.option("-V", "--version", callback=_version),
            click.option("-u", "--username"),
            click.option("-P", "--password", envvar="MQTT_PASSWORD"),
            click.option("--ask-password", is_flag=True),
            click.option("--tls", is_flag=True),
            click.option("--ca", "--cafile"),
            click.option("--cert"),
            click.option("--key"),
            click.option("--no-verify", "--insecure", is_flag=True),
            click.option("--will-topic"),
            click.option("--will-payload", default=""),
            click.option("--will-qos", type=_QOS, default=0),
            click.option("--will-retain", is_flag=True),
        ]
    ):
        command = option(command)
    return command


class _Connection:
    """How to connect, made of the options."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.topic = ""
        self.address = self._address(options)
        password = options["password"]
        if options["ask_password"]:
            password = click.prompt("Password", hide_input=True, err=True)
        self.arguments: dict[str, Any] = {
            "client_id": options["client_id"],
            "keep_alive": options["keepalive"],
            "username": options["username"],
            "password": password,
        }
        self.version: int | None = options["version"]
        self._tls(options)
        if options["will_topic"]:
            from .message import Message

            payload = options["will_payload"].encode()
            will = Message(options["will_topic"], payload, options["will_qos"], options["will_retain"])
            self.arguments["will"] = will

    def _address(self, options: dict[str, Any]) -> str:
        url, host, port = options["url"], options["host"], options["port"]
        if url is not None:
            if host is not None or port is not None:
                raise click.UsageError("-L names host and port: -h and -p do not go with it")
            parts = urlsplit(url)
            if parts.scheme in ("mqtt", "mqtts") and len(parts.path) > 1:
                self.topic = unquote(parts.path[1:])
                url = parts._replace(path="", query="", fragment="").geturl()
            return str(url)
        secure = options["tls"] or options["ca"] is not None
        host = host or "localhost"
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"{'mqtts' if secure else 'mqtt'}://{host}" + (f":{port}" if port is not None else "")

    def _tls(self, options: dict[str, Any]) -> None:
        secure = self.address.startswith(("mqtts:", "ssl:", "tls:", "wss:"))
        if options["tls"] or any(options[name] for name in ("ca", "cert", "key", "no_verify")):
            secure = True
        if secure:
            from socketworkers import TlsOptions

            self.arguments["tls"] = TlsOptions(
                ca=options["ca"], certificate=options["cert"], key=options["key"], verify=not options["no_verify"]
            )

    def client(self, version: int, **more: Any) -> Client:
        """A client that is not connected yet."""
        from . import Client

        return Client(self.address, version=version, **self.arguments, **more)

    async def connect(self, **more: Any) -> Client:
        """A connected client; a server that does not know 5.0 is spoken to in 3.1.1, unless a version was asked for."""
        from ..codec import Reason
        from . import Disconnected, Refused

        client = self.client(self.version or 5, **more)
        try:
            await client.connect()
        except (Refused, Disconnected) as error:
            told = isinstance(error, Disconnected) or error.reason is Reason.UNSUPPORTED_PROTOCOL_VERSION
            if self.version is not None or not told:
                raise
            more = {name: value for name, value in more.items() if name != "session_expiry"}
            client = self.client(4, **more)
            await client.connect()
        return client


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it; what goes wrong is told in a line or two."""
    from . import MqttError

    try:
        return asyncio.run(work)
    except (MqttError, SocketError, LimitExceeded, StateError) as error:
        message = str(error).removeprefix(f"[Errno {getattr(error, 'errno', None)}] ")
        raise StartupError(message) from error
    except ValueError as error:
        raise StartupError(str(error), exit_status=2) from error


# -- pub -------------------------------------------------------------------------------------------------------------


@click.command(
    cls=_Screen, text=_PUB, short_help="Publish messages.", context_settings={"help_option_names": ["--help"]}
)
@click.option("-t", "--topic", default="")
@click.option("-m", "--message")
@click.option("-f", "--file", type=click.Path(exists=True, dir_okay=False))
@click.option("-l", "--stdin-line", "lines", is_flag=True)
@click.option("-s", "--stdin-file", "whole", is_flag=True)
@click.option("-n", "--null-message", "null", is_flag=True)
@click.option("-q", "--qos", type=_QOS, default=0)
@click.option("-r", "--retain", is_flag=True)
@click.option("--expiry", type=click.IntRange(0, 0xFFFF_FFFF))
@click.option("--content-type")
@click.option("--response-topic")
@click.option("--user-property", nargs=2, multiple=True)
@_connection
def pub(**options: Any) -> None:
    """Publish messages."""
    connection = _Connection(options)
    topic = options["topic"] or connection.topic
    if not topic:
        raise click.UsageError("where to? name a topic with -t")
    given = [name for name in ("message", "file", "lines", "whole", "null") if options[name] not in (None, False)]
    if len(given) != 1:
        raise click.UsageError("what? give exactly one of -m, -f, -l, -s, -n")
    payload: bytes | None = None
    if options["message"] is not None:
        payload = options["message"].encode("utf-8", "surrogateescape")
    elif options["file"] is not None:
        with open(options["file"], "rb") as file:
            payload = file.read()
    elif options["whole"]:
        payload = sys.stdin.buffer.read()
    elif options["null"]:
        payload = b""
    properties: dict[str, Any] = {
        name: options[name] for name in ("expiry", "content_type", "response_topic") if options[name] is not None
    }
    if options["user_property"]:
        properties["user_properties"] = tuple(options["user_property"])
    if properties and connection.version is not None and connection.version < 5:
        raise click.UsageError("properties need MQTT 5.0")
    _run(_publish(connection, topic, payload, options["qos"], options["retain"], properties))


async def _publish(
    connection: _Connection, topic: str, payload: bytes | None, qos: int, retain: bool, properties: dict[str, Any]
) -> None:
    client = await connection.connect()
    try:
        if payload is not None:
            await client.publish(topic, payload, qos, retain, **properties)
            return
        from .lines import read_lines

        under_way: set[asyncio.Task[Any]] = set()
        try:
            async for line in read_lines():
                # tasks begin in the order in which they are made: so do the messages
                under_way.add(asyncio.create_task(client.publish(topic, line, qos, retain, **properties)))
                if len(under_way) >= (UNDER_WAY if qos else 1):
                    done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
            await asyncio.gather(*under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
    finally:
        await client.disconnect()


# -- sub -------------------------------------------------------------------------------------------------------------


@click.command(cls=_Screen, text=_SUB, short_help="Print messages.", context_settings={"help_option_names": ["--help"]})
@click.option("-t", "--topic", "filters", multiple=True)
@click.option("-T", "--filter-out", "without", multiple=True)
@click.option("-q", "--qos", type=_QOS, default=0)
@click.option("-v", "--verbose", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
@click.option("-N", "--no-newline", is_flag=True)
@click.option("-R", "--no-retained", is_flag=True)
@click.option("-C", "--count", type=click.IntRange(1))
@click.option("-W", "--timeout", type=click.FloatRange(0, min_open=True))
@click.option("-c", "--keep-session", is_flag=True)
@click.option("-x", "--session-expiry", type=click.IntRange(0, 0xFFFF_FFFF))
@click.option("--quiet", is_flag=True)
@_connection
def sub(**options: Any) -> None:
    """Print messages."""
    connection = _Connection(options)
    filters = options["filters"] or ((connection.topic,) if connection.topic else ())
    if not filters:
        raise click.UsageError("what? name a topic filter with -t")
    if options["keep_session"] and not options["client_id"]:
        raise click.UsageError("a session that stays needs a name: -i NAME")
    click.get_current_context().exit(_run(_subscribe(connection, tuple(filters), options)))


async def _subscribe(connection: _Connection, filters: tuple[str, ...], options: dict[str, Any]) -> int:
    timeout = options["timeout"]
    try:
        async with asyncio.timeout(timeout):
            await _receive(connection, filters, options)
    except TimeoutError as error:
        if timeout is None or isinstance(error, SocketError):
            raise
        return TIMED_OUT
    return 0


async def _receive(connection: _Connection, filters: tuple[str, ...], options: dict[str, Any]) -> None:
    from . import Disconnected, Refused

    keep = options["keep_session"]
    expiry = options["session_expiry"]
    if expiry is None:
        expiry = 0xFFFF_FFFF if keep else 0
    printer = _Printer(options)
    client = await connection.connect(clean_start=not keep, session_expiry=expiry)
    delay = RETRY[0]
    try:
        await client.subscribe(*filters, qos=options["qos"])
        while True:
            try:
                async for message in client:
                    delay = RETRY[0]
                    if printer.write(message):
                        return
            except Disconnected as error:
                problem: Exception = error
            await client.disconnect()
            while not client.connected:
                if not options["quiet"]:
                    click.echo(f"{problem}; trying again in {delay:g} s", err=True)
                await asyncio.sleep(delay * random.uniform(0.75, 1.25))
                delay = min(RETRY[1], delay * 2)
                try:
                    found = await client.connect()
                    if not found.session_present:
                        await client.subscribe(*filters, qos=options["qos"])
                except Refused:
                    raise
                except (SocketError, Disconnected) as error:
                    problem = error
    finally:
        await client.disconnect()


class _Printer:
    """Writes messages to standard output."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._verbose = options["verbose"]
        self._json = options["as_json"]
        self._end = b"" if options["no_newline"] else b"\n"
        self._no_retained = options["no_retained"]
        self._without = [filter.encode() for filter in options["without"]]
        self._left = options["count"]
        self._out = sys.stdout.buffer

    def write(self, message: Message) -> bool:
        """Print a message that is wanted; whether it was the last one."""
        from ..topics import filter_matches

        topic = message.topic.encode()
        if self._no_retained and message.retain:
            return False
        if any(filter_matches(filter, topic) for filter in self._without):
            return False
        if self._json:
            self._out.write(_as_json(message).encode() + b"\n")
        else:
            self._out.write((topic + b" " if self._verbose else b"") + message.payload + self._end)
        self._out.flush()
        if self._left is not None:
            self._left -= 1
        return self._left == 0


def _as_json(message: Message) -> str:
    try:
        payload: dict[str, Any] = {"payload": message.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_base64": base64.b64encode(message.payload).decode()}
    properties: dict[str, Any] = {
        "expiry": message.expiry,
        "content_type": message.content_type,
        "response_topic": message.response_topic,
        "correlation_data": message.correlation_data.hex() if message.correlation_data is not None else None,
        "user_properties": [list(each) for each in message.user_properties] or None,
    }
    return json.dumps(
        {
            "topic": message.topic,
            **payload,
            "qos": message.qos,
            "retain": message.retain,
            **{name: value for name, value in properties.items() if value is not None},
        },
        ensure_ascii=False,
    )
