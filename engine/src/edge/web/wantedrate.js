// The rate that a visitor wants, until everybody has it. Of all that a slider goes through, the last one is asked for. The node may be
// busy, or somebody may just have changed the rate: then it is asked again, each time after a longer pause. Any other refusal stands.

/** From the first move of the slider to the question. */
const ASK_MS = 120;
const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 2_000;
/** After nine seconds, who still had no turn is told. */
const AGAIN_MAX = 7;
const PASSING = ["too_fast", "busy"];
/** For so long the frames that tell of it are on their way. */
const SETTLE_MS = 300;

export class WantedRate {
  value = null; // what is wanted, unless it is what there is
  #isAsking = false;

  /** `ask(value)` resolves when it is done, and rejects with the `code` of a refusal; `done()` and `refused(error)` hear what it came to. */
  constructor({ ask, done, refused, setTimeout = (...timer) => globalThis.setTimeout(...timer) }) {
    Object.assign(this, { ask, done, refused, setTimeout });
  }

  want(value) {
    this.value = value;
    if (!this.#isAsking) this.#run();
  }

  async #run() {
    this.#isAsking = true;
    await this.#pause(ASK_MS);
    let asked;
    do asked = await this.#askUntilAnswered();
    while (asked !== this.value);
    this.#isAsking = false;
    await this.#pause(SETTLE_MS);
    if (!this.#isAsking && this.value === asked) this.value = null;
  }

  /** The value that the answer is for: the slider may have moved meanwhile. */
  async #askUntilAnswered() {
    let pause = AGAIN_MS_MIN;
    for (let again = 0; ; again += 1) {
      const { value } = this;
      const error = await this.ask(value).then(() => null, (error) => error);
      if (!error || again === AGAIN_MAX || !PASSING.includes(error.code)) {
        if (error) this.refused(error);
        else this.done();
        return value;
      }
      await this.#pause(pause);
      pause = Math.min(2 * pause, AGAIN_MS_MAX);
    }
  }

  #pause(ms) {
    return new Promise((resolve) => this.setTimeout(resolve, ms));
  }
}
