"""The client in Python: what any user agent does so that nothing is lost, with `websockets` and JSON alone.

It keeps what nobody has confirmed and sends it again, unchanged and in its order, on each new socket: requests without a
final response, a 2xx to an INVITE until its ACK, an ACK until a later request of its call is answered. What it has seen
before, by DialogueID and CSeq, it answers as before and does not apply again.

Standard input and output are described in `src/plan.rs`.
"""

import asyncio
import json
import logging
import random
import sys
import time

import websockets

SILENCE, LONGEST_PAUSE, LAST, QUIET = 2.5, 0.8, 20.0, 0.5
NOTE = "päivää 👋"


def encode(message):
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def response(request, code):
    same = {name: request[name] for name in ("From", "To", "DialogueID", "CSeq")}
    return encode({"Type": "RESPONSE", "Code": code, **same})


def body(ident, size, **more):
    return {"id": ident, "size": size, "note": NOTE, "fill": "x" * size, **more}


def fill(number):
    """How long a body is: mostly short, some of them tens of kilobytes."""
    spread = (number * 2_654_435_761) >> 7
    return spread % 30_000 if number % 50 == 0 else spread % 4_000 if number % 8 == 0 else spread % 300


class Agent:
    """JSON in, JSON out: no socket and no clock."""

    def __init__(self, name, plan):
        self.name, self.plan = name, plan
        own = plan["everybody"].index(name)
        self.peers = [user for user in plan["everybody"][own:] + plan["everybody"][:own] if user != name]
        self.total = plan["messages"] + plan["calls"]
        self.started = self.open = 0
        # What is sent again on each new socket, in order: key -> (text, type of a request, id).
        self.unconfirmed = {}
        # (DialogueID, CSeq) -> our answers, our final responses, the ACKs we sent.
        self.heard, self.finals, self.acks = {}, {}, {}
        # Calls that are not over, by dialog.
        self.calls = {}
        self.report = {
            "name": name, "sent": [], "answers": [], "applied": [], "calls": {}, "rung": {}, "taken": [],
            "damaged": 0, "reconnects": 0, "resent": 0, "absorbed": 0, "replaced": 0,
        }

    def is_done(self):
        return self.started == self.total and not self.unconfirmed and not self.calls

    def connected(self, again):
        if again and not self.plan["resend"]:
            self.unconfirmed.clear()
            self.open = 0
        if again:
            self.report["resent"] += len(self.unconfirmed)
        return [text for text, _, _ in self.unconfirmed.values()]

    def start_more(self):
        out = []
        every = self.total // max(self.plan["calls"], 1)
        while self.started < self.total and self.open < self.plan["window"]:
            self.started += 1
            self.open += 1
            number = self.started
            peer = self.peers[number % len(self.peers)]
            if self.plan["calls"] and number % every == 0 and number // every <= self.plan["calls"]:
                ident, dialog, callee_hangs_up = f"{self.name}/c{number}", f"c{number}", number % 2 == 0
                self.report["calls"][ident] = "calling"
                self.calls[dialog] = {"id": ident, "peer": peer, "caller": True, "callee_hangs_up": callee_hangs_up}
                offer = body(ident, 1_500, callee_hangs_up=callee_hangs_up)
                out.append(self.request("INVITE", peer, dialog, 1, ident, offer))
            else:
                ident = f"{self.name}/m{number}"
                self.report["sent"].append([ident, peer])
                out.append(self.request("MESSAGE", peer, f"m{number}", 1, ident, body(ident, fill(number))))
        return out

    def request(self, method, to, dialog, cseq, ident, content):
        text = encode({
            "Type": method, "Request-URI": to, "From": self.name, "To": to, "DialogueID": dialog, "CSeq": cseq, "Body": content,
        })
        self.unconfirmed["response", dialog, cseq] = (text, method, ident)
        return text

    def receive(self, text):
        """A frame came: what to send for it."""
        try:
            message = json.loads(text)
            key = (message["DialogueID"], message["CSeq"])
        except (ValueError, KeyError):
            self.report["damaged"] += 1
            return []
        if message["Type"] == "RESPONSE":
            return self.on_response(key, message)
        if key in self.heard and (self.plan["absorb"] or message["Type"] != "MESSAGE"):
            self.report["absorbed"] += 1
            return self.heard[key]
        out = self.on_request(message)
        self.heard[key] = [text for text in out if '"RESPONSE"' in text]
        return out

    def on_request(self, message):
        kind, dialog, content = message["Type"], message["DialogueID"], message.get("Body") or {}
        if kind in ("MESSAGE", "INFO"):
            whole = content.get("size") == len(content.get("fill", "")) and content.get("note") == NOTE
            self.report["damaged"] += not whole
            self.report["applied"].append(content.get("id"))
        elif kind == "INVITE":
            ident = content["id"]
            self.report["taken"].append(ident)
            self.report["rung"][ident] = "answered"
            hangs_up = content["callee_hangs_up"]
            self.calls[dialog] = {"id": ident, "peer": message["From"], "caller": False, "callee_hangs_up": hangs_up}
            ok = response(message, 200)
            self.unconfirmed["ack", dialog] = (ok, None, ident)
            return [response(message, 180), ok]
        elif kind == "ACK":
            self.unconfirmed.pop(("ack", dialog), None)
            call = self.calls.get(dialog)
            return [self.bye(dialog, 1)] if call and call["callee_hangs_up"] else []
        elif kind == "BYE":
            self.end_call(dialog)
        else:
            return [response(message, 501)]
        return [response(message, 200)]

    def on_response(self, key, message):
        code, dialog = message["Code"], key[0]
        if code < 200:
            return []
        done = self.unconfirmed.pop(("response", *key), None)
        if done is None:
            # Once more: the ACK of a 2xx goes out again.
            ident, first = self.finals.get(key, (None, code))
            if first != code:
                self.report["answers"].append([ident, code])
            return [self.acks[key]] if key in self.acks else []
        _, method, ident = done
        self.finals[key] = (ident, code)
        self.report["answers"].append([ident, code])
        if method in ("MESSAGE", "INVITE"):
            self.open -= 1
        if method == "INVITE":
            return self.on_answer(key, ident, code)
        if method == "INFO":
            self.unconfirmed.pop(("later", dialog), None)
            return [self.bye(dialog, 4)] if dialog in self.calls else []
        if method == "BYE":
            self.end_call(dialog)
        return []

    def on_answer(self, key, ident, code):
        """The INVITE's final response: ACK, and an INFO in the call unless the callee is about to hang up."""
        dialog, cseq = key
        call = self.calls.get(dialog)
        if call is None:
            return []
        peer = call["peer"]
        ack = encode({
            "Type": "ACK", "Request-URI": peer, "From": self.name, "To": peer, "DialogueID": dialog, "CSeq": 2, "RelatedID": cseq,
        })
        if code >= 300:
            del self.calls[dialog]
            self.report["calls"][ident] = str(code)
            return [ack]
        self.acks[key] = ack
        self.unconfirmed["later", dialog] = (ack, None, ident)
        if call["callee_hangs_up"]:
            return [ack]
        info = f"{ident}/i"
        self.report["sent"].append([info, peer])
        return [ack, self.request("INFO", peer, dialog, 3, info, body(info, 20))]

    def bye(self, dialog, cseq):
        call = self.calls[dialog]
        return self.request("BYE", call["peer"], dialog, cseq, f"{call['id']}/b", None)

    def end_call(self, dialog):
        call = self.calls.pop(dialog, None)
        if call is not None:
            self.unconfirmed.pop(("ack", dialog), None)
            self.unconfirmed.pop(("later", dialog), None)
            self.report["calls" if call["caller"] else "rung"][call["id"]] = "ended"

    def final_report(self):
        for call in self.calls.values():
            self.report["calls" if call["caller"] else "rung"][call["id"]] = "up"
        return self.report


class User:
    """An agent and its sockets, of which the latest carries what it sends."""

    def __init__(self, name, plan):
        self.agent = Agent(name, plan)
        self.url = f"{plan['url']}?userid={name}"
        self.move_every, self.moves = plan["move_every"], 0
        self.chance = random.Random(f"{plan['seed']}/{name}")
        self.sockets, self.opens, self.failures = 0, 0, 0
        self.playing = self.leaving = False
        self.queue, self.is_open, self.reconnect_at = None, False, None
        self.heard = time.monotonic()
        self.tasks = set()

    def connect(self):
        self.sockets += 1
        self.is_open, self.reconnect_at, self.heard = False, None, time.monotonic()
        if self.queue is not None:
            self.queue.put_nowait(None)
        self.queue = asyncio.Queue()
        task = asyncio.create_task(self.carry(self.sockets, self.queue))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def carry(self, number, queue):
        """One socket from its handshake to its end."""
        code, writer = None, None
        try:
            socket = await websockets.connect(self.url, open_timeout=3, close_timeout=2)
            writer = asyncio.create_task(self.write(socket, queue))
            if number == self.sockets:
                self.opened()
            async for text in socket:
                # Whatever comes counts, on an older socket as well.
                self.heard = time.monotonic()
                self.send(self.agent.receive(text))
                self.more()
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
        except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake, EOFError):
            pass
        finally:
            if writer is not None:
                writer.cancel()
        self.agent.report["replaced"] += code == 4001
        if number == self.sockets:
            self.is_open, self.queue = False, None
            self.failures += 1
            longest = min(LONGEST_PAUSE, 0.025 * 2 ** min(self.failures, 6))
            if not self.leaving:
                self.reconnect_at = time.monotonic() + longest * self.chance.random()

    async def write(self, socket, queue):
        try:
            while (text := await queue.get()) is not None:
                if text == "close":
                    await socket.close()
                    return
                await socket.send(text)
        except websockets.ConnectionClosed:
            pass

    def opened(self):
        self.is_open, self.failures, self.heard = True, 0, time.monotonic()
        self.opens += 1
        self.agent.report["reconnects"] += self.opens > 1
        self.send(self.agent.connected(self.opens > 1))
        self.more()

    def more(self):
        if self.is_open and self.playing:
            self.send(self.agent.start_more())

    def send(self, texts):
        # Before the socket is open nothing is sent: it begins with everything that is unconfirmed.
        if self.is_open:
            for text in texts:
                self.queue.put_nowait(text)

    def tick(self):
        now = time.monotonic()
        if self.reconnect_at is not None and self.reconnect_at <= now:
            self.connect()
        silent = self.is_open and self.agent.unconfirmed and now - self.heard > SILENCE
        answered = len(self.agent.report["answers"])
        moves = self.move_every and answered > (self.moves + 1) * self.move_every and self.is_open
        if silent or moves:
            self.moves += bool(moves)
            self.connect()

    async def finish(self):
        """Waits until all is quiet, and closes with 1000."""
        end = time.monotonic() + LAST
        while time.monotonic() < end and (not self.is_open or time.monotonic() - self.heard < QUIET):
            await asyncio.sleep(0.05)
        self.playing, self.leaving = False, True
        if self.is_open:
            self.queue.put_nowait("close")
        while time.monotonic() < end and self.is_open:
            await asyncio.sleep(0.05)
        return self.agent.final_report()


def say(line):
    print(encode(line), flush=True)


async def ticks(users):
    while True:
        for user in users:
            user.tick()
        await asyncio.sleep(0.05)


# Both complain of each connection that ends under them: here that is every cut.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def main():
    loop = asyncio.get_running_loop()
    plan = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    users = [User(name, plan) for name in plan["users"]]
    for user in users:
        user.connect()
    ticking = asyncio.create_task(ticks(users))
    ready = done = False
    line = loop.run_in_executor(None, sys.stdin.readline)
    while True:
        await asyncio.wait([line], timeout=0.25)
        if line.done():
            # The end of the input stops as well: whoever started this process is gone.
            if line.result() != "go\n":
                break
            line = loop.run_in_executor(None, sys.stdin.readline)
            for user in users:
                user.playing = True
                user.more()
        if not ready and all(user.opens for user in users):
            ready = True
            say({"ready": True})
        say({"answered": sum(len(user.agent.report["answers"]) for user in users)})
        if not done and all(user.agent.is_done() for user in users):
            done = True
            say({"done": True})
    reports = await asyncio.gather(*(user.finish() for user in users))
    ticking.cancel()
    say({"report": reports})


asyncio.run(main())
