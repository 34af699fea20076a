/**
 * What the till shows before it asks the server; the server's own figure is the one that counts.
 * The same rule as merchants/pricing.py, in cents; a test compares the two.
 */

/** parseCents("12,50" | "12.5" | "1 234,56") -> cents, or null */
export function parseCents(text) {
  const clean = text.replace(/[\s  €]/g, "").replace(",", ".");
  if (!/^\d{1,6}(\.\d{0,2})?$/.test(clean)) return null;
  const [euros, rest = ""] = clean.split(".");
  return Number(euros) * 100 + Number(rest.padEnd(2, "0"));
}

/** "49.90", as the API wants it */
export const decimal = (cents) => `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;

/** The discount in cents of an offer {kind, percent, amount_cents, cap_cents, min_spend_cents} on a price. */
export function discount(offer, gross) {
  if (gross < (offer.min_spend_cents ?? 0)) return 0;
  if (offer.kind === "fixed") return Math.min(offer.amount_cents, gross);
  if (offer.kind !== "percent") return 0;
  const part = Math.floor((gross * offer.percent + 50) / 100);
  return Math.min(part, offer.cap_cents ?? part, gross);
}
