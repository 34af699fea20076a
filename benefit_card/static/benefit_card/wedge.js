/**
 * USB scanners "type" the code and press Enter, wherever the cursor stands.
 *
 * A burst of fast keystrokes ended by Enter is taken for a scan and leaves no trace in the field that had the focus.
 * Scanners usually speak the American layout while French computers listen in AZERTY, so both readings are kept: what
 * the computer understood and what the keys mean on an American keyboard. `choose(readings)` picks one.
 */
const GAP_MS = 60; // a hand needs longer between two keys, a scanner 2 to 30 ms
const SHORTEST = 8;
const LONG = 40; // a printed code has 115 characters, a phone code 164

const PLAIN = { Space: " ", Minus: "-", Equal: "=", Period: ".", Slash: "/", Semicolon: ";", NumpadAdd: "+", NumpadSubtract: "-",
  NumpadMultiply: "*", NumpadDivide: "/", NumpadDecimal: "." };
const SHIFTED = { Digit4: "$", Digit5: "%", Digit8: "*", Digit3: "#", Equal: "+", Semicolon: ":", Minus: "_", Slash: "?" };

/** What a key means on an American keyboard, capital letters only; "" when it has no place in a code. */
export function american(code, shift) {
  if (shift && SHIFTED[code]) return SHIFTED[code];
  if (/^Key[A-Z]$/.test(code)) return code[3];
  if (/^(Digit|Numpad)[0-9]$/.test(code)) return code.at(-1);
  return PLAIN[code] ?? "";
}

export function listen(choose, onCode) {
  let burst = null;
  document.addEventListener("keydown", (event) => {
    const now = performance.now();
    if (event.key === "Enter") {
      const done = burst;
      burst = null;
      if (!done || done.keys.length < SHORTEST || now - done.last > GAP_MS * 2) return;
      // A quick hand that paused once: the field holds the beginning, so the field decides. Our codes are far longer.
      if (done.before.trim() && done.keys.length < LONG) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (done.field) done.field.value = done.before;
      onCode(choose([done.keys.map((key) => key.typed).join(""), done.keys.map((key) => key.american).join("")]));
      return;
    }
    if (event.ctrlKey || event.metaKey || (event.altKey && event.key.length > 1) || event.key.length !== 1) return;
    if (!burst || now - burst.last > GAP_MS) {
      const field = event.target instanceof HTMLInputElement ? event.target : null;
      burst = { keys: [], field, before: field?.value ?? "" };
    }
    burst.last = now;
    burst.keys.push({ typed: event.key, american: american(event.code, event.shiftKey) });
    // On a button a space would press it: once a burst is certain, keys belong to the scanner.
    if (!burst.field && burst.keys.length > 2) event.preventDefault();
  }, true);
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && burst?.keys.length > 2 && !burst.field) event.preventDefault();
  }, true);
}
