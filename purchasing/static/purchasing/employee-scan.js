// Reads the code on an employee's phone with the camera and puts it where it could also be typed. The reader is the till's.
const box = document.querySelector("[data-scan]");
const form = document.querySelector("[data-scan-form]");
if (box && form) {
  const field = form.querySelector("input[name=code]");
  const words = JSON.parse(document.getElementById("scan-words").textContent);
  const said = box.querySelector("[data-scan-said]");
  const again = box.querySelector("[data-scan-again]");
  const other = box.querySelector("[data-scan-lens]");
  box.hidden = false;
  const { Scanner } = await import(box.dataset.module);
  const scanner = new Scanner({
    video: box.querySelector("video"),
    detectorUrl: box.dataset.detector,
    wasmUrl: box.dataset.wasm,
    onCode(text) {
      // Only the code is taken out of what was read; no address is followed.
      const found = /(?:^|\/pick-up\/)(\d{1,18}-[a-z2-7]{12})\/?$/i.exec(text.trim());
      if (!found) { said.textContent = words.foreign; return; }
      scanner.stop();
      field.value = found[1].toLowerCase();
      said.textContent = words.found;
      form.requestSubmit();
    },
    onState(state) {
      if (state === "stopped") return;
      said.textContent = words[state] ?? "";
      again.hidden = !["denied", "lost"].includes(state);
      if (state === "scanning") scanner.lenses().then((lenses) => { other.hidden = lenses.length < 2; });
    },
  });
  again.addEventListener("click", () => scanner.start());
  other.addEventListener("click", () => scanner.nextLens());
  window.addEventListener("pagehide", () => scanner.stop());
  window.addEventListener("pageshow", (event) => { if (event.persisted) scanner.start(); });
  await scanner.start();
}
