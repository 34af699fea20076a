/**
 * Judges a card's text without network: the same answers in the same order as benefit_card/credential.py.
 * malformed, unknown_key, forged, expired, wrong_slot, revoked, stale_list, valid
 */
import { decode } from "./base45.js";
import { verify } from "./ed25519.js";
import { SLOTS, SLOT_SECONDS, chain } from "./sha256-pass.js";
import { covers, join, listed } from "./signed-docs.js";

const PRINT = 0x11;
const PHONE = 0x12;
const SIZES = { [PRINT]: { head: 9, all: 73 }, [PHONE]: { head: 24, all: 106 } };
const LONGEST = 256;
const CONTEXT = new TextEncoder().encode("ERB1");
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DAY_MS = 86_400_000;
const TOO_OLD_MS = 72 * 3_600_000;
const paris = new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Paris", year: "numeric", month: "2-digit", day: "2-digit" });

/** Strict base 32 without padding: an unused last bit would be a second spelling. */
function unb32(letters) {
  const bytes = [];
  let value = 0;
  let bits = 0;
  for (const letter of letters) {
    const digit = BASE32.indexOf(letter);
    if (digit < 0) throw new RangeError("base32");
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) { bits -= 8; bytes.push((value >>> bits) & 0xff); value &= (1 << bits) - 1; }
  }
  if (value || bits > 4) throw new RangeError("base32: second spelling");
  return Uint8Array.from(bytes);
}

function bytesOf(text, host) {
  if (text.length > LONGEST) throw new RangeError("too long");
  if (text.startsWith("ERB1:")) return decode(text.slice(5));
  const start = host ? `HTTPS://${host.toUpperCase()}/C#` : "";
  if (start && text.startsWith(start)) return unb32(text.slice(start.length));
  throw new RangeError("not ours");
}

/** parse(text, host) -> the fields of a code, signature unchecked; throws RangeError */
export function parse(text, host = "") {
  const raw = bytesOf(text, host);
  const form = SIZES[raw[0]];
  if (!form || raw.length !== form.all) throw new RangeError("length or type");
  const view = new DataView(raw.buffer, raw.byteOffset);
  const token = { raw, kid: raw[1], index: view.getUint32(2), head: form.head };
  if (raw[0] === PRINT) return { ...token, kind: "print", expiresOn: new Date(view.getUint16(6) * DAY_MS).toISOString().slice(0, 10), generation: raw[8] };
  const slot = view.getUint16(88);
  if (slot >= SLOTS) throw new RangeError("slot");
  return { ...token, kind: "phone", anchor: raw.slice(8, 24), slot: view.getUint16(6) * SLOTS + slot, inDay: slot, preimage: raw.slice(90) };
}

async function signed(token, key) {
  const good = await verify(key.public, join(CONTEXT, token.raw.slice(0, token.head)), token.raw.slice(token.head, token.head + 64));
  if (!good || token.kind === "print") return good;
  const end = chain(token.preimage, token.inDay);
  return end.every((byte, i) => byte === token.anchor[i]);
}

/** judge(text, {keys, at, list, slack, host}) -> {verdict, token} */
export async function judge(text, { keys, at, list = null, slack = 2, host = "" }) {
  let token;
  try { token = parse(text, host); } catch { return { verdict: "malformed", token: null }; }
  const key = keys.get(token.kid);
  if (!key || at < key.notBefore || at >= key.acceptUntil) return { verdict: "unknown_key", token };
  if (key.use !== token.kind || !(await signed(token, key))) return { verdict: "forged", token };
  if (token.kind === "print" && paris.format(at) > token.expiresOn) return { verdict: "expired", token };
  if (token.kind === "phone" && Math.abs(token.slot - Math.floor(at / 1000 / SLOT_SECONDS)) > slack) return { verdict: "wrong_slot", token };
  if (list) {
    if (listed(list, token.index)) return { verdict: "revoked", token };
    if (token.kind === "print" && (at - list.issuedAt > TOO_OLD_MS || !covers(list, token.index))) return { verdict: "stale_list", token };
  }
  return { verdict: "valid", token };
}
