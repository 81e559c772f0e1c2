"""Alice: calls bob with an SDP offer from standard input, checks his answer, sends a message, hangs up."""

import asyncio
import json
import sys

import websockets


async def main(url: str) -> None:
    offer = sys.stdin.read()
    async with websockets.connect(f"{url}?userid=alice@example.com") as socket:
        base = {"Request-URI": "bob@example.com", "From": "alice@example.com", "To": "bob@example.com", "DialogueID": "py-1"}

        async def send(**headers):
            await socket.send(json.dumps({**base, **headers}))

        async def receive():
            return json.loads(await asyncio.wait_for(socket.recv(), 30))

        await send(Type="INVITE", CSeq=1, Body=offer, **{"Content-Type": "application/sdp"})
        assert (await receive())["Code"] == 180
        ok = await receive()
        assert ok["Code"] == 200, ok
        assert ok["Body"] == {"type": "answer", "sdp": offer[::-1]}, "the answer's body came through unchanged"
        await send(Type="ACK", CSeq=2, RelatedID=1)
        await send(Type="MESSAGE", CSeq=3, Body="päivää 👋")
        assert (await receive())["Code"] == 200
        await send(Type="BYE", CSeq=4)
        assert (await receive())["Code"] == 200
        print("alice is content")


asyncio.run(main(sys.argv[1]))
