/**
 * The till without network: what it keeps, how old that may be, what it may accept, and where the sales wait.
 *
 * A list up to 24 hours old accepts every offer that allows it; up to 72 hours, unlimited offers only; older, only phone
 * codes on unlimited offers. A document that does not match its signature is not taken: the till keeps the one it had.
 * Of a list it has, the till fetches only what changed; both lie in its store and are checked together at each start.
 */
import * as ed25519 from "./ed25519.js";
import { judge } from "./offline-code.js";
import { Queue, get, persist, put } from "./offline-queue.js";
import { discount, isOpen, parseCents } from "./pricing.js";
import { openChanges, openKeySet, openList, unb64 } from "./signed-docs.js";

const HOUR = 3_600_000;
const GREEN_MS = 24 * HOUR;
const AMBER_MS = 72 * HOUR;
const REFRESH_MS = 5 * 60_000;

export class OfflineTill {
  constructor({ api, clock, texts, urls, onChange = () => {}, onRevoked = () => {} }) {
    Object.assign(this, { api, clock, texts, urls, onChange, onRevoked, keys: null, list: null, pack: null, broken: false, supported: true });
    this.opened = new Promise((resolve) => { this.isOpen = resolve; }); // what was kept is read: until then nobody can judge
    this.queue = new Queue({
      send: (entries) => api.sync(entries), register: () => this.register(), now: () => clock.now(), onChange: () => this.onChange(),
    });
  }

  /** Read what was kept; then ask for what is new. Without secure context or storage the till works with network only. */
  async start() {
    try {
      if (!globalThis.crypto?.subtle || !globalThis.indexedDB) throw new Error("unsupported");
      ed25519.prepare(this.urls.noble, this.urls.forceNoble === "1");
      await this.queue.open();
      await this.#open(await get("documents"));
    } catch {
      this.supported = false;
    }
    this.isOpen();
    this.onChange();
    setInterval(() => this.refresh(), REFRESH_MS);
    return this.refresh();
  }

  async #open(documents) {
    if (!documents) return;
    const { root, keySet, list, changes, pack } = documents;
    this.keys = await openKeySet(keySet, unb64(root));
    const whole = await openList(list, this.keys);
    this.list = changes ? await openChanges(changes, whole, this.keys) : whole;
    this.pack = pack;
    this.documents = documents;
  }

  /** Fetch keys, list and offers; each is checked before it replaces what was kept. True when the server answered. */
  async refresh() {
    if (!this.api.paired || !this.supported) return false;
    const pack = await this.api.get(this.urls.pack);
    if (pack.kind === "revoked") this.onRevoked();
    if (pack.code === "merchant_suspended") await this.#forget();
    if (!pack.ok) { this.onChange(); return pack.kind !== "network"; }
    try {
      await this.#renew(pack.data);
      await put("documents", this.documents);
      this.broken = false;
      persist();
    } catch {
      this.broken = true; // keep what we had; the offers alone may be renewed
      if (this.documents) this.pack = this.documents.pack = pack.data;
    }
    if (!pack.data.device_key) await this.register();
    this.onChange();
    if (this.queue.length) this.queue.flush();
    return true;
  }

  /** No selling without network either, until the server gives out offers again; sales that wait stay. */
  async #forget() {
    this.pack = this.documents = null;
    await put("documents", null);
  }

  /** Keys, and what changed since the list that is kept; the whole list when there is none or the changes do not fit it. */
  async #renew(pack) {
    const { list: kept } = this.documents ?? {};
    const [keySet, changes] = await Promise.all([this.api.get(this.urls.keys), kept && this.api.get(`${this.urls.list}${kept.number}/changes/`)]);
    if (!keySet.ok) throw new Error("no answer");
    const known = { root: this.urls.root, keySet: keySet.data, pack };
    if (changes?.ok) {
      const taken = await this.#open({ ...known, list: kept, changes: changes.data }).then(() => true, () => false);
      if (taken) return;
    }
    const list = await this.api.get(this.urls.list);
    if (!list.ok) throw new Error("no answer");
    await this.#open({ ...known, list: list.data });
  }

  async register() {
    const answer = await this.api.registerKey(await this.queue.publicKey());
    return answer.ok;
  }

  get age() { return this.list ? this.clock.now() - this.list.issuedAt : null; }

  /** green, amber, red, or none: how far the till may go without network */
  get state() {
    if (!this.supported || !this.list || !this.pack) return "none";
    return this.age <= GREEN_MS ? "green" : this.age <= AMBER_MS ? "amber" : "red";
  }

  /** Why the till may accept nothing without network now; "" when it may. */
  get closed() {
    if (this.state === "none") return "unready";
    if (this.clock.wrong) return "clock";
    return this.queue.full ? "full" : "";
  }

  /** A card without network: {ok, data} like the server's look, or {ok: false, kind: "refused", code} */
  async look(code, at = this.clock.now()) {
    const no = (why) => ({ ok: false, kind: "refused", code: why, sentence: this.texts.offline[why] ?? "" });
    if (this.closed) return no(this.closed);
    if (!code.includes(":")) return no("typed");
    const { verdict, token } = await judge(code, { keys: this.keys, list: this.list, at, slack: 2, host: this.urls.host });
    if (verdict === "stale_list") return no("stale_list");
    if (verdict === "revoked") return no("ask");
    if (verdict !== "valid") return { ...no(verdict), code: { forged: "code_forged", expired: "card_expired", malformed: "code_malformed" }[verdict] ?? verdict };
    const offers = this.pack.offers.map((offer) => this.#offer(offer, token.kind, at));
    return { ok: true, data: { verdict: "valid", kind: token.kind, holder: null, offline: true, demo: token.index < 16, offers } };
  }

  #offer(offer, kind, at) {
    const why = this.#why(offer, kind, at);
    const when = why === "offer_closed" && offer.when ? ` (${offer.when})` : "";
    return { ...offer, remaining_uses: null, usable: !why, reason: why ? this.texts.offline[why] + when : "", code: why };
  }

  #why(offer, kind, at) {
    if (offer.offline === "online") return "offer_online";
    if (offer.offline === "dynamic" && kind !== "phone") return "offer_phone";
    if (this.state !== "green" && offer.limited) return "offer_old_list";
    if (this.state === "red" && kind !== "phone") return "stale_list";
    return isOpen(offer, at) ? "" : "offer_closed";
  }

  /** Keep a sale; resolves when it is on disk, with what the server would have answered. Null when it may not be. */
  async sell(body, at, gift = "") {
    const looked = await this.look(body.code, at);
    const offer = looked.ok && looked.data.offers.find((row) => row.id === body.offer && row.offer_version === body.offer_version);
    const cents = parseCents(body.amount);
    if (!offer?.usable || cents === null || cents < (offer.min_spend_cents ?? 0)) return null;
    const off = discount(offer, cents);
    const answer = { discount: (off / 100).toFixed(2), to_pay: ((cents - off) / 100).toFixed(2), remaining_uses: null, offline: true };
    if (looked.data.demo || body.training) return { ...answer, demo: true };
    const { client_id, code, offer: id, offer_version, amount } = body;
    const entry = {
      client_id, code, offer: id, offer_version, amount, scanned_at: new Date(at).toISOString(),
      list_number: this.list.number, list_issued_at: new Date(this.list.issuedAt).toISOString(), cashier: body.cashier ?? "", undone: false,
    };
    await this.queue.add(entry, { title: offer.title, amount, gift, ...answer });
    return answer;
  }
}
