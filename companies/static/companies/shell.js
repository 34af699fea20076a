// Small behaviours of the shell. Every page works without them.
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll(".topbar details[open], .places details[open]")) {
    if (!open.contains(event.target)) open.removeAttribute("open");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll(".topbar details[open], .places details[open], details.confirm[open]")) {
    open.removeAttribute("open");
    open.querySelector("summary").focus();
  }
});
for (const drop of document.querySelectorAll("[data-file-drop]")) {
  const input = drop.querySelector("input");
  const name = drop.querySelector("[data-file-name]");
  const show = () => { if (input.files.length) name.textContent = input.files[0].name; };
  input.addEventListener("change", show);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("is-over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    input.files = event.dataTransfer.files;
    show();
  });
}
// One click is one request: a form that is on its way cannot be sent again from the same page.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if ("download" in form.dataset) return; // its answer is a file: the page stays and may ask again
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  window.addEventListener("pageshow", () => { delete form.dataset.sent; }, { once: true });
});
// Whoever goes back after signing out, on a shared machine, must not find the last person's page.
const opened = Date.now();
document.querySelector("form[action$='/logout/']")?.addEventListener("submit", () => localStorage.setItem("left", Date.now()));
window.addEventListener("pageshow", (event) => {
  if (event.persisted && Number(localStorage.getItem("left")) >= opened) location.reload();
});
