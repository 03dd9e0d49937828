// Where one looks. Gives: camera = {x, y, scale}, the middle of each panel [sigma_AA] and CSS pixels per sigma_AA, and
// fit(panel), zoomAt(factor, panel, px, py), moveBy(dx, dy), toWorld(panel, px, py), toPanel(panel, x, y).
// A panel is {left, top, width, height, shown} in CSS pixels. All panels share one camera.

const camera = { x: 0, y: 0, scale: 1, low: 0.1, high: 150 };

// What there is to see of a configuration: the box along a periodic axis, the particles along an open one.
function extent(shown) {
  return [0, 1].map((axis) => {
    if (shown.periodic[axis]) return [-shown.box[axis] / 2, shown.box[axis] / 2];
    let [least, most] = [65535, 0];
    for (let place = axis; place < shown.positions.length; place += 2) {
      least = Math.min(least, shown.positions[place]);
      most = Math.max(most, shown.positions[place]);
    }
    return [shown.low[axis] + shown.step[axis] * least - 1, shown.low[axis] + shown.step[axis] * most + 1];
  });
}

function fit(panel) {
  const [along, up] = extent(panel.shown);
  const whole = Math.min((panel.width - 16) / (along[1] - along[0]), (panel.height - 16) / (up[1] - up[0]));
  Object.assign(camera, {
    x: (along[0] + along[1]) / 2, y: (up[0] + up[1]) / 2, scale: whole, low: whole / 3,
  });
}

function moveBy(dx, dy, shown) {
  camera.x -= dx / camera.scale;
  camera.y += dy / camera.scale;
  keepInside(shown);
}

// Along a periodic axis one goes round for ever; along an open one the edge is where the particles end.
function keepInside(shown) {
  const ends = extent(shown);
  ["x", "y"].forEach((name, axis) => {
    const edge = shown.box[axis];
    if (shown.periodic[axis]) camera[name] -= edge * Math.round(camera[name] / edge);
    else camera[name] = Math.min(Math.max(camera[name], ends[axis][0]), ends[axis][1]);
  });
}

function zoomAt(factor, panel, px, py) {
  const [x, y] = toWorld(panel, px, py);
  camera.scale = Math.min(Math.max(camera.scale * factor, camera.low), camera.high);
  const [nowX, nowY] = toWorld(panel, px, py);
  camera.x += x - nowX;
  camera.y += y - nowY;
  keepInside(panel.shown);
}

function toWorld(panel, px, py) {
  return [
    camera.x + (px - panel.left - panel.width / 2) / camera.scale,
    camera.y - (py - panel.top - panel.height / 2) / camera.scale,
  ];
}

function toPanel(panel, x, y) {
  return [
    panel.left + panel.width / 2 + (x - camera.x) * camera.scale,
    panel.top + panel.height / 2 - (y - camera.y) * camera.scale,
  ];
}
