/** The day's list of this till's shop, with undo while it is allowed. Money only: no surname, no employer. */
import { locale } from "./locale.js";

const $ = (id) => document.getElementById(id);

export class Today {
  constructor({ api, texts, say, euro, onRevoked }) {
    Object.assign(this, { api, texts, say, euro, onRevoked });
    this.box = $("today");
    this.clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Paris" });
    $("today-close").addEventListener("click", () => this.close());
  }

  close() { if (this.box.open) this.box.close(); }

  async open() {
    this.#note(this.texts.loading);
    $("today-rows").replaceChildren();
    this.box.showModal();
    await this.#load();
  }

  async #load() {
    const answer = await this.api.today();
    if (answer.kind === "revoked") return this.onRevoked();
    if (!answer.ok) return this.#note(answer.kind === "network" ? this.texts.network : answer.sentence);
    const rows = answer.data.results ?? answer.data;
    const counted = rows.filter((row) => !row.voided);
    const total = counted.reduce((sum, row) => sum + Number(row.discount), 0);
    this.#note(rows.length ? this.say(this.texts.today_total, { count: counted.length, off: this.euro.format(total) }) : this.texts.today_empty);
    $("today-rows").replaceChildren(...rows.map((row) => this.#row(row)));
    return undefined;
  }

  #row(row) {
    const item = $("today-row").content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part=${name}]`);
    part("time").textContent = this.clock.format(new Date(row.time));
    part("offer").textContent = row.offer_title;
    part("pay").textContent = row.voided ? this.texts.voided : row.gift || this.euro.format(row.to_pay);
    item.classList.toggle("is-voided", Boolean(row.voided));
    const button = part("undo");
    button.hidden = !row.can_void;
    button.setAttribute("aria-label", `${button.textContent.trim()} ${part("time").textContent}, ${row.offer_title}`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      const answer = await this.api.undo(row.client_id);
      if (answer.kind === "revoked") return this.onRevoked();
      if (!answer.ok) return this.#note(answer.kind === "network" ? this.texts.network : answer.sentence);
      return this.#load();
    });
    return item;
  }

  #note(text) { $("today-note").textContent = text; }
}
