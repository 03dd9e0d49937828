// What colour a particle has. Gives: particleColours(configuration, column, range), mapColour(fraction), wholeColour(number),
// hex(colour).

// Nine points of viridis (Smith and van der Walt, matplotlib), straight lines between them.
const MAP = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"].map(rgb);

// Whole numbers: five, six and seven, the ones that matter most, far apart; others grow darker away from them.
const WHOLE = ["#2b1a4d", "#3a2a86", "#4a3fb0", "#3b66c4", "#2f8fd0", "#4db6ac", "#e8e4d8", "#f0a04b", "#d5572a", "#9e2a2b", "#5c1a1b"].map(rgb);
const NO_VALUE = rgb("#b9bec6");

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
