/** Shows how ready the till is without network, what waits and what became of what was sent; and keeps its files. */
import { locale } from "./locale.js";

const $ = (id) => document.getElementById(id);
const HOUR = 3_600_000;

export class OfflinePanel {
  constructor({ offline, api, texts, say, euro, onRevoked }) {
    Object.assign(this, { offline, api, texts, say, euro, onRevoked, box: $("offline") });
    this.moment = new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "Europe/Paris" });
    for (const button of document.querySelectorAll("[data-open=offline]")) button.addEventListener("click", () => this.open());
    $("offline-close").addEventListener("click", () => this.close());
    $("offline-send").addEventListener("click", () => this.#send());
    $("offline-export").addEventListener("click", () => this.#export());
  }

  close() { if (this.box.open) this.box.close(); }

  open() {
    $("offline-note").textContent = "";
    this.box.showModal();
    this.draw();
    this.offline.refresh();
  }

  draw() {
    const { state, queue, closed } = this.offline;
    const { texts, say } = this;
    document.body.dataset.offline = state;
    document.body.dataset.waiting = queue.length;
    for (const chip of document.querySelectorAll("[data-open=offline]")) {
      chip.dataset.state = closed ? "red" : state;
      chip.querySelector("span").textContent = queue.length ? say(texts.offline.chip_waiting, { count: queue.length })
        : texts.offline[closed === "clock" ? "chip_clock" : `chip_${state}`];
      if (chip.dataset.when === "waiting") chip.hidden = !queue.length;
    }
    if (this.box.open) this.#details();
  }

  async #details() {
    const { state, queue, list, closed } = this.offline;
    const { texts, say } = this;
    $("offline-state").textContent = texts.offline[closed && closed !== "unready" ? closed : `state_${state}`];
    $("offline-age").textContent = list ? say(texts.offline.list, { time: this.moment.format(list.issuedAt), age: this.#age() }) : "";
    $("offline-waiting").textContent = queue.length ? say(texts.offline.waiting, { count: queue.length, since: this.moment.format(queue.oldest) }) : texts.offline.none_waiting;
    $("offline-send").hidden = $("offline-export").hidden = !queue.length;
    const { not_sent: notSent, exported } = texts.offline;
    if (!queue.length && [notSent, exported].includes($("offline-note").textContent)) $("offline-note").textContent = ""; // sent by itself, meanwhile
    const rows = [...queue.rows.map((row) => ({ ...row, verdict: "waiting" })).reverse(), ...(await queue.sent())];
    $("offline-rows").replaceChildren(...rows.slice(0, 60).map((row) => this.#row(row)));
  }

  #age() {
    const hours = Math.floor(this.offline.age / HOUR);
    return hours < 1 ? this.texts.offline.minutes : this.say(this.texts.offline.hours, { count: hours });
  }

  #row(row) {
    const item = $("offline-row").content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part=${name}]`);
    const verdict = row.undone ? "undone" : row.verdict === "replayed" ? row.first : row.verdict;
    part("time").textContent = this.moment.format(row.at);
    part("offer").textContent = row.show.title;
    part("pay").textContent = row.show.gift || this.euro.format(row.show.to_pay);
    part("verdict").textContent = [this.texts.offline.verdicts[verdict] ?? "", row.verdict === "waiting" ? "" : row.title].filter(Boolean).join(" ");
    item.dataset.verdict = verdict;
    return item;
  }

  async #send() {
    this.offline.queue.stuck = "";
    await this.offline.queue.flush();
    const { stuck } = this.offline.queue;
    if (stuck === "revoked") return this.onRevoked();
    $("offline-note").textContent = stuck ? this.texts.offline[stuck === "network" ? "not_sent" : "stuck"] : this.texts.offline.sent;
    return this.draw();
  }

  async #export() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await this.offline.queue.file({ ...this.api.place }));
    link.download = `erb-${new Date().toISOString().slice(0, 10)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    $("offline-note").textContent = this.texts.offline.exported;
  }
}

/** Ask the worker to keep this page and every file it is made of; `data-kept` tells when it has. */
export async function keepFiles(urls) {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(urls.worker, { scope: location.pathname });
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => name.includes("/static/"));
    const named = [urls.detector, urls.wasm, urls.noble].map((url) => new URL(url, location.href).href);
    const channel = new MessageChannel();
    channel.port1.onmessage = (event) => { document.body.dataset.kept = event.data; };
    active.postMessage({ keep: [location.origin + location.pathname, ...new Set([...loaded, ...named])] }, [channel.port2]);
  } catch { /* no worker: the till needs the network to start */ }
}
