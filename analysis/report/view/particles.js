// Particles as discs, by WebGL 2. Gives: painter(canvas) -> {upload(panel number, shown, colours), draw(panels, ratio),
// closest(ratio)}, and images(panel): which periodic images of the box a panel sees.

const VERTEX = `#version 300 es
in vec2 place;        // 16-bit integers, r = low + step * place
in float diameter;
in vec4 colour;
uniform vec2 low, step, image, middle, clip;   // clip: units of clip space per sigma_AA
uniform float scale;                           // device pixels per sigma_AA
out float radius;     // in device pixels
out vec4 fill;
void main() {
  radius = max(0.5 * diameter * scale, 0.8);
  fill = colour;
  gl_Position = vec4((low + step * place + image - middle) * clip, 0.0, 1.0);
  gl_PointSize = 2.0 * radius + 2.0;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in float radius;
in vec4 fill;
uniform float strength;
out vec4 painted;
void main() {
  float away = length(gl_PointCoord - 0.5) * (2.0 * radius + 2.0);
  float inside = clamp(radius + 0.5 - away, 0.0, 1.0);
  float rim = clamp(away - radius + 1.5, 0.0, 1.0) * min(1.0, radius / 6.0);
  painted = vec4(fill.rgb * (1.0 - 0.45 * rim), 1.0) * (inside * strength);
}`;

const OTHER_IMAGES = 0.5;  // of the strength of the box itself

function painter(canvas) {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!gl) throw new Error("This browser gives no WebGL 2, which draws the particles. Current versions of Firefox, Chrome, Edge and Safari have it; it may be switched off in their settings.");
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`WebGL: ${gl.getProgramInfoLog(program)}`);
  gl.useProgram(program);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const places = Object.fromEntries(["low", "step", "image", "middle", "clip", "scale", "strength"].map((name) => [name, uniform(name)]));
  const largest = gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1];
  const slots = [];

  // One vertex array for each panel: its particles stay on the device until another configuration is chosen.
  function slot(number) {
    if (slots[number]) return slots[number];
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const buffers = {};
    for (const [name, size, type, normalised] of [
      ["place", 2, gl.UNSIGNED_SHORT, false], ["diameter", 1, gl.FLOAT, false], ["colour", 4, gl.UNSIGNED_BYTE, true],
    ]) {
      const attribute = gl.getAttribLocation(program, name);
      buffers[name] = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.enableVertexAttribArray(attribute);
      gl.vertexAttribPointer(attribute, size, type, normalised, 0, 0);
    }
    return (slots[number] = { array, buffers, heights: null });
  }

  // From the lowest particle to the highest, so that those between two heights stand together.
  function upload(number, shown, colours) {
    const held = slot(number);
    const keys = Float64Array.from({ length: shown.particles }, (_, particle) => shown.positions[2 * particle + 1] * 2 ** 24 + particle).sort();
    held.heights = keys.map((key) => Math.floor(key / 2 ** 24));
    const sorted = {
      place: new Uint16Array(2 * shown.particles),
      diameter: new Float32Array(shown.particles),
      colour: new Uint32Array(shown.particles),
    };
    const whole = new Uint32Array(colours.buffer);
    keys.forEach((key, rank) => {
      const particle = key % 2 ** 24;
      sorted.place[2 * rank] = shown.positions[2 * particle];
      sorted.place[2 * rank + 1] = shown.positions[2 * particle + 1];
      sorted.diameter[rank] = scene.species[shown.species[particle]].diameter;
      sorted.colour[rank] = whole[particle];
    });
    for (const [name, data] of Object.entries(sorted)) {
      gl.bindBuffer(gl.ARRAY_BUFFER, held.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    }
  }

  // Ranks of the first particle at or above a height, an integer of the packed positions.
  function rank(heights, height) {
    let [low, high] = [0, heights.length];
    while (low < high) {
      const half = (low + high) >> 1;
      if (heights[half] < height) low = half + 1;
      else high = half;
    }
    return low;
  }

  function draw(panels, ratio) {
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.uniform2f(places.middle, camera.x, camera.y);
    gl.uniform1f(places.scale, camera.scale * ratio);
    panels.forEach((panel, number) => {
      const held = slot(number);
      const [left, bottom, width, height] = [
        panel.left, canvas.height / ratio - panel.top - panel.height, panel.width, panel.height,
      ].map((pixels) => Math.round(pixels * ratio));
      // A disc whose centre lies outside of the viewport is not drawn: the viewport is wider than the panel by one.
      const wider = Math.ceil(camera.scale * ratio);
      gl.viewport(left - wider, bottom - wider, width + 2 * wider, height + 2 * wider);
      gl.scissor(left, bottom, width, height);
      gl.bindVertexArray(held.array);
      gl.uniform2f(places.low, ...panel.shown.low);
      gl.uniform2f(places.step, ...panel.shown.step);
      gl.uniform2f(places.clip, (2 * camera.scale * ratio) / (width + 2 * wider), (2 * camera.scale * ratio) / (height + 2 * wider));
      const half = panel.height / 2 / camera.scale + 1;
      for (const [x, y] of images(panel)) {
        const [first, last] = [-half, half].map((away) =>
          rank(held.heights, (camera.y + away - y * panel.shown.box[1] - panel.shown.low[1]) / panel.shown.step[1]));
        gl.uniform2f(places.image, x * panel.shown.box[0], y * panel.shown.box[1]);
        gl.uniform1f(places.strength, x || y ? OTHER_IMAGES : 1);
        if (last > first) gl.drawArrays(gl.POINTS, first, last - first);
      }
    });
  }

  // The largest disc that this device draws limits how close one can go [CSS pixels per sigma_AA].
  const closest = (ratio) => Math.min(150, (largest - 2) / ratio);

  return { upload, draw, closest };
}

// Whole numbers of boxes to go along x and y; the box itself last, so that it lies on top.
function images(panel) {
  const reach = [panel.width, panel.height].map((pixels, axis) => {
    if (!panel.shown.periodic[axis]) return [0, 0];
    const edge = panel.shown.box[axis];
    const [middle, half] = [axis ? camera.y : camera.x, pixels / 2 / camera.scale + 1];
    return [Math.ceil((middle - half) / edge - 0.5), Math.floor((middle + half) / edge + 0.5)];
  });
  const found = [];
  for (let x = reach[0][0]; x <= reach[0][1]; x++) for (let y = reach[1][0]; y <= reach[1][1]; y++) if (x || y) found.push([x, y]);
  const own = reach.every(([first, last]) => first <= 0 && last >= 0);
  return own ? [...found, [0, 0]] : found;
}
