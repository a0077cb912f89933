// The viewer of a dataset: a CTU with its blocks, the modes of these as lines, its signals and predictions.

const MEASURES = ["#ff9f1c", "#19b5fe", "#ff4fd8", "#7bd13b"]; // on pictures, in light and dark
const DIFFERENT = "#ffe14d";
const ENCODER = "#ff5d5d";
const SIDE = 1024; // pixels of the large picture

function viewer(figure) {
  const { ctus, directions } = dataOf(figure);
  const state = { ctu: 0, size: "", layer: 0, prediction: 0, hidden: new Set(), at: null };
  let layers = []; // pictures of samples
  const ctu = () => ctus[state.ctu];
  const blocks = () => ctu().blocks[state.size];

  const select = options(make("select", { ariaLabel: "CTU" }), ctus.map(({ name }) => name));
  const step = (by, label, title) => make("button", { type: "button", title, onclick: () => load((state.ctu + by + ctus.length) % ctus.length) }, label);
  const sizes = make("span", { className: "group" });
  const layerSelect = make("select", { ariaLabel: "picture below the lines" });
  const predictionSelect = make("select", { ariaLabel: "prediction" });
  const measures = make("span", { className: "group" });
  const encoder = make("input", { type: "checkbox", onchange: draw });
  const only = make("input", { type: "checkbox", onchange: draw });
  const large = make("canvas", { className: "large", tabIndex: 0, ariaLabel: "the CTU with its blocks" });
  const others = make("div", { className: "others" });
  const readout = make("p", { className: "readout" }, "\u00a0");
  figure.append(
    make("div", { className: "controls" }, make("span", { className: "group" }, step(-1, "\u2190", "the CTU before"), step(1, "\u2192", "the next CTU")), select),
    make("div", { className: "controls" }, make("span", { className: "group blocks" }, "blocks of", sizes), measures, make("label", { className: "only" }, only, "only where the first two differ"), make("label", { className: "encoder" }, encoder, key(ENCODER), "the encoder's blocks"), make("label", {}, "on", layerSelect)),
    make("div", { className: "ctu" }, make("div", {}, large, readout), make("div", {}, others)),
    make("p", { className: "note" }, "A line has the direction of the mode, from the block to its reference samples; a circle is planar, a square is DC. A yellow border: the first two measures differ. Luma, in the bit depth of the decoder, lossless. Arrow keys choose the CTU."),
  );

  function key(colour) {
    const square = make("span", { className: "key" });
    square.style.borderColor = colour;
    return square;
  }

  function mark(context, direction, x, y, reach) {
    context.beginPath();
    if (direction === "planar") context.arc(x, y, reach / 2, 0, 2 * Math.PI);
    else if (direction === "DC") context.rect(x - reach / 3, y - reach / 3, (2 * reach) / 3, (2 * reach) / 3);
    else {
      context.moveTo(x - direction[0] * reach, y - direction[1] * reach);
      context.lineTo(x + direction[0] * reach, y + direction[1] * reach);
    }
    context.stroke();
  }

  function draw() {
    if (!layers.length) return;
    const { width, height } = ctu();
    const scale = Math.max(1, Math.floor(SIDE / Math.max(width, height)));
    [large.width, large.height] = [width * scale, height * scale];
    const context = large.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(grey(layers[state.layer]), 0, 0, large.width, large.height);
    if (blocks()) drawBlocks(context, scale);
    if (encoder.checked) drawDecided(context, scale);
  }

  function drawDecided(context, scale) {
    context.strokeStyle = ENCODER;
    context.lineWidth = 1.5;
    for (const [x, y, side, mode] of ctu().decided) {
      context.strokeRect(x * scale + 0.75, y * scale + 0.75, side * scale - 1.5, side * scale - 1.5);
      const way = directions.encoder[mode]; // none for PCM
      if (way) mark(context, way, (x + side / 2) * scale, (y + side / 2) * scale, 0.36 * side * scale);
    }
  }

  function drawBlocks(context, scale) {
    const { width: wide, height: high, modes } = blocks();
    const ways = directions[`${ctu().mode_set} ${state.size}`];
    const names = Object.keys(modes);
    const [rows, columns] = [modes[names[0]].length, modes[names[0]][0]?.length ?? 0];
    const thick = Math.max(1.5, Math.min(5, (Math.min(wide, high) * scale) / 24));
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const chosen = names.map((name) => modes[name][row][column]);
        const differs = chosen.length > 1 && chosen[0] !== chosen[1];
        const [x, y] = [column * wide * scale, row * high * scale];
        context.lineWidth = differs ? thick : 1;
        context.strokeStyle = differs ? DIFFERENT : "rgba(255, 255, 255, 0.35)";
        const inner = context.lineWidth / 2;
        context.strokeRect(x + inner, y + inner, wide * scale - 2 * inner, high * scale - 2 * inner);
        if (only.checked && !differs) continue;
        chosen.forEach((mode, place) => {
          if (state.hidden.has(names[place])) return;
          context.strokeStyle = MEASURES[place % MEASURES.length];
          context.lineWidth = place ? thick : 2.4 * thick; // the first is seen below the others where they agree
          mark(context, ways[mode], x + (wide * scale) / 2, y + (high * scale) / 2, 0.42 * Math.min(wide, high) * scale);
        });
      }
    }
  }

  function drawOthers() {
    const { layers: names, signals, width, height } = ctu();
    const shown = [...Array(signals).keys()];
    if (names.length > signals) shown.push(signals + state.prediction);
    others.replaceChildren(...shown.map((number) => {
      const canvas = make("canvas", { width, height });
      canvas.getContext("2d").drawImage(grey(layers[number]), 0, 0);
      const title = number < signals ? make("h3", {}, names[number]) : make("h3", {}, predictionSelect);
      return make("div", {}, title, canvas);
    }));
  }

  function chooseSize(size) {
    state.size = size;
    [...sizes.children].forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === size)));
    const names = Object.keys(blocks()?.modes ?? {});
    measures.replaceChildren(...names.map((name, place) => {
      const box = make("input", { type: "checkbox", checked: !state.hidden.has(name) });
      box.onchange = () => { state.hidden[box.checked ? "delete" : "add"](name); draw(); };
      return make("label", {}, box, key(MEASURES[place % MEASURES.length]), name);
    }));
    const first = ctu().layers.findIndex((name) => name.startsWith(`prediction ${size},`));
    state.prediction = Math.max(0, first - ctu().signals);
    predictionSelect.selectedIndex = state.prediction;
    draw();
    drawOthers();
  }

  async function load(number) {
    state.ctu = number;
    const strip = await read(ctu().strip, ctu().bit_depth);
    if (state.ctu !== number) return;
    const { width, height, bit_depth: depth } = ctu();
    const count = width * height;
    layers = ctu().layers.map((_, place) => ({ width, height, depth, samples: strip.samples.subarray(place * count, (place + 1) * count) }));
    select.selectedIndex = number;
    const known = Object.keys(ctu().blocks);
    sizes.replaceChildren(...known.map((size) => make("button", { type: "button", onclick: () => chooseSize(size) }, size)));
    for (const hidden of [".blocks", ".only"]) figure.querySelector(hidden).hidden = !known.length;
    figure.querySelector(".encoder").hidden = !ctu().decided.length;
    options(layerSelect, ctu().layers);
    layerSelect.selectedIndex = state.layer = Math.min(state.layer, ctu().signals - 1);
    options(predictionSelect, ctu().layers.slice(ctu().signals));
    chooseSize(known.includes(state.size) ? state.size : known.includes("16") ? "16" : known[0] ?? "");
    figure.dataset.shown = String(number);
  }

  function tell(event) {
    const box = large.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * ctu().width, ((event.clientY - box.top) / box.height) * ctu().height].map(Math.floor);
    if (x < 0 || y < 0 || x >= ctu().width || y >= ctu().height) return;
    const samples = ctu().layers.slice(0, ctu().signals).map((name, place) => `${name} ${layers[place].samples[y * ctu().width + x]}`);
    const parts = [`x ${x}, y ${y}: ${samples.join(", ")}`];
    if (blocks()) {
      const [row, column] = [Math.floor(y / blocks().height), Math.floor(x / blocks().width)];
      for (const [name, modes] of Object.entries(blocks().modes)) {
        const mode = modes[row]?.[column];
        const cost = blocks().costs[name]?.[row]?.[column];
        if (mode !== undefined) parts.push(`${name}: mode ${mode}${cost === undefined ? "" : ` (${cost})`}`);
      }
    }
    const inside = ctu().decided.find(([left, top, side]) => x >= left && x < left + side && y >= top && y < top + side);
    if (inside) parts.push(`encoder: block of ${inside[2]}, mode ${inside[3]}, QP ${inside[4]}`);
    readout.textContent = parts.join("; ");
  }

  select.onchange = () => load(select.selectedIndex);
  layerSelect.onchange = () => { state.layer = layerSelect.selectedIndex; draw(); };
  predictionSelect.onchange = () => { state.prediction = predictionSelect.selectedIndex; drawOthers(); };
  large.addEventListener("pointermove", tell);
  large.addEventListener("pointerdown", tell);
  figure.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.target.matches("select, input")) return;
    event.preventDefault();
    load((state.ctu + by + ctus.length) % ctus.length);
  });
  figure.shown = { state, layers: () => layers }; // for tests
  load(0);
}

document.querySelectorAll("figure.dataset").forEach(viewer);
