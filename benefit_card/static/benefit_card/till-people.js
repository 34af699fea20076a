/** Who works at this till, and whether it is only an exercise. A PIN opens the till; the pass lives as long as the page's session. */
const $ = (id) => document.getElementById(id);
const KEPT = "erb.till.cashier";
const TRAINING = "erb.till.training";

const session = {
  get: (key) => { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } },
  set: (key, value) => { try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* private window */ } },
};

export class People {
  /** `onSpecimen(code)` looks at the specimen card, `onChange(signedIn)` after somebody else works or an exercise began or ended */
  constructor({ api, offline, texts, say, onSpecimen, onChange }) {
    Object.assign(this, { api, offline, texts, say, onChange, box: $("cashier") });
    this.now = session.get(KEPT);
    this.training = Boolean(session.get(TRAINING));
    $("cashier-open").addEventListener("click", () => this.open());
    $("cashier-close").addEventListener("click", () => this.box.close());
    $("cashier-form").addEventListener("submit", (event) => { event.preventDefault(); this.#signIn(); });
    $("training").addEventListener("click", () => this.#train(!this.training));
    $("training-end").addEventListener("click", () => this.#train(false));
    $("specimen").addEventListener("click", () => { if (this.offline.pack?.specimen) onSpecimen(this.offline.pack.specimen); });
  }

  get pass() { return this.now?.pass ?? ""; }

  get list() { return this.offline.pack?.cashiers ?? []; }

  /** Nobody works any more: the till was cut off or linked again. */
  forget() {
    this.now = null;
    session.set(KEPT, null);
  }

  draw() {
    $("cashier-open").hidden = !this.list.length;
    $("cashier-open").querySelector("span").textContent = this.now?.name ?? this.texts.cashier.nobody;
    $("training-bar").hidden = !this.training;
    $("training").textContent = this.training ? this.texts.training.end : this.texts.training.begin;
    document.body.dataset.training = this.training ? "1" : "";
  }

  open(note = "") {
    const names = this.list.map((cashier) => {
      const row = $("cashier-row").content.firstElementChild.cloneNode(true);
      const input = row.querySelector("input");
      input.value = cashier.id;
      input.checked = this.list.length === 1;
      input.addEventListener("change", () => $("pin").focus());
      row.querySelector("span").textContent = cashier.name;
      return row;
    });
    $("cashier-names").replaceChildren($("cashier-legend"), ...names);
    $("pin").value = "";
    $("cashier-note").textContent = note;
    if (!this.box.open) this.box.showModal();
  }

  async #signIn() {
    const chosen = $("cashier-names").querySelector("input:checked");
    if (!chosen) { $("cashier-note").textContent = this.texts.cashier.choose; return; }
    const answer = await this.api.signIn(Number(chosen.value), $("pin").value);
    $("pin").value = "";
    if (!answer.ok) {
      $("cashier-note").textContent = answer.kind === "network" ? this.texts.cashier.network : answer.sentence;
      $("pin").focus();
      return;
    }
    this.now = { name: answer.data.name, pass: answer.data.cashier_pass };
    session.set(KEPT, this.now);
    this.box.close();
    this.onChange(true);
  }

  #train(on) {
    this.training = on;
    session.set(TRAINING, on);
    if (on && $("offline").open) $("offline").close(); // what one exercises with stands beneath
    this.onChange();
  }
}
