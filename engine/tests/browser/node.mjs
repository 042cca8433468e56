// Nodes of a test's own: for an admin interface, and to be stopped and started again on the same port.

import { spawn } from "node:child_process";
import { once } from "node:events";

const STOP_MS_MAX = 15_000;

/** A node on loopback. `await start()` starts it, again on the ports that it had; `await stop()` ends it. */
export class Node {
  ports = { listen: 0, "admin-listen": 0 };

  constructor(...options) {
    this.options = options;
  }

  get url() {
    return `http://127.0.0.1:${this.ports.listen}`;
  }

  get admin() {
    return `http://127.0.0.1:${this.ports["admin-listen"]}`;
  }

  async start() {
    const program = process.env.RINGWIRE_PROGRAM;
    if (!program) throw new Error("RINGWIRE_PROGRAM is not set: give the path of `ringwire`, for example target/debug/ringwire");
    const ports = Object.entries(this.ports).map(([name, port]) => `--${name}=127.0.0.1:${port}`);
    const options = ["serve", ...ports, "--shards=2", "--pin=none", "--shutdown-grace=1s", ...this.options];
    this.process = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = once(this.process, "exit");
    await this.#listens();
    return this;
  }

  async #listens() {
    let said = "";
    const port = (words) => Number(said.match(new RegExp(`${words}127\\.0\\.0\\.1:(\\d+)`))?.[1] ?? 0);
    const listening = new Promise((resolve) => {
      for (const stream of [this.process.stdout, this.process.stderr]) {
        stream.on("data", (data) => {
          said += data;
          if (port("listening on ")) resolve(true);
        });
      }
    });
    if (!await Promise.race([listening, this.ended.then(() => false)])) throw new Error(`no node:\n${said}`);
    this.ports = { listen: port("listening on "), "admin-listen": port("admin interface at http://") };
  }

  /** As a crash ends it. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGTERM");
    const late = setTimeout(() => this.process.kill("SIGKILL"), STOP_MS_MAX);
    await this.ended;
    clearTimeout(late);
  }
}
