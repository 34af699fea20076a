/** Two short sounds that are told apart without looking, and their vibrations. Browsers allow them after a first touch. */
let context = null;

export function wake() {
  context ??= window.AudioContext ? new AudioContext() : null;
  context?.resume?.().catch(() => {});
}

function tone(frequency, start, length, shape) {
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  oscillator.type = shape;
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.25, context.currentTime + start);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + start + length);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(context.currentTime + start);
  oscillator.stop(context.currentTime + start + length);
}

function vibrate(pattern) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(pattern);
}

export function accepted() {
  vibrate(80);
  if (context?.state !== "running") return;
  tone(880, 0, 0.12, "sine");
  tone(1320, 0.12, 0.22, "sine");
}

export function refused() {
  vibrate([120, 80, 120]);
  if (context?.state !== "running") return;
  tone(220, 0, 0.25, "square");
  tone(165, 0.28, 0.35, "square");
}
