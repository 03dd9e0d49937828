// Particles as discs, by WebGL 2. Gives: painter(canvas) -> {upload(slot, shown, colours), draw(panels, ratio)}, and
// images(panel): which periodic images of the box a panel sees.

const VERTEX = `#version 300 es
in vec2 corner;       // of a square around the particle, -1 to 1
in vec2 place;        // 16-bit integers, r = low + step * place
in float diameter;
in vec4 colour;
uniform vec2 low, step, image, middle, clip;   // clip: units of clip space per sigma_AA
uniform float scale;                           // device pixels per sigma_AA
out vec2 at;
out float radius;     // in device pixels
out vec4 fill;
void main() {
  radius = max(0.5 * diameter * scale, 0.8);
  at = corner * (radius + 1.0);
  fill = colour;
  gl_Position = vec4((low + step * place + image - middle) * clip + at * clip / scale, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec2 at;
in float radius;
in vec4 fill;
uniform float strength;
out vec4 painted;
void main() {
  float inside = clamp(radius + 0.5 - length(at), 0.0, 1.0);
  float rim = clamp(length(at) - radius + 1.5, 0.0, 1.0) * min(1.0, radius / 6.0);
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
  const square = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, square);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const slots = [];

  // One vertex array for each panel: its particles stay on the device until another configuration is chosen.
  function slot(number) {
    if (slots[number]) return slots[number];
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const attribute = (name, buffer, size, type, normalised, each) => {
      const place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, type, normalised, 0, 0);
      gl.vertexAttribDivisor(place, each);
    };
    const buffers = { place: gl.createBuffer(), diameter: gl.createBuffer(), colour: gl.createBuffer() };
    attribute("corner", square, 2, gl.FLOAT, false, 0);
    attribute("place", buffers.place, 2, gl.UNSIGNED_SHORT, false, 1);
    attribute("diameter", buffers.diameter, 1, gl.FLOAT, false, 1);
    attribute("colour", buffers.colour, 4, gl.UNSIGNED_BYTE, true, 1);
    return (slots[number] = { array, buffers });
  }

  function upload(number, shown, colours) {
    const { buffers } = slot(number);
    const diameters = Float32Array.from(shown.species, (kind) => scene.species[kind].diameter);
    for (const [name, data] of [["place", shown.positions], ["diameter", diameters], ["colour", colours]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    }
  }

  function draw(panels, ratio) {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.SCISSOR_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.uniform2f(places.middle, camera.x, camera.y);
    gl.uniform1f(places.scale, camera.scale * ratio);
    panels.forEach((panel, number) => {
      if (!panel.shown) return;
      const corner = [panel.left * ratio, canvas.height - (panel.top + panel.height) * ratio, panel.width * ratio, panel.height * ratio].map(Math.round);
      gl.viewport(...corner);
      gl.scissor(...corner);
      gl.bindVertexArray(slot(number).array);
      gl.uniform2f(places.low, ...panel.shown.low);
      gl.uniform2f(places.step, ...panel.shown.step);
      gl.uniform2f(places.clip, (2 * camera.scale) / panel.width, (2 * camera.scale) / panel.height);
      for (const [x, y] of images(panel)) {
        gl.uniform2f(places.image, x * panel.shown.box[0], y * panel.shown.box[1]);
        gl.uniform1f(places.strength, x || y ? OTHER_IMAGES : 1);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, panel.shown.particles);
      }
    });
  }

  return { upload, draw, finish: () => gl.finish() };
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
