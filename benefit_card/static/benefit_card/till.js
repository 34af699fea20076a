/** The till: pair, scan, look, take the amount, confirm, show the result. One page, no navigation. */
import { choose, kind, tidy } from "./codes.js";
import { Clock } from "./till-clock.js";
import { OfflinePanel, keepFiles } from "./till-offline.js";
import { OfflineTill } from "./offline-till.js";
import { People } from "./till-people.js";
import { Sale } from "./till-sale.js";
import { Scanner, loadDetector } from "./scanner.js";
import { locale } from "./locale.js";
import { TillApi, store } from "./till-api.js";
import { Today } from "./till-today.js";
import { accepted, refused, wake } from "./sound.js";
import { listen } from "./wedge.js";

const $ = (id) => document.getElementById(id);
const texts = JSON.parse($("till-texts").textContent);
const euro = new Intl.NumberFormat(locale, { style: "currency", currency: "EUR" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", timeZone: "Europe/Paris" });
/** say("Pay {amount}", {amount}) fills the blanks of a translated sentence. */
const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

const { dataset } = document.body;
const clock = new Clock(store);
const api = new TillApi(dataset, {
  onAnswer: (server) => { clock.contact(server); banner(); },
  onSilence: () => banner(),
});
const offline = new OfflineTill({ api, clock, texts, urls: dataset, onChange: () => { panel.draw(); people.draw(); banner(); }, onRevoked: revoked });
const panel = new OfflinePanel({ offline, api, texts, say, euro, onRevoked: revoked });
const people = new People({
  api, offline, texts, say, onSpecimen: (code) => { if (!busy) look(code); }, onChange: (signedIn) => { people.draw(); goOn(signedIn); },
});
const sale = new Sale({ texts, say, euro, why, onConfirm: confirm, onCancel: scanScreen });
const today = new Today({ api, texts, say, euro, onRevoked: revoked });
const scanner = new Scanner({
  video: $("camera"), detectorUrl: dataset.detector, wasmUrl: dataset.wasm, onCode: read, onState: camera,
});

let screen = "";
let busy = false;
let unseen = ""; // a card shown before anybody had said who works: looked at right after the PIN
let answerFrom = 0; // a slow answer to a former scan must not cover the present customer

function show(name) {
  screen = name;
  document.body.dataset.screen = name;
  for (const panel of document.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== name;
  $("bar").hidden = name === "pair";
}

function scanScreen() {
  hideResult();
  if (!api.paired) return pairScreen();
  show("scan");
  $("place").textContent = [api.place?.shop, api.place?.till].filter(Boolean).join(" · ");
  $("code").value = "";
  scanner.resume();
  scanner.start();
  if (matchMedia("(hover: hover)").matches) $("code").focus();
  return undefined;
}

/** After a PIN: the sale that was begun goes on with its price, a card that was shown is looked at, or the next one is awaited. */
function goOn(signedIn) {
  if (signedIn && screen === "sale" && sale.code && $("result").hidden) { $("confirm").focus(); return; }
  const code = signedIn ? unseen : "";
  scanScreen();
  if (code) look(code);
}

function pairScreen() {
  hideResult();
  show("pair");
  // A link may bring the code (#XXXXXXXX, never sent to a server); the person still presses the button.
  if (/^#[0-9A-Za-z]{8}$/.test(location.hash)) {
    $("pair-code").value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
  }
  scanner.resume();
  scanner.start();
}

/** A text from the camera, the USB scanner or the keyboard. */
function read(text) {
  if (busy || screen === "sale" || people.box.open) return;
  const { kind: what, code } = kind(text);
  if (screen === "pair") {
    if (what === "pairing") pair(code);
    else result("warn", texts.not_pairing_word, texts.not_pairing);
  } else if (what === "card" || what === "short") {
    look(code);
  } else {
    result("no", texts.foreign_word, what === "pairing" ? texts.already_paired : texts.foreign);
  }
}

async function working(job) {
  busy = true;
  document.body.classList.add("is-busy");
  scanner.pause();
  try {
    return await job();
  } finally {
    busy = false;
    document.body.classList.remove("is-busy");
  }
}

async function pair(code) {
  const answer = await working(() => api.pair(code));
  if (!answer.ok) return fail(answer);
  scanScreen();
  offline.refresh();
  return announce(say(texts.paired, { shop: api.place.shop }));
}

/** Ask the server; when it is silent the till judges alone, if it may. A typed code always needs the server. */
async function ask(code, at) {
  const typed = !code.includes(":");
  if (!api.down || (typed && navigator.onLine)) {
    const answer = await api.look(code, people.pass);
    if (answer.kind !== "network") return answer;
  }
  await offline.opened; // a card scanned the moment the page opened
  return offline.closed === "unready" ? { ok: false, kind: "network" } : offline.look(code, at);
}

async function look(code) {
  if (people.list.length && !people.pass && !people.training) { unseen = code; return people.open(texts.cashier.first); }
  unseen = "";
  const turn = ++answerFrom;
  hideResult();
  const at = clock.now();
  const answer = await working(() => ask(code, at));
  if (turn !== answerFrom) return undefined;
  if (!answer.ok) {
    if (answer.code === "cashier_required") unseen = code;
    return fail(answer);
  }
  if (answer.data.verdict && answer.data.verdict !== "valid") {
    return fail({ kind: "refused", code: answer.data.verdict, sentence: answer.data.detail ?? texts.refused });
  }
  if (!answer.data.offers?.some((offer) => offer.usable)) {
    const offers = answer.data.offers ?? [];
    const told = offers.find((offer) => offer.used_at) ?? offers.find((offer) => offer.reason);
    const reason = told && why(told);
    return result("no", told?.used_at ? texts.words.limit_reached : texts.no_offer_word, reason ? sentence(reason) : texts.no_offer);
  }
  show("sale");
  return sale.open(code, answer.data, at);
}

async function confirm(choice) {
  if (busy) return;
  await redeem(api.attempt(choice, sale.at, { cashier: people.pass, training: people.training }));
}

/** Sell: with the server's word, or without network on this till's own. Either way on record before anybody is told. */
async function sell({ body, at, gift }) {
  if (!sale.offline) {
    const answer = await api.redeem(body);
    if (answer.kind !== "network") return answer;
  }
  const kept = await offline.sell(body, at, gift).catch(() => null);
  if (!kept) return { ok: false, kind: "network" };
  api.abandon();
  if (!api.down) offline.queue.flush();
  return { ok: true, data: kept };
}

async function redeem(attempt) {
  const answer = await working(() => sell(attempt));
  if (!answer.ok) {
    if (answer.kind === "network") return unanswered(attempt);
    return fail(answer);
  }
  const { to_pay: toPay, discount, remaining_uses: remaining, demo, offline: alone } = answer.data;
  const { gift } = attempt;
  const lines = [
    gift ? say(texts.accepted_gift, { gift }) : say(texts.accepted, { pay: euro.format(toPay), off: euro.format(discount) }),
    remaining === null || remaining === undefined ? "" : say(remaining === 0 ? texts.last_use : texts.remaining, { count: remaining }),
    demo ? texts.demo : alone ? texts.offline.recorded : "",
  ];
  return result(demo ? "demo" : "ok", demo ? texts.demo_word : texts.accepted_word, lines.filter(Boolean).join(" "), {
    big: gift || euro.format(toPay), undo: demo ? "" : attempt.body.client_id, next: texts.next,
  });
}

/** No answer after three tries: nobody knows whether it was counted, so say that and keep the id. */
function unanswered(attempt) {
  result("warn", texts.unanswered_word, texts.unanswered, { retry: () => redeem(attempt), next: texts.abandon, drop: true });
}

/** Why not, in words: when and where an offer was used here and, when uses are counted in any N days, the day one more fits. */
function why({ used_at: used, shop, again_on: day, reason }) {
  if (!used) return reason;
  const again = day ? ` ${say(texts.limit_again, { day: new Date(`${day}T12:00:00`).toLocaleDateString(locale) })}` : "";
  return say(texts.limit_reached, { time: moment.format(new Date(used)), shop }) + again;
}

/** A reason that stands under an offer, as a sentence of its own. */
const sentence = (reason) => reason[0].toUpperCase() + reason.slice(1) + (/[.?!]$/.test(reason) ? "" : ".");

function fail(answer) {
  if (answer.kind === "revoked") return revoked();
  if (answer.kind === "network") return result("warn", texts.network_word, texts.network);
  if (answer.code === "cashier_required") {
    hideResult();
    if (screen === "scan") scanner.resume();
    return people.open(answer.sentence);
  }
  return result("no", texts.words[answer.code] ?? texts.refused_word, why({ ...answer.data, reason: answer.sentence }) || texts.refused);
}

function revoked() {
  api.forget();
  sale.clear();
  today.close();
  panel.close();
  people.forget();
  $("place").textContent = "";
  pairScreen();
  const waiting = offline.queue.length;
  result("warn", texts.revoked_word, waiting ? say(texts.offline.revoked, { count: waiting }) : texts.revoked);
}

/** Cover the screen: colour, icon, one word, one sentence, sound, vibration, one announcement. */
function result(tone, word, sentence, { big = "", undo = "", retry = null, next = texts.go_on, drop = false } = {}) {
  const box = $("result");
  box.dataset.tone = tone;
  for (const icon of box.querySelectorAll("[data-icon]")) icon.toggleAttribute("hidden", icon.dataset.icon !== tone);
  $("result-word").textContent = word;
  $("result-big").textContent = big;
  $("result-big").hidden = !big;
  $("result-sentence").textContent = sentence;
  $("result-undo").hidden = !undo;
  $("result-undo").onclick = () => undoNow(undo);
  $("result-retry").hidden = !retry;
  $("result-retry").onclick = retry;
  $("result-next").textContent = next;
  $("result-next").onclick = () => { if (drop) api.abandon(); scanScreen(); };
  box.hidden = false;
  document.body.classList.add("has-result");
  announce(`${word}. ${sentence}`);
  if (tone === "ok" || tone === "demo") accepted(); else refused();
  (retry ? $("result-retry") : $("result-next")).focus();
  // After a refusal the next card may simply be shown; after a success a touch tells that the money was taken.
  if (tone === "ok" || tone === "demo" || retry) scanner.pause();
  else { if (screen === "sale") show("scan"); scanner.resume(); }
}

function hideResult() {
  $("result").hidden = true;
  document.body.classList.remove("has-result");
}

async function undoNow(id) {
  if (await offline.queue.undo(id).catch(() => false)) {
    offline.queue.flush();
    return result("warn", texts.undone_word, texts.undone);
  }
  const answer = await working(() => api.undo(id));
  if (!answer.ok) return fail(answer);
  return result("warn", texts.undone_word, texts.undone);
}

function announce(sentence) {
  $("live").textContent = "";
  requestAnimationFrame(() => { $("live").textContent = sentence; });
}

function camera(state) {
  const sentence = texts.camera[state];
  document.body.dataset.camera = state;
  $("camera-note").textContent = sentence ?? "";
  $("camera-note").hidden = !sentence;
  $("camera-again").hidden = !["denied", "lost", "missing"].includes(state);
  if (state === "scanning") scanner.lenses().then((lenses) => { $("lens").hidden = lenses.length < 2; });
}

/** What the person at the till has to know now, in plain words; nothing when all is well. */
function banner() {
  const { queue, state } = offline;
  const lines = [
    api.down && api.paired && !queue.full && texts.banner[`offline_${state}`], // not "goes on alone" when it does not
    clock.wrong && texts.banner.clock,
    queue.full ? texts.banner.full : queue.waitsLong && say(texts.banner.waiting, { count: queue.length }),
    offline.broken && texts.banner.broken,
  ].filter(Boolean);
  const note = $("banner");
  if (note.textContent !== lines.join(" ")) {
    note.textContent = lines.join(" ");
    panel.draw();
  }
  note.hidden = !lines.length;
}

$("pair-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = tidy($("pair-code").value);
  if (typed && !busy) pair(kind(typed).kind === "pairing" ? kind(typed).code : typed);
});
$("code-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = $("code").value;
  if (!typed.trim() || busy) return;
  const { kind: what, code } = kind(typed);
  if (what === "card" || what === "short") look(code);
  else result("no", texts.short_word, texts.short);
});
$("lens").addEventListener("click", () => scanner.nextLens());
$("camera-again").addEventListener("click", () => scanner.start());
$("today-open").addEventListener("click", () => today.open());
for (const event of ["pointerdown", "keydown"]) addEventListener(event, wake, { once: true, capture: true });
addEventListener("offline", () => banner());
addEventListener("online", () => { api.silentAt = -Infinity; banner(); offline.refresh(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) offline.refresh(); });
setInterval(() => { banner(); if (api.down && navigator.onLine) offline.refresh(); }, 15_000);
// A success stays until somebody answers it; a USB scan counts as the answer "next customer".
listen(choose, (text) => {
  if (screen === "sale" && $("result").hidden) return;
  if (screen === "sale") show("scan");
  read(text);
});

banner();
scanScreen();
if (api.pending) unanswered(api.pending);
offline.start().then(() => {
  // A sale that reached the queue before the page died needs no second answer.
  if (offline.queue.rows.some((row) => row.client_id === api.pending?.body?.client_id)) { api.abandon(); scanScreen(); }
});
Promise.allSettled([loadDetector(dataset.detector, dataset.wasm), document.fonts?.ready]).then(() => keepFiles(dataset));
