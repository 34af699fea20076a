/** The card on the phone: a new code every 30 seconds, from passes kept for seven days, with or without network. */
import { locale } from "./locale.js";
import { svg } from "./qr-svg.js";
import { SLOT_SECONDS, codeAt, slotAt, utcDay } from "./sha256-pass.js";

const KEY = "erb.card";
const KEEP_DAYS = 7;
const CLOCK_LIMIT_MS = 90_000;
const { dataset } = document.body;
const $ = (id) => document.getElementById(id);
const texts = JSON.parse($("card-texts").textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)");

const store = {
  read() { try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; } },
  write(kept) { try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { /* private window: the card needs network */ } },
  clear() { try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ } },
};

let kept = store.read();
let shift = kept?.shift ?? 0; // server time minus phone time
let drawn = "";
let qrcode = null;
let lock = null;

if (kept && (kept.owner !== dataset.owner || kept.at < Date.now() - KEEP_DAYS * 86_400_000)) forget();

function forget() {
  kept = null;
  $("now").replaceChildren();
  drawn = "";
  store.clear();
}

const now = () => Date.now() + shift;
/** "2026-03-03" or days since 1970, as the server likes */
const dayNumber = (day) => (typeof day === "number" ? day : Math.floor(Date.parse(`${day}T00:00:00Z`) / 86_400_000));

async function refresh() {
  const asked = Date.now();
  let response;
  try {
    response = await fetch(dataset.passes, { headers: { Accept: "application/json" }, cache: "no-store", redirect: "manual" });
  } catch {
    return; // no network: what is kept goes on
  }
  if (response.type === "opaqueredirect" || [401, 403, 404].includes(response.status)) {
    forget();
    navigator.serviceWorker?.controller?.postMessage("forget");
    if (response.type === "opaqueredirect") location.reload();
    else message(texts.blocked);
    return;
  }
  if (response.status >= 400 && response.status < 500) { forget(); message((await problem(response)) || texts.blocked); return; }
  if (!response.ok) return;
  const data = await response.json();
  shift = Date.parse(data.server_time) - (asked + Date.now()) / 2;
  kept = { ...data, shift, owner: dataset.owner, at: Date.now() };
  store.write(kept);
  navigator.storage?.persist?.();
  draw();
}

/** Offers and group purchases below the card, once it is drawn; without network the card stands alone. */
async function beside() {
  if (!dataset.now || !kept) return;
  try {
    const response = await fetch(dataset.now, { cache: "no-store", redirect: "manual" });
    if (response.ok) $("now").innerHTML = await response.text();
  } catch { /* no network */ }
}

async function problem(response) {
  try { return (await response.json()).title; } catch { return ""; }
}

function message(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
  $("code-box").hidden = Boolean(text);
}

function draw() {
  if (!kept || !qrcode) return;
  const today = utcDay(now());
  const pass = kept.passes.find((candidate) => dayNumber(candidate.day) === today);
  if (!pass) return message(texts.offline_over);
  message("");
  $("name").textContent = `${kept.holder.first_name} ${kept.holder.initial.replace(/\.$/, "")}.`;
  $("company").textContent = kept.companies.join(", ");
  $("company-box").hidden = !kept.companies.length;
  $("short").textContent = (kept.short_code.replace(/[^0-9A-Z]/g, "").match(/.{1,3}/g) ?? []).join(" ");
  const slot = slotAt(now());
  const due = `${pass.token_prefix_hex} ${slot}`;
  if (due !== drawn) {
    drawn = due;
    $("code").replaceChildren(svg(qrcode, codeAt(pass, slot), texts.code));
  }
  const last = Math.max(...kept.passes.map((candidate) => dayNumber(candidate.day)));
  const format = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
  $("note").textContent = navigator.onLine ? "" : texts.offline.replace("{day}", format.format(last * 86_400_000));
  $("clock").hidden = Math.abs(shift) < CLOCK_LIMIT_MS;
  return undefined;
}

/** The ring empties with the half minute; with reduced motion it moves in steps of five seconds. */
function tick() {
  const into = (now() / 1000) % SLOT_SECONDS;
  const shown = still.matches ? Math.floor(into / 5) * 5 : into;
  $("ring").setAttribute("stroke-dashoffset", String((shown / SLOT_SECONDS) * 100));
  draw();
}

async function awake() {
  try {
    if (document.visibilityState === "visible") lock = await navigator.wakeLock?.request("screen");
  } catch { lock = null; }
}

$("company-toggle").addEventListener("click", () => {
  const open = $("company-toggle").getAttribute("aria-expanded") !== "true";
  $("company-toggle").setAttribute("aria-expanded", String(open));
  $("company").hidden = !open;
});
// A card that fills the screen is found quicker by a scanner, and nothing else can be touched by mistake.
$("full").hidden = !document.documentElement.requestFullscreen;
$("full").addEventListener("click", () => {
  (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => {});
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  if (!lock || lock.released) awake();
  tick();
  refresh();
});
for (const event of ["online", "offline"]) addEventListener(event, () => { draw(); refresh(); });

({ default: qrcode } = await import(dataset.qr));
tick();
setInterval(tick, 500);
setInterval(refresh, 15 * 60_000);
awake();
await refresh();
beside();
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register(dataset.worker).then(() => navigator.serviceWorker.ready).then((registration) => {
    const files = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => name.includes("/static/"));
    registration.active?.postMessage({ keep: [location.origin + location.pathname, ...new Set(files)] });
  }).catch(() => { /* the card works, with network */ });
}
