/**
 * The phone's code of one half minute, computed without network.
 *
 * A day pass is `prefix` (signed by the server) and `seed`. Of the chain H(x) = SHA-256("ERBc" + x) cut to 16 bytes the
 * prefix holds the 2,880th link; slot s (30 s of the UTC day) shows link 2,880 - s. A till hashes s times and compares,
 * so a code can be dated but the next one cannot be guessed. Pure JavaScript: 2,880 hashes take less time than as many
 * calls of WebCrypto, and the card opens where WebCrypto is missing.
 */
import { encode, fromHex } from "./base45.js";

export const SLOTS = 2880;
export const SLOT_SECONDS = 30;

const K = new Uint32Array(64);
const START = new Uint32Array(8);
// The constants are the fractions of the roots of the first primes (FIPS 180-4).
for (let n = 2, found = 0; found < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
  if (!prime) continue;
  if (found < 8) START[found] = (Math.sqrt(n) % 1) * 2 ** 32;
  K[found++] = (Math.cbrt(n) % 1) * 2 ** 32;
}

const rotate = (word, by) => (word >>> by) | (word << (32 - by));

/** sha256(bytes: Uint8Array) -> Uint8Array(32) */
export function sha256(bytes) {
  const blocks = ((bytes.length + 8) >> 6) + 1;
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const hash = START.slice();
  const w = new Uint32Array(64);
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block * 64 + i * 4);
    for (let i = 16; i < 64; i++) {
      const s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      const s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = hash;
    for (let i = 0; i < 64; i++) {
      const t1 = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => { hash[i] += word; });
  }
  const out = new Uint8Array(32);
  hash.forEach((word, i) => new DataView(out.buffer).setUint32(i * 4, word));
  return out;
}

/** chain(seed: Uint8Array(16), times) -> Uint8Array(16) */
export function chain(seed, times) {
  const input = new Uint8Array(20);
  input.set([0x45, 0x52, 0x42, 0x63]); // "ERBc"
  let link = seed;
  for (let i = 0; i < times; i++) {
    input.set(link, 4);
    link = sha256(input).subarray(0, 16);
  }
  return link;
}

/** utcDay(milliseconds) -> days since 1970-01-01 UTC; slotAt(milliseconds) -> 0…2879 of that day */
export const utcDay = (now) => Math.floor(now / 86_400_000);
export const slotAt = (now) => Math.floor((now / 1000 - utcDay(now) * 86_400) / SLOT_SECONDS);

/** codeAt(pass: {token_prefix_hex, seed_hex}, slot) -> "ERB1:…", the text of the QR code in that half minute */
export function codeAt(pass, slot) {
  const prefix = fromHex(pass.token_prefix_hex);
  const token = new Uint8Array(prefix.length + 18);
  token.set(prefix);
  token.set([slot >> 8, slot & 0xff], prefix.length);
  token.set(chain(fromHex(pass.seed_hex), SLOTS - slot), prefix.length + 2);
  return `ERB1:${encode(token)}`;
}
