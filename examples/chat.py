"""A chat room is a Durable Object: it owns its members' sockets and keeps what was said.

Run: run-app examples/chat.py; in two terminals: nc 127.0.0.1 7000. The first line is the room, the second one a name.
"""

from socketworkers import App, Context, DurableObject, Env, Socket, Writer

LINE = 1000
KEPT = 20


class Room(DurableObject):
    migrations = ("CREATE TABLE said (number INTEGER PRIMARY KEY, line TEXT NOT NULL)",)

    async def start(self) -> None:
        """Nobody is here when the object wakes up."""
        self.members: dict[str, Writer] = {}

    async def connect(self, socket: Socket) -> None:
        """One member, from its name to its end."""
        reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
        name = (await reader.read_line(limit=LINE)).decode("utf-8", "replace").strip()[:30]
        if not name or not name.isprintable() or name in self.members:
            await writer.write(b"! choose another name\n")
            return
        for (line,) in self.ctx.storage.sql.execute("SELECT line FROM said ORDER BY number DESC LIMIT ?", (KEPT,))[
            ::-1
        ]:
            writer.write(f"{line}\n".encode())
        self.members[name] = writer
        try:
            self.say(f"* {name} is here")
            while line := await reader.read_line(limit=LINE):
                text = line.decode("utf-8", "replace").rstrip()
                self.say(f"<{name}> {''.join(each for each in text if each.isprintable())}")
        finally:
            del self.members[name]
            self.say(f"* {name} has left")

    def say(self, line: str) -> None:
        """Keep a line and send it to all: it leaves once it is on disk; who does not read is let go."""
        storage = self.ctx.storage.sql
        storage.execute("INSERT INTO said (line) VALUES (?)", (line,))
        storage.execute("DELETE FROM said WHERE number <= (SELECT max(number) FROM said) - ?", (KEPT,))
        for writer in self.members.values():
            writer.write(f"{line}\n".encode())


app = App("chat", port=7000, title="Chat", objects={"ROOM": Room})


@app.connect
async def chat(socket: Socket, env: Env, ctx: Context) -> None:
    with socket.readable.get_reader() as reader:
        room = (await reader.read_line(limit=LINE)).decode("utf-8", "replace").strip()[:60]
    if room:
        await env.ROOM.get(room).connect(socket)
