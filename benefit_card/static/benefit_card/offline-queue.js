/**
 * Sales made without network wait here until the server has given each its verdict.
 *
 * An entry is signed by a key of this device that cannot be copied, locked with a second one, and on disk before anybody is
 * told "accepted". It leaves only when its verdict is on disk. Sending twice is harmless, so a death at any moment is too.
 */
import { all, change, get, put } from "./till-db.js";
import { b64, canonical, join } from "./signed-docs.js";

export const MOST = 200;
export const LONGEST_MS = 72 * 3_600_000;
export const WARN_MS = 3_600_000;
const BATCH = 50;
const KEPT = 100; // verdicts shown to the merchant
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = 300_000;
const CONTEXT = new TextEncoder().encode("ERB-offline-1\n");
const CURVE = { name: "ECDSA", namedCurve: "P-256" };

export class Queue {
  /** `send(entries)` -> {ok, data} | {ok: false, kind, code}; `now()` milliseconds; `onChange()` after every change */
  constructor({ send, register, now, onChange = () => {} }) {
    Object.assign(this, { send, register, now, onChange, rows: [], pause: FIRST_PAUSE, timer: 0, stuck: "" });
  }

  async open() {
    this.keys = await get("device");
    if (!this.keys) {
      const sign = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
      const lock = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      await change(["keep"], ({ keep }) => { // of two pages at once the first key stays
        keep.get("device").onsuccess = (event) => { if (!event.target.result) keep.put({ name: "device", value: { sign, lock } }); };
      });
      this.keys = await get("device");
    }
    await this.#read();
  }

  async publicKey() { return b64(new Uint8Array(await crypto.subtle.exportKey("raw", this.keys.sign.publicKey))); }

  async #read() {
    this.rows = (await all("queue")).sort((a, b) => a.seq - b.seq);
    this.onChange();
  }

  get length() { return this.rows.length; }

  get oldest() { return this.rows.length ? Math.min(...this.rows.map((row) => row.at)) : null; }

  get full() { return this.length >= MOST || (this.oldest !== null && this.now() - this.oldest > LONGEST_MS); }

  get waitsLong() { return this.oldest !== null && this.now() - this.oldest > WARN_MS; }

  /** Sign, lock and keep a sale; resolves when it is on disk. `show` is what the list on the till displays. */
  async add(entry, show) {
    const seq = await this.#count();
    const said = { ...entry, seq };
    const sealed = await this.#seal({ ...said, signature: await this.#sign(said) });
    const row = { client_id: entry.client_id, seq, at: this.now(), show, sealed };
    await change(["queue"], ({ queue }) => queue.put(row));
    await this.#read();
    return row;
  }

  /** Take a sale back that was not sent yet: it is sent all the same, marked, so that nothing vanishes. */
  async undo(clientId) {
    const row = this.rows.find((candidate) => candidate.client_id === clientId);
    if (!row) return false;
    const { signature: _old, ...said } = await this.#unseal(row.sealed);
    const undone = { ...said, undone: true };
    const sealed = await this.#seal({ ...undone, signature: await this.#sign(undone) });
    await change(["queue"], ({ queue }) => queue.put({ ...row, undone: true, sealed }));
    await this.#read();
    return true;
  }

  #count() {
    return change(["keep"], ({ keep }) => {
      const box = { value: 0 };
      keep.get("seq").onsuccess = (event) => {
        box.value = (event.target.result?.value ?? 0) + 1;
        keep.put({ name: "seq", value: box.value });
      };
      return box;
    }).then((box) => box.value);
  }

  async #sign(said) {
    const message = join(CONTEXT, canonical(said));
    return b64(new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, this.keys.sign.privateKey, message)));
  }

  async #seal(entry) {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.keys.lock, new TextEncoder().encode(JSON.stringify(entry)));
    return { iv, data };
  }

  async #unseal({ iv, data }) {
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.keys.lock, data)));
  }

  /** Send what waits, oldest first, 50 at a time; one page at a time. Tries again by itself, later and later. */
  flush() {
    clearTimeout(this.timer);
    this.running ??= this.#alone(() => this.#flush()).catch(() => { this.stuck = "error"; }).finally(() => {
      this.running = null;
      if (this.length && this.stuck !== "revoked") this.timer = setTimeout(() => this.flush(), this.#later());
      this.onChange();
    });
    return this.running;
  }

  #alone(job) { return navigator.locks ? navigator.locks.request("erb-till-flush", job) : job(); }

  #later() {
    const pause = this.pause;
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    return pause * (0.75 + Math.random() / 2);
  }

  async #flush() {
    await this.#read();
    while (this.rows.length) {
      const batch = this.rows.slice(0, BATCH);
      const answer = await this.send(await Promise.all(batch.map((row) => this.#unseal(row.sealed))));
      if (answer.code === "device_key_missing" && (await this.register())) continue;
      if (!answer.ok) { this.stuck = answer.kind === "refused" ? answer.code : answer.kind; return; }
      if (!(await this.#settle(batch, answer.data.results))) { this.stuck = "unanswered"; return; }
      this.pause = FIRST_PAUSE;
      this.stuck = "";
    }
  }

  /** Move answered rows to what was sent, in one transaction; rows that changed meanwhile (undone) stay and go again. */
  async #settle(batch, results) {
    const verdicts = new Map(results.map((result) => [result.client_id, result]));
    const done = batch.filter((row) => verdicts.has(row.client_id));
    const current = new Map((await all("queue")).map((row) => [row.client_id, row]));
    await change(["queue", "sent"], ({ queue, sent }) => {
      for (const row of done) {
        const { verdict, first, code, title } = verdicts.get(row.client_id);
        if (Boolean(current.get(row.client_id)?.undone) === Boolean(row.undone)) queue.delete(row.client_id);
        sent.put({ client_id: row.client_id, seq: row.seq, at: row.at, show: row.show, undone: row.undone, verdict, first, code, title });
      }
    });
    await this.#read();
    return done.length > 0;
  }

  async sent() {
    const rows = (await all("sent")).sort((a, b) => b.seq - a.seq);
    if (rows.length > KEPT) await change(["sent"], ({ sent }) => { for (const row of rows.slice(KEPT)) sent.delete(row.client_id); });
    return rows.slice(0, KEPT);
  }

  /** Everything that waits, signed, as a file for ERB: the way out when a till can no longer send. */
  async file(place) {
    const entries = await Promise.all(this.rows.map((row) => this.#unseal(row.sealed)));
    const document = { format: "erb-offline-1", ...place, public_key: await this.publicKey(), entries };
    return new Blob([JSON.stringify(document, null, 1)], { type: "application/json" });
  }
}

/** Ask the browser not to throw the queue away; it agrees more readily once the till is on the home screen. */
export const persist = () => navigator.storage?.persist?.().catch(() => false);
export { get, put };
