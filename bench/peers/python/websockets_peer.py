"""Python's websockets on uvloop, without compression and pings; its own broadcast()."""

import asyncio

import options
import uvloop
from websockets.asyncio.server import broadcast, serve

connections = set()


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def pass_on(socket):
    connections.add(socket)
    try:
        async for message in socket:
            broadcast(connections, message)
    finally:
        connections.discard(socket)


async def main():
    host, port, is_echo = options.parse()
    settings = {"compression": None, "ping_interval": None, "max_size": options.MESSAGE_BYTES_MAX, "backlog": 4096}
    async with serve(echo if is_echo else pass_on, host, port, **settings) as server:
        print(f"listening on {host}:{port}", flush=True)
        await server.serve_forever()


uvloop.run(main())
