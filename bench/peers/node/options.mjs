// The command line of a peer: --listen=ADDR --mode=echo|broadcast.

/** @returns {{ hostname: string, port: number, isEcho: boolean }} */
export function options(words) {
  const given = new Map(words.map((word) => word.split("=")));
  const [hostname, port] = (given.get("--listen") ?? "").split(":");
  const mode = given.get("--mode");
  if (!port || !["echo", "broadcast"].includes(mode)) throw new Error("usage: --listen=ADDR:PORT --mode=echo|broadcast");
  return { hostname, port: Number(port), isEcho: mode === "echo" };
}

/** Frames and messages of up to 16 MiB. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
