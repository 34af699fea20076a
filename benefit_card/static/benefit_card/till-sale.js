/** The middle of a sale: which offer, what amount, what is left to pay. */
import { decimal, discount, parseCents } from "./pricing.js";

const $ = (id) => document.getElementById(id);

export class Sale {
  /** `why(offer)` tells in words why an offer cannot be used */
  constructor({ texts, say, euro, why, onConfirm, onCancel }) {
    Object.assign(this, { texts, say, euro, why, onConfirm, onCancel, offers: [] });
    this.field = $("amount");
    this.field.addEventListener("input", () => this.#update());
    $("offers").addEventListener("change", () => {
      this.#update();
      if (!this.needsAmount) return;
      // Arrow keys walk through the offers: only a touch or a click moves on to the price.
      if (!this.byKey) this.field.focus({ preventScroll: true });
      $("amount-box").scrollIntoView({ block: "end" });
    });
    $("offers").addEventListener("keydown", () => { this.byKey = true; });
    $("offers").addEventListener("pointerdown", () => { this.byKey = false; });
    $("sale-form").addEventListener("submit", (event) => { event.preventDefault(); this.#confirm(); });
    $("sale-cancel").addEventListener("click", () => { this.clear(); onCancel(); });
    for (const key of document.querySelectorAll("[data-key]")) key.addEventListener("click", () => this.#press(key.dataset.key));
  }

  get offer() { return this.offers.find((offer) => String(offer.id) === $("offers").querySelector("input:checked")?.value); }

  get needsAmount() { return this.offer ? this.offer.kind !== "gift" || this.offer.min_spend_cents > 0 : true; }

  /** `at` is the moment of the scan; `data.offline` tells that the till judged alone and knows no name. */
  open(code, data, at) {
    this.clear();
    Object.assign(this, { code, at, offline: Boolean(data.offline), offers: data.offers });
    const name = [data.holder?.first_name, data.holder?.initial && `${data.holder.initial}.`].filter(Boolean).join(" ");
    $("holder").textContent = name || this.texts.offline.holder;
    $("holder-of").hidden = !name;
    $("offers").replaceChildren($("offers-legend"), ...data.offers.map((offer) => this.#row(offer)));
    const usable = data.offers.filter((offer) => offer.usable);
    // One offer fits: nothing to choose. Several: the cashier decides, not the order of a list.
    if (usable.length === 1) $("offers").querySelector("input:enabled").checked = true;
    this.#update();
    (usable.length > 1 ? $("offers").querySelector("input:enabled") : this.needsAmount ? this.field : $("confirm")).focus();
  }

  clear() {
    Object.assign(this, { code: "", at: 0, offline: false, offers: [] });
    this.field.value = "";
    $("holder").textContent = "";
    $("offers").replaceChildren($("offers-legend"));
    this.#update();
  }

  #row(offer) {
    const row = $("offer-row").content.firstElementChild.cloneNode(true);
    const input = row.querySelector("input");
    input.value = offer.id;
    input.disabled = !offer.usable;
    row.classList.toggle("is-unusable", !offer.usable);
    row.querySelector("[data-part=title]").textContent = offer.title;
    row.querySelector("[data-part=worth]").textContent = this.#worth(offer);
    row.querySelector("[data-part=left]").textContent = this.#left(offer);
    return row;
  }

  #worth(offer) {
    if (offer.kind === "percent") return `−${offer.percent} %`;
    if (offer.kind === "fixed") return `−${this.euro.format(offer.amount_cents / 100)}`;
    return this.texts.gift;
  }

  #left(offer) {
    const parts = [];
    if (!offer.usable) parts.push(this.why(offer) || this.texts.not_now);
    else if (offer.remaining_uses !== null && offer.remaining_uses !== undefined) {
      parts.push(this.say(this.texts.uses_left, { count: offer.remaining_uses }));
    }
    if (this.offline && offer.usable) parts.push(...(offer.unchecked ?? []).map((rule) => this.texts.offline.unchecked[rule]));
    if (offer.min_spend_cents && offer.usable) parts.push(this.say(this.texts.from, { amount: this.euro.format(offer.min_spend_cents / 100) }));
    return parts.join(" · ");
  }

  #press(key) {
    const value = this.field.value;
    if (key === "back") this.field.value = value.slice(0, -1);
    else if (key === "," || key === ".") { if (!/[,.]/.test(value)) this.field.value = `${value || "0"}${key}`; }
    else if (!/[,.]\d\d$/.test(value) && value.length < 8) this.field.value = value + key;
    this.#update();
  }

  #update() {
    const { offer } = this;
    const cents = parseCents(this.field.value);
    const typed = this.field.value.trim() !== "";
    $("amount-box").hidden = Boolean(offer) && !this.needsAmount;
    let note = "";
    let label = offer ? this.texts.enter_amount : this.texts.choose_offer;
    this.ready = false;
    if (typed && cents === null) note = this.texts.amount_unclear;
    else if (offer && !this.needsAmount) {
      this.ready = true;
      label = this.say(this.texts.confirm_gift, { gift: offer.gift || offer.title });
    } else if (offer && cents) {
      const off = discount(offer, cents);
      const short = cents < (offer.min_spend_cents ?? 0);
      if (short) note = this.say(this.texts.below_minimum, { amount: this.euro.format(offer.min_spend_cents / 100) });
      else {
        this.ready = true;
        note = off ? this.say(this.texts.off, { off: this.euro.format(off / 100) }) : "";
        label = offer.kind === "gift" ? this.say(this.texts.confirm_gift, { gift: offer.gift || offer.title })
          : this.say(this.texts.confirm, { pay: this.euro.format((cents - off) / 100) });
      }
    }
    $("amount-note").textContent = note;
    this.field.setAttribute("aria-invalid", String(typed && cents === null));
    $("confirm").textContent = label;
    // Not `disabled`: a button that can be reached and says what is missing helps more than a dead one.
    $("confirm").setAttribute("aria-disabled", String(!this.ready));
  }

  #confirm() {
    const { offer } = this;
    if (!this.ready || !offer) {
      (offer ? this.field : $("offers").querySelector("input:enabled"))?.focus();
      return;
    }
    const cents = this.needsAmount ? parseCents(this.field.value) : 0;
    this.onConfirm({ code: this.code, offer: offer.id, version: offer.offer_version, amount: decimal(cents), gift: offer.kind === "gift" ? offer.gift || offer.title : "" });
  }
}
