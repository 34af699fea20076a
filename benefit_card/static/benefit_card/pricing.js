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

const local = new Intl.DateTimeFormat("en-CA", {
  timeZone: "Europe/Paris", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** Whether an offer holds at a moment (milliseconds): days, weekday, one of its hours in Paris, no excluded day. Hours past midnight belong to the evening. */
export function isOpen(offer, at) {
  const parts = Object.fromEntries(local.formatToParts(at).map(({ type, value }) => [type, value]));
  const today = `${parts.year}-${parts.month}-${parts.day}`;
  const clock = `${parts.hour}:${parts.minute}`;
  const spans = offer.hours?.length ? offer.hours : [["00:00", "24:00"]];
  return spans.some(([start, end]) => holds(offer, start, end, today, clock));
}

function holds(offer, start, end, today, clock) {
  let day = today;
  if (start > end && clock < end) day = new Date(Date.parse(`${day}T12:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
  else if (clock < start || (clock >= end && start < end)) return false;
  if (day < offer.starts_on || (offer.ends_on && day > offer.ends_on)) return false;
  if ((offer.excluded ?? []).some(([first, last]) => first <= day && day <= last)) return false;
  const weekday = (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7; // Monday first
  return Boolean((offer.weekdays >> weekday) & 1);
}
