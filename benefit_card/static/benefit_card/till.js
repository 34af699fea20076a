/** The till: pair, scan, look, take the amount, confirm, show the result. One page, no navigation. */
import { choose, kind, tidy } from "./codes.js";
import { Sale } from "./till-sale.js";
import { Scanner } from "./scanner.js";
import { TillApi } from "./till-api.js";
import { Today } from "./till-today.js";
import { accepted, refused, wake } from "./sound.js";
import { listen } from "./wedge.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const texts = JSON.parse($("till-texts").textContent);
const euro = new Intl.NumberFormat(root.lang, { style: "currency", currency: "EUR" });
const moment = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short", timeZone: "Europe/Paris" });
/** say("Pay {amount}", {amount}) fills the blanks of a translated sentence. */
const say = (text, values = {}) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

const api = new TillApi(document.body.dataset, { onClock: (wrong) => banner("clock", wrong) });
const sale = new Sale({ texts, say, euro, onConfirm: confirm, onCancel: scanScreen });
const today = new Today({ api, texts, say, euro, onRevoked: revoked });
const scanner = new Scanner({
  video: $("camera"), detectorUrl: document.body.dataset.detector, wasmUrl: document.body.dataset.wasm, onCode: read, onState: camera,
});

let screen = "";
let busy = false;
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
  if (busy || screen === "sale") return;
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
  return announce(say(texts.paired, { shop: api.place.shop }));
}

async function look(code) {
  const turn = ++answerFrom;
  hideResult();
  const answer = await working(() => api.look(code));
  if (turn !== answerFrom) return undefined;
  if (!answer.ok) return fail(answer);
  if (answer.data.verdict && answer.data.verdict !== "valid") {
    return fail({ kind: "refused", code: answer.data.verdict, sentence: answer.data.detail ?? texts.refused });
  }
  if (!answer.data.offers?.some((offer) => offer.usable)) {
    const reason = answer.data.offers?.find((offer) => offer.reason)?.reason;
    return result("no", texts.no_offer_word, reason ?? texts.no_offer);
  }
  show("sale");
  return sale.open(code, answer.data);
}

async function confirm(choice) {
  if (busy) return;
  await redeem(api.attempt(choice));
}

async function redeem(attempt) {
  const answer = await working(() => api.redeem(attempt));
  if (!answer.ok) {
    if (answer.kind === "network") return unanswered(attempt);
    return fail(answer);
  }
  const { to_pay: toPay, discount, remaining_uses: remaining } = answer.data;
  const free = Number(discount) === 0;
  const sentence = [
    free ? say(texts.accepted_gift, { gift: sale.gift }) : say(texts.accepted, { pay: euro.format(toPay), off: euro.format(discount) }),
    remaining === null || remaining === undefined ? "" : say(remaining === 0 ? texts.last_use : texts.remaining, { count: remaining }),
  ];
  return result("ok", texts.accepted_word, sentence.filter(Boolean).join(" "), {
    big: free ? sale.gift : euro.format(toPay), undo: attempt.client_id, next: texts.next,
  });
}

/** No answer after three tries: nobody knows whether it was counted, so say that and keep the id. */
function unanswered(attempt) {
  result("warn", texts.unanswered_word, texts.unanswered, { retry: () => redeem(attempt), next: texts.abandon, drop: true });
}

function fail(answer) {
  if (answer.kind === "revoked") return revoked();
  if (answer.kind === "network") return result("warn", texts.network_word, texts.network);
  const used = answer.data?.used_at;
  const sentence = used ? say(texts.limit_reached, { time: moment.format(new Date(used)), shop: answer.data.shop }) : answer.sentence;
  return result("no", texts.words[answer.code] ?? texts.refused_word, sentence || texts.refused);
}

function revoked() {
  api.forget();
  sale.clear();
  today.close();
  $("place").textContent = "";
  pairScreen();
  result("warn", texts.revoked_word, texts.revoked);
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
  if (tone === "ok") accepted(); else refused();
  (retry ? $("result-retry") : $("result-next")).focus();
  // After a refusal the next card may simply be shown; after a success a touch tells that the money was taken.
  if (tone === "ok" || retry) scanner.pause();
  else { if (screen === "sale") show("scan"); scanner.resume(); }
}

function hideResult() {
  $("result").hidden = true;
  document.body.classList.remove("has-result");
}

async function undoNow(id) {
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

function banner(name, shown) {
  const note = $("banner");
  note.dataset[name] = shown ? "1" : "";
  const lines = ["offline", "clock"].filter((key) => note.dataset[key]).map((key) => texts.banner[key]);
  if (note.textContent !== lines.join(" ")) note.textContent = lines.join(" ");
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
addEventListener("offline", () => banner("offline", true));
addEventListener("online", () => banner("offline", false));
// A success stays until somebody answers it; a USB scan counts as the answer "next customer".
listen(choose, (text) => {
  if (screen === "sale" && $("result").hidden) return;
  if (screen === "sale") show("scan");
  read(text);
});

banner("offline", navigator.onLine === false);
scanScreen();
if (api.pending) unanswered(api.pending);
