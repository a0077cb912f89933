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

function painted(width, height, rgbOf) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    image.data.set(rgbOf(i), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function grey({ width, height, depth, samples }) {
  return painted(width, height, (i) => { const v = samples[i] >> (depth - 8); return [v, v, v]; });
}

// From -1, blue, over 0, white, to 1, red; after the colours of ColorBrewer's RdBu.
function diverging(value) {
  const end = value < 0 ? [33, 102, 172] : [178, 24, 43];
  const share = Math.min(1, Math.abs(value));
  return end.map((part) => Math.round(247 + (part - 247) * share));
}

function difference(picture, reference, gain) {
  const scale = gain / (1 << (picture.depth - 1));
  const { width, height } = picture;
  return painted(width, height, (i) => diverging((picture.samples[i] - reference.samples[i]) * scale));
}
