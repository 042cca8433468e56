"""The command line of a peer: --listen=ADDR --mode=echo|broadcast."""

import argparse

MESSAGE_BYTES_MAX = 16 * 1024 * 1024


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--mode", choices=["echo", "broadcast"], required=True)
    given = parser.parse_args()
    host, port = given.listen.split(":")
    return host, int(port), given.mode == "echo"
