/**
 * Reads QR codes from the camera. Nothing read is ever opened or followed: the text goes to `onCode`, that is all.
 *
 *   const scanner = new Scanner({video, detectorUrl, wasmUrl, onCode, onState});
 *   await scanner.start();      // states: starting, scanning, hint, denied, missing, insecure, lost, stopped
 *
 * The reader is zxing compiled to WebAssembly and served by ourselves (its default would fetch it from a CDN).
 */
const LENS = "erb.till.lens";
const FRAME_MS = 100; // ten pictures a second: a queue does not notice, an old tablet does
const SIDE = 720; // pixels of the centre square that are looked at
const SAME_CODE_MS = 2500; // a code that stays before the camera is reported once
const HINT_MS = 5000;
const MAX_TEXT = 600; // our longest code has 164 characters; a 4 kB code is not ours

let detector = null;

/** One detector for the page; the WebAssembly is compiled once. */
export function loadDetector(detectorUrl, wasmUrl) {
  detector ??= import(detectorUrl).then(({ BarcodeDetector, prepareZXingModule }) => {
    prepareZXingModule({ overrides: { locateFile: (path) => (path.endsWith(".wasm") ? wasmUrl : path) } });
    return new BarcodeDetector({ formats: ["qr_code"] });
  });
  detector.catch(() => { detector = null; });
  return detector;
}

export class Scanner {
  constructor({ video, detectorUrl, wasmUrl, onCode, onState = () => {} }) {
    Object.assign(this, { video, detectorUrl, wasmUrl, onCode, onState });
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.wanted = false;
    this.paused = false;
    this.run = 0;
    // iOS kills the picture of a page in the background without telling it.
    document.addEventListener("visibilitychange", () => {
      if (!this.wanted) return;
      if (document.hidden) this.#release();
      else this.#open();
    });
  }

  async start() {
    this.wanted = true;
    this.paused = false;
    if (!this.stream) await this.#open();
  }

  stop() {
    this.wanted = false;
    this.#release();
    this.onState("stopped");
  }

  pause() { this.paused = true; }

  /** Go on looking; a code that is still before the camera is not reported a second time. */
  resume() {
    this.paused = false;
    this.quietSince = performance.now();
    this.seenAt = performance.now();
  }

  async lenses() {
    const devices = await (navigator.mediaDevices?.enumerateDevices() ?? []);
    return devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  }

  /** The next lens, remembered on this device: phones often offer the close-up or the wide one first. */
  async nextLens() {
    const lenses = await this.lenses();
    const current = this.stream?.getVideoTracks()[0]?.getSettings().deviceId;
    const next = lenses[(lenses.findIndex((lens) => lens.deviceId === current) + 1) % lenses.length];
    if (!next) return;
    remember(next.deviceId);
    this.#release();
    await this.#open();
  }

  async #open() {
    const run = ++this.run;
    this.onState("starting");
    if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) return this.onState("insecure");
    try {
      const stream = await this.#camera();
      if (run !== this.run || !this.wanted) return stream.getTracks().forEach((track) => track.stop());
      this.stream = stream;
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        if (this.stream !== stream) return;
        this.#release();
        this.onState("lost");
      });
      this.video.srcObject = stream;
      await this.video.play();
      await loadDetector(this.detectorUrl, this.wasmUrl);
    } catch (error) {
      if (run !== this.run) return undefined;
      this.#release();
      const missing = ["NotFoundError", "OverconstrainedError", "DevicesNotFoundError"].includes(error.name);
      return this.onState(error.name === "NotAllowedError" ? "denied" : missing ? "missing" : "lost");
    }
    if (run !== this.run) return undefined;
    this.onState("scanning");
    this.quietSince = performance.now();
    return this.#look(run);
  }

  async #camera() {
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    const lens = recall();
    if (lens) {
      try {
        return await navigator.mediaDevices.getUserMedia({ video: { ...size, deviceId: { exact: lens } }, audio: false });
      } catch (error) {
        if (error.name === "NotAllowedError") throw error;
        remember(""); // unplugged, or the browser drew new ids
      }
    }
    return navigator.mediaDevices.getUserMedia({ video: { ...size, facingMode: { ideal: "environment" } }, audio: false });
  }

  async #look(run) {
    while (run === this.run) {
      const began = performance.now();
      if (!this.paused && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const text = await this.#read().catch(() => "");
        if (run !== this.run) return;
        this.#report(text, performance.now());
      }
      await new Promise((done) => setTimeout(done, Math.max(10, FRAME_MS - (performance.now() - began))));
    }
  }

  async #read() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const square = Math.min(width, height);
    if (!square) return "";
    this.canvas.width = this.canvas.height = Math.min(SIDE, square);
    this.context.drawImage(
      this.video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, this.canvas.width, this.canvas.width,
    );
    const found = await (await detector).detect(this.canvas);
    return found[0]?.rawValue ?? "";
  }

  #report(text, now) {
    if (!text || text.length > MAX_TEXT) {
      if (now - this.quietSince > HINT_MS) {
        this.quietSince = now;
        this.onState("hint");
      }
      return;
    }
    this.quietSince = now;
    const again = text === this.seen && now - this.seenAt < SAME_CODE_MS;
    this.seen = text;
    this.seenAt = now;
    if (!again && !this.paused) this.onCode(text);
  }

  #release() {
    this.run++;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }
}

// Private windows may refuse storage; then the lens is simply asked for again.
function remember(id) {
  try { localStorage.setItem(LENS, id); } catch { /* refused */ }
}
function recall() {
  try { return localStorage.getItem(LENS); } catch { return ""; }
}
