// What the page shows. Gives: scene, configuration(run, replica, frame, kind), value(column, integer), MISSING.
// A configuration is decoded when it is first looked at: positions as 16-bit integers, r = low + step * integer.

const scene = JSON.parse(document.getElementById("data").textContent);
const MISSING = 65535;
const decoded = new Map();
const speciesArrays = scene.speciesOf.map(bytes);

function bytes(base64) {
  const text = atob(base64);
  const array = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) array[place] = text.charCodeAt(place);
  return array;
}

function integers(base64) {
  const view = new DataView(bytes(base64).buffer);
  const array = new Uint16Array(view.byteLength / 2);
  for (let place = 0; place < array.length; place++) array[place] = view.getUint16(2 * place, true);
  return array;
}

// The configuration, or null where it was not stored.
function configuration(run, replica, frame, kind) {
  const packed = run.configurations[`${replica}/${frame}/${kind}`];
  if (!packed) return null;
  if (!decoded.has(packed)) {
    const columns = {};
    for (const [name, text] of Object.entries(packed.columns)) columns[name] = integers(text);
    decoded.set(packed, {
      ...packed, kind, columns, positions: integers(packed.positions), species: speciesArrays[packed.species],
    });
  }
  return decoded.get(packed);
}

function value(column, integer) {
  return integer === MISSING ? NaN : column.low + column.step * integer;
}
