"""Drives running servers with Python's websockets, as an application would.

    RINGWIRE_URL=ws://ADDR RINGWIRE_ROUTES_URL=ws://ADDR python3 run.py

The first is `ringwire serve`, the second the example `routes`. When all else is done it prints `waiting` and expects the
first to be shut down. Prints a line for each check, at the end `N passed, N failed`; exits 1 if one failed.
"""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request

from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

NODE = os.environ["RINGWIRE_URL"]
ROUTES = os.environ["RINGWIRE_ROUTES_URL"]
TIMEOUT = 20


def connect(url, **options):
    return websocket(url, compression=None, max_size=None, proxy=None, open_timeout=TIMEOUT, **options)


async def echoed(socket, data):
    await socket.send(data)
    back = await socket.recv()
    assert type(back) is type(data) and back == data, f"{len(back)} came back changed, {len(data)} went out"


async def closed(socket):
    """Waits for the end of the connection; the server's code and reason."""
    try:
        while True:
            await socket.recv()
    except ConnectionClosed as end:
        assert end.rcvd is not None, "no close frame from the server"
        return end.rcvd.code, end.rcvd.reason


async def refusal(url, **options):
    """The status with which a handshake is refused."""
    try:
        async with connect(url, **options):
            return "accepted"
    except InvalidStatus as refused:
        return refused.response.status_code


def get(url):
    """Status and headers of a plain GET."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open("http" + url.removeprefix("ws"), timeout=TIMEOUT) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as response:
        return response.code, response.headers


async def text_unicode_and_empty():
    async with connect(NODE + "/ws") as socket:
        for text in ["hello", "", "Grüße, 世界 🌍 \U0010ffff", "\0"]:
            await echoed(socket, text)


async def binary_of_every_boundary_length():
    async with connect(NODE + "/ws") as socket:
        for length in [0, 1, 125, 126, 127, 4096, 65535, 65536, 200_000]:
            await echoed(socket, bytes([length % 251]) * length)


async def one_mebibyte_both_ways():
    async with connect(NODE + "/ws") as socket:
        await echoed(socket, "é" * (512 * 1024))
        await echoed(socket, bytes(range(256)) * 4096)


async def fragments_with_a_ping_between():
    async with connect(NODE + "/ws") as socket:
        async def parts():
            yield "frag"
            await (await socket.ping("between"))
            yield "ments"
        await socket.send(parts())
        assert await socket.recv() == "fragments"


async def a_thousand_at_once_in_order():
    async with connect(NODE + "/ws") as socket:
        for number in range(1000):
            await socket.send(f"message {number}")
        for number in range(1000):
            assert await socket.recv() == f"message {number}"


async def close_from_the_client():
    async with connect(NODE + "/ws") as socket:
        await socket.close(4001, "genug für heute")
        assert (socket.close_code, socket.close_reason) == (4001, "genug für heute"), socket.close_code


async def close_from_the_server():
    async with connect(ROUTES + "/echo") as socket:
        await socket.send("bye 4321 bis später")
        assert await closed(socket) == (4321, "bis später")


async def not_utf8_is_1007():
    async with connect(NODE + "/ws") as socket:
        await socket.send(b"a\xff", text=True)
        assert (await closed(socket))[0] == 1007


async def above_the_limit_is_1009():
    async with connect(NODE + "/ws") as socket:
        await socket.send(bytes(1024 * 1024 + 1))
        assert (await closed(socket))[0] == 1009


async def subprotocol_is_the_servers_choice():
    for offered, chosen in [(["v1.example"], "v1.example"), (["other", "v1.example", "v2.example"], "v2.example")]:
        async with connect(ROUTES + "/versions", subprotocols=offered) as socket:
            assert socket.subprotocol == chosen, socket.subprotocol
            assert await socket.recv() == f"speaking {chosen}"
    async with connect(ROUTES + "/versions", subprotocols=["other"]) as socket:
        assert socket.subprotocol is None, socket.subprotocol


async def a_hundred_connections_at_once():
    async def one(index):
        async with connect(NODE + "/ws") as socket:
            for turn in range(10):
                await echoed(socket, f"connection {index}, round {turn}")
    await asyncio.gather(*(one(index) for index in range(100)))


async def a_topic_of_its_own_resumes():
    topic = NODE + "/topics/kept.python.raw"
    async with connect(topic) as reader, connect(topic) as writer:
        for data in ["one", b"\0\xff"]:
            await writer.send(data)
            assert await reader.recv() == data
    async with connect(topic) as writer:
        await writer.send("missed")
        await writer.recv()
    async with connect(topic + "?since=0") as reader:
        assert [await reader.recv() for _ in range(3)] == ["one", b"\0\xff", "missed"]


async def ringwire_v1_subscribes_publishes_and_resumes():
    async def ask(socket, **request):
        await socket.send(json.dumps(request))
        return json.loads(await socket.recv())

    async with connect(NODE + "/connect", subprotocols=["ringwire.v1"]) as socket:
        assert socket.subprotocol == "ringwire.v1"
        begin = await ask(socket, op="subscribe", id=1, topic="kept.python.v1")
        assert begin["event"] == "ok" and begin["replayed"] == 0, begin
        await socket.send(json.dumps({"op": "publish", "id": 2, "topic": "kept.python.v1", "data": "Grüße"}))
        heard = [json.loads(await socket.recv()) for _ in range(2)]
        answer, message = sorted(heard, key=lambda one: one["event"] != "ok")
        assert message["data"] == "Grüße" and message["position"] == answer["position"], heard
        refused = await ask(socket, op="publish", id=3, topic="kept.*", data="x")
        assert refused["event"] == "error" and refused["code"] == "bad_topic", refused
    async with connect(NODE + "/connect", subprotocols=["ringwire.v1"]) as socket:
        again = await ask(socket, op="subscribe", id=1, topic="kept.python.v1", after=begin["position"])
        assert again["replayed"] == 1 and not again.get("gap"), again
        assert json.loads(await socket.recv())["data"] == "Grüße"


async def forbidden_is_403():
    assert await refusal(ROUTES + "/members", origin="https://elsewhere.example") == 403
    assert await refusal(ROUTES + "/members", origin="https://members.example") == "accepted"


async def unknown_is_404():
    assert await refusal(NODE + "/nowhere") == 404
    assert (await asyncio.to_thread(get, NODE + "/nowhere"))[0] == 404


async def plain_get_is_426():
    status, headers = await asyncio.to_thread(get, NODE + "/ws")
    assert status == 426 and headers["Sec-WebSocket-Version"] == "13", (status, headers.items())


async def shutdown_is_1001():
    async with connect(NODE + "/ws") as socket:
        print("waiting", flush=True)
        assert (await closed(socket))[0] == 1001


CHECKS = [
    text_unicode_and_empty, binary_of_every_boundary_length, one_mebibyte_both_ways, fragments_with_a_ping_between,
    a_thousand_at_once_in_order, close_from_the_client, close_from_the_server, not_utf8_is_1007, above_the_limit_is_1009,
    subprotocol_is_the_servers_choice, a_hundred_connections_at_once, a_topic_of_its_own_resumes,
    ringwire_v1_subscribes_publishes_and_resumes, forbidden_is_403, unknown_is_404, plain_get_is_426,
    shutdown_is_1001,
]


async def main():
    failed = 0
    for check in CHECKS:
        try:
            await asyncio.wait_for(check(), 2 * TIMEOUT)
            print("ok", check.__name__, flush=True)
        except Exception as error:
            failed += 1
            print("not ok", check.__name__, "\n  ", repr(error), flush=True)
    print(f"{len(CHECKS) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
