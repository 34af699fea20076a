/**
 * Base45 (RFC 9285): two bytes become three characters of QR's alphanumeric set.
 * Decoding is strict: one spelling per byte string, anything else is refused.
 */
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/** encode(bytes: Uint8Array) -> string */
export function encode(bytes) {
  let text = "";
  let at = 0;
  for (; at + 1 < bytes.length; at += 2) {
    const value = bytes[at] * 256 + bytes[at + 1];
    text += ALPHABET[value % 45] + ALPHABET[Math.floor(value / 45) % 45] + ALPHABET[Math.floor(value / 2025)];
  }
  if (at < bytes.length) text += ALPHABET[bytes[at] % 45] + ALPHABET[Math.floor(bytes[at] / 45)];
  return text;
}

/** decode(text: string) -> Uint8Array; throws RangeError on any other spelling */
export function decode(text) {
  if (text.length % 3 === 1) throw new RangeError("base45: length");
  const digits = Array.from(text, (character) => {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw new RangeError("base45: character");
    return digit;
  });
  const bytes = [];
  for (let at = 0; at < digits.length; at += 3) {
    const whole = at + 2 < digits.length;
    const value = digits[at] + digits[at + 1] * 45 + (whole ? digits[at + 2] * 2025 : 0);
    if (value > (whole ? 0xffff : 0xff)) throw new RangeError("base45: value");
    if (whole) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** fromHex("0aff") -> Uint8Array */
export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
