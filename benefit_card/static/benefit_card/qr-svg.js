/** The card's square as a picture of the page. `qrcode` is the generator's function. */

/** Dark on white with a quiet zone of four, alphanumeric, level M: 45 modules. */
export function svg(qrcode, text, label) {
  const code = qrcode(0, "M");
  code.addData(text, "Alphanumeric");
  code.make();
  const size = code.getModuleCount();
  let path = "";
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!code.isDark(row, column)) continue;
      let run = 1;
      while (column + run < size && code.isDark(row, column + run)) run++;
      path += `M${column + 4} ${row + 4}h${run}v1h-${run}z`;
      column += run;
    }
  }
  const ns = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(ns, "svg");
  image.setAttribute("viewBox", `0 0 ${size + 8} ${size + 8}`);
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", label);
  image.setAttribute("shape-rendering", "crispEdges");
  const back = document.createElementNS(ns, "rect");
  back.setAttribute("width", size + 8);
  back.setAttribute("height", size + 8);
  back.setAttribute("fill", "#fff");
  const dark = document.createElementNS(ns, "path");
  dark.setAttribute("d", path);
  dark.setAttribute("fill", "#000");
  image.append(back, dark);
  return image;
}
