// What colour a particle has. Gives: particleColours(configuration, column, range), mapColour(fraction), wholeColour(number),
// hex(colour).

const MAP = scene.colours.map.map(rgb);
const WHOLE = scene.colours.whole.map(rgb);
const NO_VALUE = rgb(scene.colours.noValue);

function rgb(text) {
  return [1, 3, 5].map((place) => parseInt(text.slice(place, place + 2), 16));
}

function hex(colour) {
  return `rgb(${colour.map(Math.round).join(" ")})`;
}

function mapColour(fraction) {
  const along = Math.min(Math.max(fraction, 0), 1) * (MAP.length - 1);
  const below = Math.min(Math.floor(along), MAP.length - 2);
  return MAP[below].map((one, channel) => one + (along - below) * (MAP[below + 1][channel] - one));
}

function wholeColour(number) {
  return WHOLE[Math.min(Math.max(number, 0), WHOLE.length - 1)];
}

// Four bytes a particle. Without a column, by species; substrate always keeps its own colour.
function particleColours(shown, column, range) {
  const colours = new Uint8Array(4 * shown.particles);
  const kinds = scene.species.map((species) => rgb(species.colour));
  const table = [];
  if (column && !column.whole) for (let place = 0; place < 256; place++) table.push(mapColour(place / 255));
  for (let particle = 0; particle < shown.particles; particle++) {
    let colour = kinds[shown.species[particle]];
    if (column && scene.species[shown.species[particle]].name !== "S") {
      const number = value(column, shown.columns[column.name][particle]);
      if (Number.isNaN(number)) colour = NO_VALUE;
      else if (column.whole) colour = wholeColour(number);
      else colour = table[Math.round(255 * Math.min(Math.max((number - range[0]) / (range[1] - range[0]), 0), 1))] ?? NO_VALUE;
    }
    colours.set(colour, 4 * particle);
    colours[4 * particle + 3] = 255;
  }
  return colours;
}
