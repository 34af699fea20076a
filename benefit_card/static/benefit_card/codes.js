/**
 * Tells what a text read by the camera, the USB scanner or a hand is, before anything is asked of the server.
 * Only our own forms pass; a foreign QR code is named as such and never followed, whatever it holds.
 */
const CARD = /^ERB1:[0-9A-Z $%*+\-./:]{20,400}$/;
const LINK = /^HTTPS:\/\/[A-Z0-9.:-]{3,60}\/C#[A-Z2-7=]{40,300}$/;
const PAIRING = /^ERB-TILL:([0-9A-HJKMNP-TV-Z]{8})$/;
const SHORT = /^[0-9A-HJKMNP-TV-Z]{10}$/;
const PAIRING_TYPED = /^[0-9A-HJKMNP-TV-Z]{8}$/;

/** Crockford's letters: I and L are read as 1, O as 0; spaces and dashes only group. */
export const tidy = (text) => text.toUpperCase().replace(/[\s\-–._]/g, "").replace(/[IL]/g, "1").replace(/O/g, "0");

/** kind(text) -> {kind: "card" | "short" | "pairing" | "foreign", code} */
export function kind(text) {
  const plain = text.trim();
  if (CARD.test(plain) || LINK.test(plain)) return { kind: "card", code: plain };
  const pairing = PAIRING.exec(plain);
  if (pairing) return { kind: "pairing", code: pairing[1] };
  const typed = tidy(plain);
  if (SHORT.test(typed)) return { kind: "short", code: typed };
  if (PAIRING_TYPED.test(typed)) return { kind: "pairing", code: typed };
  return { kind: "foreign", code: "" };
}

/** Of several readings of one scan, the one that is ours; else the first. */
export const choose = (readings) => readings.find((text) => kind(text).kind !== "foreign") ?? readings[0];
