// Samples of pictures. A picture comes as a lossless image: red holds the upper 8 bits of a sample, green the others.

async function read(uri, depth) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const samples = new Uint16Array(width * height);
  const lower = depth - 8;
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = lower ? (data[4 * i] << lower) | data[4 * i + 1] : data[4 * i];
  }
  return { width, height, depth, samples };
}

// Colours are packed for little-endian processors, as all browsers run on.
const packed = (red, green, blue) => 0xff000000 | (blue << 16) | (green << 8) | red;

function painted(width, height, colourOf) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const colours = new Uint32Array(image.data.buffer);
  for (let i = 0; i < colours.length; i += 1) colours[i] = colourOf(i);
  context.putImageData(image, 0, 0);
  return canvas;
}

function grey({ width, height, depth, samples }) {
  const lower = depth - 8;
  return painted(width, height, (i) => packed(samples[i] >> lower, samples[i] >> lower, samples[i] >> lower));
}

// From -1, blue, over 0, white, to 1, red; after the colours of ColorBrewer's RdBu.
function diverging(value) {
  const end = value < 0 ? [33, 102, 172] : [178, 24, 43];
  const share = Math.min(1, Math.abs(value));
  return end.map((part) => Math.round(247 + (part - 247) * share));
}

function difference(picture, reference, gain) {
  const { width, height, depth, samples } = picture;
  const peak = (1 << depth) - 1;
  const table = Array.from({ length: 2 * peak + 1 }, (_, at) => packed(...diverging(((at - peak) * gain) / (1 << (depth - 1)))));
  return painted(width, height, (i) => table[samples[i] - reference.samples[i] + peak]);
}
