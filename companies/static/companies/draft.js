// What was typed outlives a refusal, an error or a session that ended. It is kept in this tab when a form is sent, and put
// back once, when the same page is shown again to the same person. Files and secrets are never kept.
const KEY = "erb.draft";
const HOUR = 3_600_000;
const here = location.pathname + location.search;
const account = document.body.dataset.account ?? "";

const kept = {
  get() { try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; } },
  set(draft) { try { sessionStorage.setItem(KEY, JSON.stringify(draft)); } catch { /* private window, or too much */ } },
  drop() { try { sessionStorage.removeItem(KEY); } catch { /* private window */ } },
};
const forms = () => [...document.querySelectorAll("main form[method=post]")];
const open = (field) => field.name && field.name !== "csrfmiddlewaretoken" && !["file", "hidden", "password", "submit", "button"].includes(field.type);

document.addEventListener("submit", ({ target: form }) => {
  const number = forms().indexOf(form);
  const fields = [...form.elements].filter(open);
  if (number < 0 || location.pathname.startsWith("/accounts/") || !fields.length) return;
  const values = fields.map((field) => [field.name, field.type, ["checkbox", "radio"].includes(field.type) ? [field.value, field.checked]
    : field.multiple ? [...field.selectedOptions].map((option) => option.value) : field.value]);
  kept.set({ here, account, number, action: form.getAttribute("action"), values, at: Date.now(), held: false });
}, true);

function putBack({ number, action, values }) {
  const same = forms().filter((form) => form.getAttribute("action") === action);
  const form = same.find((one) => forms().indexOf(one) === number) ?? same[0];
  if (!form) return;
  const fields = [...form.elements].filter(open);
  for (const [name, type, value] of values) {
    const ticks = ["checkbox", "radio"].includes(type);
    const at = fields.findIndex((field) => field.name === name && field.type === type && (!ticks || field.value === value[0]));
    if (at < 0) continue;
    const [field] = fields.splice(at, 1);
    if (ticks) [, field.checked] = value;
    else if (Array.isArray(value)) for (const option of field.options) option.selected = value.includes(option.value);
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  for (let box = form.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  const note = document.getElementById("draft-note");
  if (note) {
    const said = note.content.cloneNode(true);
    if (!form.querySelector("input[type=file]")) said.querySelector("[data-files]").remove();
    document.querySelector(".toasts").append(said);
  }
  form.scrollIntoView({ block: "nearest" });
}

const draft = kept.get();
if (draft) {
  const interrupted = location.pathname.startsWith("/accounts/") || document.querySelector("[data-interrupted]");
  const back = draft.here === here && draft.account === account && Date.now() - draft.at < HOUR;
  if (interrupted) kept.set({ ...draft, held: true });
  else if (back && (draft.held || document.querySelector(".toast-line--error"))) { kept.drop(); putBack(draft); }
  else if (!draft.held || draft.account !== account && account) kept.drop();
}
