/**
 * "Near me" on the device: the browser's position is compared with the published places of the shops and goes nowhere.
 * Texts come from the page.
 */
const RADIUS_M = 6371000;
const list = document.querySelector("[data-offers]");
const button = document.querySelector("[data-near]");
const status = document.querySelector("[data-near-status]");

export function metres(aLat, aLon, bLat, bLon) {
  const rad = Math.PI / 180;
  const h = Math.sin(((bLat - aLat) * rad) / 2) ** 2
    + Math.cos(aLat * rad) * Math.cos(bLat * rad) * Math.sin(((bLon - aLon) * rad) / 2) ** 2;
  return 2 * RADIUS_M * Math.asin(Math.sqrt(h));
}

function words(distance) {
  const language = document.documentElement.lang;
  if (distance < 950) return new Intl.NumberFormat(language, { style: "unit", unit: "meter" }).format(Math.round(distance / 50) * 50);
  return new Intl.NumberFormat(language, { style: "unit", unit: "kilometer", maximumFractionDigits: 1 }).format(distance / 1000);
}

function sort({ coords }) {
  const rows = [...list.children].map((row) => {
    const places = [...row.querySelectorAll("[data-lat]")].map((shop) => {
      const distance = metres(coords.latitude, coords.longitude, Number(shop.dataset.lat), Number(shop.dataset.lon));
      shop.querySelector("[data-distance]").textContent = ` · ${words(distance)}`;
      return distance;
    });
    return { row, distance: Math.min(Infinity, ...places) };
  });
  rows.sort((one, other) => one.distance - other.distance);
  list.append(...rows.map(({ row }) => row));
  status.textContent = button.dataset.done;
}

if (list && button && "geolocation" in navigator) {
  button.hidden = false;
  button.addEventListener("click", () => {
    status.textContent = button.dataset.busy;
    navigator.geolocation.getCurrentPosition(sort, () => { status.textContent = button.dataset.refused; }, { timeout: 10000 });
  });
}
/** The map: a shop says its name when it is pointed at, touched or reached by keyboard; choosing it again leads to its offers. */
const here = document.querySelector("[data-here]");
function name(dot) {
  document.querySelector(".town__map .is-here")?.classList.remove("is-here");
  dot.classList.add("is-here");
  const text = dot.getAttribute("aria-label");
  if (here.textContent !== text) here.textContent = text;
}
for (const dot of document.querySelectorAll("[data-dot]")) {
  dot.addEventListener("focus", () => name(dot));
  dot.addEventListener("pointerenter", ({ pointerType }) => { if (pointerType === "mouse") name(dot); });
  dot.addEventListener("pointerdown", () => { dot.known = dot.classList.contains("is-here"); });
  dot.addEventListener("click", (event) => {
    if (event.detail === 0 || dot.known) return; // by keyboard, or the second time
    event.preventDefault();
    name(dot);
  });
}
const offline = document.querySelector("[data-offline]");
const tell = () => { if (offline) offline.hidden = navigator.onLine; };
/**
 * Without network the worker answers every search with the list of the last visit: what was asked for is applied here.
 * Opening hours are not: the list says when it was open then, not now.
 */
function search() {
  const asked = new URLSearchParams(location.search);
  if (navigator.onLine || !list || !offline || ![...asked.values()].some(Boolean)) return;
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain(asked.get("q") ?? "").split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of list.children) {
    const text = plain(row.textContent);
    row.hidden = !(words.every((word) => text.includes(word)) && (!asked.get("mine") || row.querySelector("[aria-pressed=true]"))
      && (!asked.get("category") || row.dataset.category === asked.get("category")));
    shown += row.hidden ? 0 : 1;
  }
  for (const field of document.querySelector("form[role=search]").elements) {
    if (field.type === "checkbox") field.checked = field.name !== "open_now" && Boolean(asked.get(field.name));
    else if (field.name && asked.has(field.name)) field.value = asked.get(field.name);
  }
  status.textContent = offline.dataset.found.replace("{n}", shown);
}
search();
addEventListener("online", tell);
addEventListener("offline", tell);
tell();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/me/offers/sw.js", { scope: "/me/offers/" }).catch(() => {});
