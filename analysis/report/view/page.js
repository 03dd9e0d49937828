// The page: what is chosen, what is drawn, what is said of the particle under the pointer.

const element = (id) => document.getElementById(id);
const canvas = element("particles");
const overlay = element("overlay");
const NAMES = { instant: "instantaneous", inherent: "inherent structure" };
const FRAMES_PER_SECOND = 4;  // when frames are played

const state = { run: 0, replica: 0, frame: 0, positions: "both", column: null, range: [0, 1], picked: null, playing: 0 };
let panels = [];
let paint = null;
let pending = false;

// ---- numbers as text

function said(number, column) {
  if (Number.isNaN(number)) return "–";
  const text = column && column.whole ? String(Math.round(number)) : String(Number(number.toPrecision(4)));
  return text.replace("-", "−");
}

function position(shown, particle) {
  return [0, 1].map((axis) => shown.low[axis] + shown.step[axis] * shown.positions[2 * particle + axis]);
}

// ---- what is chosen

function run() {
  return scene.runs[state.run];
}

function kinds() {
  return state.positions === "both" ? ["instant", "inherent"] : [state.positions];
}

// Panels side by side, or one above the other where that leaves more room; and their particles on the device.
function choose({ refit = false } = {}) {
  const wanted = kinds()
    .map((kind) => ({ kind, shown: configuration(run(), run().replicas[state.replica], run().frames[state.frame], kind) }))
    .filter(({ shown }) => shown);
  const { clientWidth: width, clientHeight: height } = element("canvases");
  let shape = 1;
  if (wanted.length) {
    const [along, up] = extent(wanted[0].shown);
    shape = (along[1] - along[0]) / (up[1] - up[0]);
  }
  const across = wanted.length < 2 || Math.min(width / 2 / shape, height) >= Math.min(width / shape, height / 2);
  panels = wanted.map(({ kind, shown }, number) => ({
    kind,
    shown,
    left: across ? (number * width) / wanted.length : 0,
    top: across ? 0 : (number * height) / wanted.length,
    width: across ? width / wanted.length : width,
    height: across ? height : height / wanted.length,
  }));
  panels.forEach((panel, number) => paint.upload(number, panel.shown, particleColours(panel.shown, state.column, state.range)));
  const trouble = element("trouble");
  trouble.hidden = panels.length > 0;
  if (!panels.length) trouble.textContent = `Not stored: the ${kinds().map((kind) => NAMES[kind]).join(" and the ")} of this replica at this frame.`;
  camera.high = paint.closest(pixelRatio());
  if (refit && panels.length) fit(panels[0]);
  tell();
  redraw();
}

// ---- drawing, once a screen refresh at most

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    draw();
  });
}

function pixelRatio() {
  return Math.min(window.devicePixelRatio || 1, 2);
}

function draw() {
  const ratio = pixelRatio();
  for (const one of [canvas, overlay]) {
    const [width, height] = [Math.round(one.clientWidth * ratio), Math.round(one.clientHeight * ratio)];
    if (one.width !== width || one.height !== height) Object.assign(one, { width, height });
  }
  paint.draw(panels, ratio);
  drawOverlay(ratio);
}

// Edges of the box, names of the panels, a length to go by, and a ring around the particle under the pointer.
function drawOverlay(ratio) {
  const style = getComputedStyle(document.documentElement);
  const [ink, muted, card] = ["--ink", "--muted", "--card"].map((name) => style.getPropertyValue(name));
  const pen = overlay.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, overlay.width, overlay.height);
  pen.font = "600 13px system-ui, sans-serif";
  for (const panel of panels) {
    pen.save();
    pen.beginPath();
    pen.rect(panel.left, panel.top, panel.width, panel.height);
    pen.clip();
    drawEdges(pen, panel, ink);
    if (state.picked !== null && state.picked < panel.shown.particles) drawRing(pen, panel, state.picked, ink, card);
    pen.fillStyle = card;
    const name = NAMES[panel.kind];
    pen.globalAlpha = 0.88;
    pen.fillRect(panel.left, panel.top, pen.measureText(name).width + 20, 26);
    drawLength(pen, panel, ink);
    pen.globalAlpha = 1;
    pen.fillStyle = ink;
    pen.fillText(name, panel.left + 10, panel.top + 18);
    pen.strokeStyle = muted;
    pen.lineWidth = 1;
    if (panel.left > 0) pen.strokeRect(panel.left, panel.top - 2, 1, panel.height + 4);
    if (panel.top > 0) pen.strokeRect(panel.left - 2, panel.top, panel.width + 4, 1);
    pen.restore();
  }
}

function drawEdges(pen, panel, ink) {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.2;
  const half = panel.shown.box.map((edge) => edge / 2);
  if (panel.shown.periodic.every(Boolean)) {
    const [left, top] = toPanel(panel, -half[0], half[1]);
    pen.strokeRect(left, top, 2 * half[0] * camera.scale, 2 * half[1] * camera.scale);
    return;
  }
  [0, 1].filter((axis) => panel.shown.periodic[axis]).forEach((axis) => {
    for (const side of [-1, 1]) {
      const at = toPanel(panel, side * half[0], side * half[1])[axis];
      pen.beginPath();
      pen.moveTo(axis ? panel.left : at, axis ? at : panel.top);
      pen.lineTo(axis ? panel.left + panel.width : at, axis ? at : panel.top + panel.height);
      pen.stroke();
    }
  });
}

function drawRing(pen, panel, particle, ink, card) {
  const place = position(panel.shown, particle);
  const nearest = place.map((one, axis) => {
    const edge = panel.shown.box[axis];
    return panel.shown.periodic[axis] ? one - edge * Math.round((one - (axis ? camera.y : camera.x)) / edge) : one;
  });
  const radius = Math.max((scene.species[panel.shown.species[particle]].diameter / 2) * camera.scale, 3) + 2;
  for (const [colour, width] of [[card, 5], [ink, 2.5]]) {
    pen.beginPath();
    pen.arc(...toPanel(panel, ...nearest), radius, 0, 2 * Math.PI);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
  }
}

function drawLength(pen, panel, ink) {
  const length = [50, 20, 10, 5, 2, 1].find((one) => one * camera.scale < 0.3 * panel.width) ?? 1;
  const pixels = length * camera.scale;
  const [left, bottom] = [panel.left + 12, panel.top + panel.height - 10];
  const text = `${length} σ`;
  pen.fillRect(left - 12, bottom - 22, Math.max(pixels, pen.measureText(text).width) + 24, 32);
  pen.globalAlpha = 1;
  pen.fillStyle = ink;
  pen.fillText(text, left, bottom - 7);
  pen.fillRect(left, bottom - 2, pixels, 2);
}

// ---- what is said of the configuration and of the colours

function list(target, entries) {
  target.replaceChildren(...entries.flatMap(([name, text]) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.textContent = text;
    return [term, description];
  }));
}

function tell() {
  const chosen = run();
  const [replica, frame] = [chosen.replicas[state.replica], chosen.frames[state.frame]];
  element("replica-said").textContent = `${replica} (${state.replica + 1} of ${chosen.replicas.length})`;
  element("frame-said").textContent = `${frame} (${state.frame + 1} of ${chosen.frames.length})`;
  const shown = panels[0]?.shown;
  const facts = shown ? [["particles", shown.particles.toLocaleString("en")], ...shown.facts] : [];
  list(element("facts"), facts);
  list(element("spec"), chosen.facts);
  canvas.setAttribute("aria-label", `${chosen.name}, replica ${replica}, frame ${frame}: ${panels.map((panel) => NAMES[panel.kind]).join(" and ")}`);
  const places = shown ? Math.max(...shown.step) / 2 : 0;
  element("precision").textContent = `Positions are drawn to ${said(Number(places.toPrecision(1)))} σ, columns to a 65,000th of their range; whole numbers are exact. σ and ε are those of two A; energies are per particle. ${scene.program}.`;
  tellColours(shown);
}

function tellColours(shown) {
  const column = state.column;
  const kindsSeen = new Set(panels.flatMap((panel) => [...panel.shown.species]));
  const entries = column ? [] : [...kindsSeen].sort().map((kind) => [scene.species[kind].colour, { S: "substrate" }[scene.species[kind].name] ?? scene.species[kind].name]);
  if (column && column.whole) for (let number = column.ends[0]; number <= column.ends[1]; number++) entries.push([hex(wholeColour(number)), String(number)]);
  if (column && kindsSeen.has(2)) entries.push([scene.species[2].colour, "substrate"]);
  element("legend").replaceChildren(...entries.map(([colour, name]) => {
    const [entry, dot] = [document.createElement("span"), document.createElement("i")];
    dot.style.background = colour;
    entry.append(dot, name);
    return entry;
  }));
  const continuous = Boolean(column) && !column.whole;
  element("colour-bar").hidden = element("ends").hidden = !continuous;
  element("range-row").hidden = !continuous;
  if (!continuous) return;
  const pen = element("colour-bar").getContext("2d");
  for (let place = 0; place < 512; place++) {
    pen.fillStyle = hex(mapColour(place / 511));
    pen.fillRect(place, 0, 1, 1);
  }
  const steps = [0, 0.25, 0.5, 0.75, 1].map((part) => state.range[0] + part * (state.range[1] - state.range[0]));
  element("ends").replaceChildren(...steps.map((number) => {
    const mark = document.createElement("span");
    mark.textContent = said(number);
    return mark;
  }));
}

// ---- the particle under the pointer

function panelAt(px, py) {
  return panels.find((panel) => px >= panel.left && px < panel.left + panel.width && py >= panel.top && py < panel.top + panel.height);
}

// The nearest particle within its own radius, or within a finger's width for touch; null for none.
function particleAt(panel, px, py, reach) {
  const [x, y] = toWorld(panel, px, py);
  let [best, found] = [Infinity, null];
  const { shown } = panel;
  for (let particle = 0; particle < shown.particles; particle++) {
    let distance2 = 0;
    for (let axis = 0; axis < 2; axis++) {
      let apart = shown.low[axis] + shown.step[axis] * shown.positions[2 * particle + axis] - (axis ? y : x);
      if (shown.periodic[axis]) apart -= shown.box[axis] * Math.round(apart / shown.box[axis]);
      distance2 += apart * apart;
    }
    if (distance2 < best) [best, found] = [distance2, particle];
  }
  return best <= Math.max(0.5, reach / camera.scale) ** 2 ? found : null;
}

function point(px, py, reach) {
  const panel = panelAt(px, py);
  const picked = panel ? particleAt(panel, px, py, reach) : null;
  const box = element("pointer");
  box.hidden = picked === null;
  if (picked !== null) {
    tellParticle(box, picked);
    const [width, height] = [element("canvases").clientWidth, element("canvases").clientHeight];
    const left = px + 18 + box.offsetWidth > width ? px - 18 - box.offsetWidth : px + 18;
    box.style.left = `${Math.max(4, Math.min(left, width - box.offsetWidth - 4))}px`;
    box.style.top = `${Math.max(4, Math.min(py + 18, height - box.offsetHeight - 4))}px`;
  }
  if (picked !== state.picked) {
    state.picked = picked;
    redraw();
  }
}

function tellParticle(box, particle) {
  const held = panels.filter((panel) => particle < panel.shown.particles).map((panel) => panel.shown);
  const line = (name, texts, head) => {
    const row = document.createElement("tr");
    for (const text of [name, ...texts]) {
      const cell = document.createElement(head ? "th" : "td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  };
  const table = document.createElement("table");
  const species = scene.species[held[0].species[particle]].name;
  table.append(line(`particle ${particle}, ${species === "S" ? "substrate" : species}`, held.map((shown) => (held.length > 1 ? shown.kind : "")), true));
  ["x", "y"].forEach((name, axis) => table.append(line(name, held.map((shown) => position(shown, particle)[axis].toFixed(2).replace("-", "−")))));
  for (const column of scene.columns) {
    table.append(line(column.short, held.map((shown) => said(value(column, shown.columns[column.name][particle]), column))));
  }
  box.replaceChildren(table);
}

// ---- mouse, fingers, keys

const fingers = new Map();

function place(event) {
  const area = canvas.getBoundingClientRect();
  return [event.clientX - area.left, event.clientY - area.top];
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place(event));
  canvas.classList.add("moving");
});

canvas.addEventListener("pointermove", (event) => {
  const now = place(event);
  const before = fingers.get(event.pointerId);
  if (!before) {
    point(...now, 4);
    return;
  }
  const panel = panelAt(...before) ?? panels[0];
  if (!panel) return;
  if (fingers.size === 2) {
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    const apart = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
    zoomAt(apart(now) / Math.max(apart(before), 1), panel, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    moveBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2, panel.shown);
  } else {
    moveBy(now[0] - before[0], now[1] - before[1], panel.shown);
  }
  fingers.set(event.pointerId, now);
  element("pointer").hidden = true;
  redraw();
});

for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (event) => {
    fingers.delete(event.pointerId);
    canvas.classList.remove("moving");
    if (name === "pointerup") point(...place(event), event.pointerType === "mouse" ? 4 : 14);
  });
}

canvas.addEventListener("pointerleave", (event) => {
  if (event.pointerType === "mouse" && !fingers.size) point(-1, -1, 0);
});

canvas.addEventListener("wheel", (event) => {
  const panel = panelAt(...place(event));
  if (!panel) return;
  event.preventDefault();
  zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), panel, ...place(event));
  point(...place(event), 4);
  redraw();
}, { passive: false });

canvas.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(Math.min(Math.max(state.frame + step, 0), run().frames.length - 1));
});

function zoomMiddle(factor) {
  const panel = panels[0];
  if (panel) zoomAt(factor, panel, panel.left + panel.width / 2, panel.top + panel.height / 2);
  redraw();
}

// ---- controls

function show(frame) {
  state.frame = frame;
  element("frame").value = frame;
  choose();
}

function chooseRun(number) {
  Object.assign(state, { run: number, replica: 0, frame: run() && scene.runs[number].frames.length - 1 });
  const chosen = scene.runs[number];
  for (const [name, held] of [["replica", chosen.replicas], ["frame", chosen.frames]]) {
    Object.assign(element(name), { max: held.length - 1, disabled: held.length < 2 });
    element(name).value = state[name];
  }
  element("play").disabled = chosen.frames.length < 2;
  choose({ refit: true });
}

function chooseColumn(name) {
  state.column = scene.columns.find((column) => column.name === name) ?? null;
  if (state.column) setRange(state.column.ends);
}

function setRange([low, high]) {
  state.range = [low, high];
  [element("range-low").value, element("range-high").value] = [low, high].map((number) => Number(number.toPrecision(4)));
}

function readRange() {
  const ends = ["range-low", "range-high"].map((id) => element(id).valueAsNumber);
  if (ends.every(Number.isFinite) && ends[0] < ends[1]) {
    state.range = ends;
    choose();
  }
}

function play() {
  const button = element("play");
  if (state.playing) {
    clearInterval(state.playing);
    state.playing = 0;
  } else {
    state.playing = setInterval(() => show((state.frame + 1) % run().frames.length), 1000 / FRAMES_PER_SECOND);
  }
  button.textContent = state.playing ? "Stop" : "Play frames";
  button.setAttribute("aria-pressed", String(Boolean(state.playing)));
}

function option(text, at) {
  const one = document.createElement("option");
  one.textContent = text;
  one.value = at;
  return one;
}

function start() {
  element("title").textContent = scene.title;
  element("run").append(...scene.runs.map((one, number) => option(one.name, number)));
  element("run-row").hidden = scene.runs.length < 2;
  element("column").append(option("species", ""), ...scene.columns.map((column) => option(column.label, column.name)));
  element("run").addEventListener("change", (event) => chooseRun(Number(event.target.value)));
  element("replica").addEventListener("input", (event) => { state.replica = Number(event.target.value); choose(); });
  element("frame").addEventListener("input", (event) => show(Number(event.target.value)));
  element("positions").addEventListener("change", (event) => { state.positions = event.target.value; choose({ refit: true }); });
  element("column").addEventListener("change", (event) => { chooseColumn(event.target.value); choose(); });
  element("range-low").addEventListener("change", readRange);
  element("range-high").addEventListener("change", readRange);
  element("play").addEventListener("click", play);
  element("closer").addEventListener("click", () => zoomMiddle(1.4));
  element("farther").addEventListener("click", () => zoomMiddle(1 / 1.4));
  element("whole").addEventListener("click", () => { if (panels.length) fit(panels[0]); redraw(); });
  new ResizeObserver(() => choose({ refit: true })).observe(element("canvases"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  try {
    paint = painter(canvas);
  } catch (error) {
    element("trouble").hidden = false;
    element("trouble").textContent = error.message;
    return;
  }
  chooseRun(0);
  document.documentElement.dataset.ready = "yes";
}

start();
