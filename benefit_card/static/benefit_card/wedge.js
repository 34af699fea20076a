/**
 * USB scanners "type" the code and press Enter, wherever the cursor stands.
 *
 * A burst of fast keystrokes ended by Enter is taken for a scan and leaves no trace in the field that had the focus.
 * Scanners usually speak the American layout while French computers listen in AZERTY, so both readings are kept: what
 * the computer understood and what the keys mean on an American keyboard. `choose(readings)` picks one.
 *
 * A wireless scanner or a busy computer pauses in the middle of a code: keys carry the moment they were pressed, and
 * what begins like one of our codes may rest for three seconds anywhere without being torn in two.
 */
const GAP_MS = 60; // a hand needs longer between two keys, a scanner 2 to 30 ms
const REST_MS = 3_000;
const OURS = ["ERB1:", "ERB-TILL:", "HTTPS://"];
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

/** Where, among the keys, the last text begins that says by its first letters that it is ours; -1 without one. */
const oursFrom = (keys) => Math.max(...["typed", "american"].map((way) => {
  const text = keys.map((key) => key[way]).join("");
  return Math.max(...OURS.map((mark) => text.lastIndexOf(mark)));
}));

export function listen(choose, onCode) {
  let keys = []; // since the last rest of three seconds
  let run = 0; // where, among them, the last fast run begins
  document.addEventListener("keydown", (event) => {
    const rest = event.timeStamp - (keys.at(-1)?.at ?? -Infinity);
    if (event.key === "Enter") {
      const ours = rest > REST_MS ? -1 : oursFrom(keys);
      const scan = keys.slice(ours >= 0 ? ours : run);
      keys = [];
      run = 0;
      if (scan.length < SHORTEST || (ours < 0 && rest > GAP_MS * 2)) return;
      const { field, before } = scan[0];
      // A quick hand that paused once: the field holds the beginning, so the field decides. Our codes are far longer.
      if (before.trim() && scan.length < LONG) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (field) field.value = before;
      onCode(choose([scan.map((key) => key.typed).join(""), scan.map((key) => key.american).join("")]));
      return;
    }
    if (event.ctrlKey || event.metaKey || (event.altKey && event.key.length > 1) || event.key.length !== 1) return;
    if (rest > REST_MS) keys = [];
    if (rest > GAP_MS) run = keys.length;
    const field = event.target instanceof HTMLInputElement ? event.target : null;
    keys.push({
      typed: event.key, american: american(event.code, event.shiftKey) || "?", at: event.timeStamp, field, before: field?.value ?? "",
    });
    // On a button a space would press it: once a burst is certain, keys belong to the scanner.
    if (!field && keys.length - run > 2) event.preventDefault();
  }, true);
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && keys.length - run > 2 && !keys.at(-1).field) event.preventDefault();
  }, true);
}
