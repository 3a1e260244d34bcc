"""A mail server as a Socket Worker: SMTP, LMTP and POP3 on durable mailboxes."""

from __future__ import annotations

from socketworkers import App, Context, Env, ListenerSpec, Socket

from . import replies
from .admin import METHODS
from .config import SmtpConfig, check, exposure_check, try_command
from .mailbox import Mailbox
from .queue import MailQueue

__all__ = ["SmtpConfig", "app"]

app = App(
    "smtp",
    port=2525,
    objects={"QUEUE": MailQueue, "MAILBOX": Mailbox},
    config=SmtpConfig,
    title="Mail server",
    refusal=replies.TOO_MANY_CONNECTIONS.wire,
    listeners=(
        ListenerSpec("tls", "smtps", "tls_port", "Submission, TLS", "implicit", ("smtp",)),
        ListenerSpec("lmtp", "lmtp", "lmtp_port", "LMTP", "starttls"),
        ListenerSpec("pop3", "pop3", "pop3_port", "POP3", "starttls"),
        ListenerSpec("pop3s", "pop3s", "pop3s_port", "POP3, TLS", "implicit", ("pop3",)),
    ),
)
app.check = check
app.exposure_check = exposure_check
app.try_command = try_command


@app.on_start
async def _start(env: Env) -> None:
    from .mail import Mail

    mail = Mail(env)
    env.mail = mail  # sessions, the queue and the commands find it there
    await mail.start()


@app.connect
async def _connect(socket: Socket, env: Env, ctx: Context) -> None:
    if ctx.listener.scheme.startswith("pop3"):
        from .pop3_worker import serve_pop3

        await serve_pop3(socket, env, ctx)
    else:
        from .worker import serve_smtp

        await serve_smtp(socket, env, ctx)


for _name, _method in METHODS.items():
    app.control(_name)(_method)
