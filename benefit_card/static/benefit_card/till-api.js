/**
 * The till's conversation with the server. Every answer is one of:
 *   {ok: true, data}                                  accepted
 *   {ok: false, kind: "refused", code, sentence}      the server said no, and says why
 *   {ok: false, kind: "revoked"}                      this till is no longer paired
 *   {ok: false, kind: "network"}                      no answer: nobody knows yet; ask again with the same body
 */
const TOKEN = "erb.till.token";
const PLACE = "erb.till.place";
const PENDING = "erb.till.pending";
const TIMEOUT_MS = 10_000;
const LOOK_MS = 4_000; // a customer waits; without network the till decides alone
const DOWN_MS = 20_000; // after a silence, so long without asking again

export const store = {
  get: (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* private window */ } },
  drop: (key) => { try { localStorage.removeItem(key); } catch { /* private window */ } },
};

export class TillApi {
  /** `onAnswer(milliseconds)` hears the server's time, `onSilence()` that it did not answer. */
  constructor(urls, { onAnswer = () => {}, onSilence = () => {} } = {}) {
    Object.assign(this, { urls, onAnswer, onSilence, silentAt: -Infinity });
    this.token = store.get(TOKEN) ?? "";
    this.place = store.get(PLACE) ?? null;
  }

  get paired() { return Boolean(this.token); }

  async pair(code) {
    const answer = await this.#send("POST", this.urls.pair, { code }, { signed: false });
    if (!answer.ok) return answer;
    this.token = answer.data.token;
    this.place = { shop: answer.data.shop, merchant: answer.data.merchant, till: answer.data.till };
    store.set(TOKEN, this.token);
    store.set(PLACE, this.place);
    return answer;
  }

  /** Everything this device knew is gone: the next person with it in hand learns nothing. */
  forget() {
    this.token = "";
    this.place = null;
    for (const key of [TOKEN, PLACE, PENDING]) store.drop(key);
  }

  /** No network as far as anybody knows: asking again now would only keep the customer waiting. */
  get down() { return navigator.onLine === false || performance.now() - this.silentAt < DOWN_MS; }

  get(url) { return this.#send("GET", url); }

  sync(entries) { return this.#send("POST", this.urls.sync, { entries }, { timeout: 30_000 }); }

  registerKey(publicKey) { return this.#send("POST", this.urls.device, { public_key: publicKey }); }

  look(code, cashier = "") { return this.#send("POST", this.urls.scans, { code, cashier }, { timeout: LOOK_MS }); }

  signIn(cashier, pin) { return this.#send("POST", this.urls.cashier, { cashier, pin }); }

  today() { return this.#send("GET", this.urls.today); }

  undo(id) { return this.#send("POST", this.urls.void.replace("00000000-0000-0000-0000-000000000000", id), {}); }

  /** The body of an attempt, with the id that makes a retry recognisable. Kept until an answer came, even over a reload. */
  attempt({ code, offer, version, amount, gift = "" }, at, { cashier = "", training = false } = {}) {
    const body = { client_id: crypto.randomUUID?.() ?? uuid(), code, offer, offer_version: version, amount, cashier, training };
    store.set(PENDING, { body, at, gift });
    return { body, at, gift };
  }

  get pending() {
    const kept = this.paired ? store.get(PENDING) : null;
    return kept && !kept.body ? { body: kept, at: Date.now() } : kept; // as it was kept before version 2
  }

  abandon() { store.drop(PENDING); }

  /** Send an attempt, three times at most while the network is silent; always the same body. */
  async redeem(body, wait = [800, 2500]) {
    let answer = this.down ? { ok: false, kind: "network" } : await this.#send("POST", this.urls.redemptions, body);
    if (this.down) wait = wait.slice(0, navigator.onLine ? 1 : 0);
    for (const pause of wait) {
      if (answer.kind !== "network") break;
      await new Promise((done) => setTimeout(done, pause));
      answer = await this.#send("POST", this.urls.redemptions, body);
    }
    if (answer.kind !== "network") this.abandon();
    return answer;
  }

  async #send(method, url, body, { signed = true, timeout = TIMEOUT_MS } = {}) {
    const headers = { Accept: "application/json", "Accept-Language": document.documentElement.lang };
    if (signed) headers.Authorization = `Till ${this.token}`;
    if (body) headers["Content-Type"] = "application/json";
    let response;
    let data;
    try {
      response = await fetch(url, {
        method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store", redirect: "error",
        signal: AbortSignal.timeout?.(timeout),
      });
      data = response.status === 204 ? {} : await response.json();
    } catch {
      return this.#silent();
    }
    const server = Date.parse(response.headers.get("Date") ?? "");
    if (server) this.onAnswer(server);
    if (response.status < 500) this.silentAt = -Infinity;
    if (response.ok) return { ok: true, data };
    if (signed && response.status === 401) return { ok: false, kind: "revoked" };
    if (response.status >= 500) return this.#silent();
    return { ok: false, kind: "refused", code: data.code ?? "refused", sentence: data.detail ?? data.title ?? "", data };
  }

  #silent() {
    this.silentAt = performance.now();
    this.onSilence();
    return { ok: false, kind: "network" };
  }
}

/** crypto.randomUUID exists in secure contexts only; a till on a plain local address still needs an id. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return Array.from(bytes, (byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
}
