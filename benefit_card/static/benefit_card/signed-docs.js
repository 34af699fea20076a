/**
 * The signed documents a till keeps: which keys count, which cards may not be taken without asking.
 * The same rules as benefit_card/revocation.py and key_set.py; anything that does not match throws, and the till keeps
 * what it had.
 */
import { verify } from "./ed25519.js";

const text = new TextEncoder();
const LARGEST_BITS = 64 * 131_072;

const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (value && typeof value === "object") return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  return value;
};

/** The bytes that are signed: keys sorted, no spaces, ASCII, without the signature. */
export function canonical(document) {
  const { signature: _left, ...body } = document;
  const plain = JSON.stringify(sorted(body)).replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return text.encode(plain);
}

/** unb64("…") -> Uint8Array; strict base64url without padding */
export function unb64(value) {
  if (!/^[A-Za-z0-9_-]*$/.test(value)) throw new RangeError("base64");
  const bytes = Uint8Array.from(atob(value.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  if (b64(bytes) !== value) throw new RangeError("base64: second spelling");
  return bytes;
}

export function b64(bytes) {
  let raw = "";
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export const join = (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
};

/** Milliseconds of an ISO instant with offset; more than three decimals of a second are cut. */
export function instant(value) {
  const at = Date.parse(String(value).replace(/(\.\d{3})\d+/, "$1"));
  if (Number.isNaN(at) || !/(Z|[+-]\d\d:\d\d)$/.test(value)) throw new RangeError("instant");
  return at;
}

async function check(document, key, context) {
  const good = await verify(key, join(text.encode(context), canonical(document)), unb64(document.signature ?? ""));
  if (!good) throw new RangeError("signature");
}

/** openKeySet(document, root: 32 bytes) -> Map(kid -> {kid, use, public, notBefore, acceptUntil}) */
export async function openKeySet(document, root) {
  if (document?.format !== "erb-keys-1") throw new RangeError("not a key set");
  await check(document, root, "ERB-keys-1\n");
  const keys = new Map();
  for (const row of document.keys) {
    const key = { kid: row.kid, use: row.use, public: unb64(row.public), notBefore: instant(row.not_before), acceptUntil: instant(row.accept_until) };
    if (!(key.kid >= 1 && key.kid <= 254) || key.public.length !== 32 || keys.has(key.kid)) throw new RangeError("key");
    keys.set(key.kid, key);
  }
  return keys;
}

/** openList(document, keys) -> {number, issuedAt, bits}, signed by a list key that counted when it was issued */
export async function openList(document, keys) {
  if (document?.format !== "erb-revocations-1") throw new RangeError("not a list");
  await check(document, listKey(document, keys).public, "ERB-revocations-1\n");
  const list = headOf(document, keys);
  return asSigned(document, list, await inflate(unb64(document.bitmap), document.size / 8));
}

/** openChanges(document, base, keys) -> the list that `base` became; throws when it was made for another one, or is broken */
export async function openChanges(document, base, keys) {
  if (document?.format !== "erb-revocations-changes-1") throw new RangeError("no changes");
  const { issued_at, kid, number, sha256, size, signature, flips } = document;
  await check({ issued_at, kid, number, sha256, size, signature }, listKey(document, keys).public, "ERB-revocations-head-1\n");
  const list = headOf(document, keys);
  if (document.base !== base.number || size !== base.bits.length * 8 || number < base.number) throw new RangeError("changes of another list");
  const bits = base.bits.slice();
  for (const place of unpack(unb64(flips), size)) bits[place >>> 3] ^= 0x80 >> (place & 7);
  return asSigned(document, list, bits);
}

function listKey(document, keys) {
  const key = keys.get(document.kid);
  if (key?.use !== "list") throw new RangeError("unknown key");
  return key;
}

/** Number and time of a document whose signature was checked. */
function headOf(document, keys) {
  const { size, number } = document;
  const key = listKey(document, keys);
  if (!Number.isInteger(size) || !Number.isInteger(number) || size % 8 || size <= 0 || size > LARGEST_BITS) throw new RangeError("size");
  const issuedAt = instant(document.issued_at);
  if (issuedAt < key.notBefore || issuedAt >= key.acceptUntil) throw new RangeError("key of another time");
  return { number, issuedAt };
}

async function asSigned(document, list, bits) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bits));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== document.sha256) throw new RangeError("digest");
  return { ...list, bits };
}

/** The ascending numbers behind gaps of seven bits a byte, all below `size`. */
function unpack(packed, size) {
  const places = [];
  let place = -1;
  let gap = 0;
  let scale = 1;
  for (const byte of packed) {
    gap += (byte & 0x7f) * scale;
    if (byte & 0x80) { scale *= 128; continue; }
    place += gap + 1;
    if (!(place < size)) throw new RangeError("place");
    places.push(place);
    gap = 0;
    scale = 1;
  }
  if (scale !== 1) throw new RangeError("end");
  return places;
}

/** Unpack exactly `length` bytes; a bomb is cut off. */
async function inflate(packed, length) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const out = new Uint8Array(length);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > length) { reader.cancel().catch(() => {}); throw new RangeError("length"); }
    out.set(value, at);
    at += value.length;
  }
  if (at !== length) throw new RangeError("length");
  return out;
}

/** Whether the bit of a card is set; the most significant bit of a byte comes first. */
export const listed = (list, index) => index < list.bits.length * 8 && Boolean(list.bits[index >>> 3] & (0x80 >> (index & 7)));
export const covers = (list, index) => index < list.bits.length * 8;
