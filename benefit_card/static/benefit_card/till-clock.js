/**
 * The till's time: the server's at the last answer, carried on by a clock nobody can set.
 *
 * A device that slept has a monotonic clock that slept too, so after the page was hidden the wall clock carries on, shifted
 * as it was at the last answer. More than five minutes off the server: the banner, and nothing without network.
 */
const KEPT = "erb.till.clock";
const LIMIT_MS = 5 * 60_000;

export class Clock {
  constructor(store) {
    this.store = store;
    const kept = store.get(KEPT);
    this.shift = kept?.shift ?? 0;
    this.backwards = Boolean(kept && Date.now() < kept.wall - LIMIT_MS);
    this.#anchor(Date.now() + this.shift);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#anchor(Date.now() + this.shift); });
  }

  #anchor(server) {
    this.server = server;
    this.mark = performance.now();
  }

  /** An answer of the server came, with its time in milliseconds. */
  contact(server) {
    this.shift = server - Date.now();
    this.backwards = false;
    this.#anchor(server);
    this.store.set(KEPT, { shift: this.shift, wall: Date.now() });
  }

  now() { return this.server + (performance.now() - this.mark); }

  get wrong() { return this.backwards || Math.abs(this.now() - Date.now()) > LIMIT_MS; }
}
