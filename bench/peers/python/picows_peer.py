"""picows on uvloop: frames as they come, no pings. Fragments are passed on one by one, as its interface has them."""

import options
import uvloop
from picows import WSListener, WSMsgType, ws_create_server

DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
connections = set()


class Echo(WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type in DATA:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


class PassOn(WSListener):
    def on_ws_connected(self, transport):
        connections.add(transport)

    def on_ws_disconnected(self, transport):
        connections.discard(transport)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type in DATA:
            payload = frame.get_payload_as_bytes()
            for other in connections:
                other.send(frame.msg_type, payload)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()


async def main():
    host, port, is_echo = options.parse()
    listener = Echo if is_echo else PassOn
    server = await ws_create_server(
        lambda _: listener(), host, port, max_frame_size=options.MESSAGE_BYTES_MAX, backlog=4096
    )
    print(f"listening on {host}:{port}", flush=True)
    await server.serve_forever()


uvloop.run(main())
