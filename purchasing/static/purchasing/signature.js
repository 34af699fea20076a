// A box to sign in with finger, pen or mouse. The form works without it; what is sent are whole numbers only.
const pad = document.querySelector("[data-sign]");
const field = document.querySelector("input[name=signature]");
if (pad && field && window.PointerEvent) {
  const canvas = pad.querySelector("canvas");
  const ink = canvas.getContext("2d");
  const width = Number(pad.dataset.width);
  const height = Number(pad.dataset.height);
  let strokes = [];
  let current = null;
  pad.hidden = false;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.round(((event.clientX - box.left) / box.width) * width);
    const y = Math.round(((event.clientY - box.top) / box.height) * height);
    return [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  };
  const keep = () => { field.value = strokes.length ? JSON.stringify(strokes) : ""; };
  const draw = () => {
    ink.clearRect(0, 0, width, height);
    ink.lineWidth = 3;
    ink.lineCap = "round";
    ink.strokeStyle = "#1c2530";
    for (const stroke of strokes) {
      ink.beginPath();
      stroke.forEach(([x, y], n) => (n ? ink.lineTo(x, y) : ink.moveTo(x, y)));
      ink.stroke();
    }
  };

  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    current = [at(event)];
    strokes.push(current);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!current) return;
    const point = at(event);
    const last = current[current.length - 1];
    if (Math.abs(point[0] - last[0]) + Math.abs(point[1] - last[1]) < 3) return;
    current.push(point);
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { current = null; keep(); draw(); });
  }
  pad.querySelector("[data-sign-clear]").addEventListener("click", () => { strokes = []; current = null; keep(); draw(); });
  if (field.value) {
    try { strokes = JSON.parse(field.value); draw(); } catch { field.value = ""; }
  }
}
