// Pictures to compare: original, baseline, filtered, unfiltered, the error of each, and the gain of each CTU.

const LOUPE = 11; // samples on a side
const LOUPE_CELL = 12; // pixels of a sample

function options(select, labels) {
  select.replaceChildren(...labels.map((label, place) => make("option", { value: place }, label)));
  return select;
}

function pressed(buttons, chosen) {
  buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === chosen)));
}

// Infinite where one of the two pictures is the original, null where both are.
function gainOf(clip, of, over, ctu) {
  const [after, before] = [clip.errors[of][ctu], clip.errors[over][ctu]];
  return after > 0 || before > 0 ? 10 * Math.log10(before / after) : null;
}

function inWords(gain, unit = "") {
  if (gain === null) return "no error";
  if (Number.isFinite(gain)) return signed(gain, 3) + unit;
  return gain < 0 ? "was exact" : "now exact";
}

function ctuOf(clip, ctu) {
  const columns = Math.ceil(clip.width / clip.ctu_size);
  const x = (ctu % columns) * clip.ctu_size;
  const y = Math.floor(ctu / columns) * clip.ctu_size;
  return { x, y, width: Math.min(clip.ctu_size, clip.width - x), height: Math.min(clip.ctu_size, clip.height - y) };
}

function comparison(figure) {
  const { clips } = dataOf(figure);
  const bestOf = (clip) => Math.min(2, clip.layers.length - 1); // what is filtered, after original and baseline
  const state = { clip: 0, view: 0, front: bestOf(clips[0]), back: 1, mode: "flicker", split: 0.5, scale: 1, x: 0, y: 0, at: null, of: bestOf(clips[0]), over: 1 };
  let pictures = []; // of the view that is shown, in the order of the layers
  let canvases = new Map(); // what is painted, by layer and gain
  let timer = null;
  let loads = 0; // how many were begun

  // The elements
  const clipSelect = options(make("select", { ariaLabel: "clip" }), clips.map((clip) => clip.name));
  const viewSelect = make("select", { ariaLabel: "region" });
  const layerButtons = make("span", { className: "group" });
  const backSelect = make("select");
  const modes = ["flicker", "slider", "side by side"];
  const modeButtons = modes.map((mode) => make("button", { type: "button", onclick: () => { state.mode = mode; update(); } }, mode));
  const zoomButtons = [["\u2212", () => zoom(-1)], ["1:1", () => zoomTo(1)], ["+", () => zoom(1)], ["fit", fit]].map(
    ([label, onclick]) => make("button", { type: "button", onclick }, label),
  );
  const blink = make("button", { type: "button", title: "F" }, "blink");
  const grid = make("input", { type: "checkbox", onchange: draw });
  const gain = options(make("select", { ariaLabel: "error is shown times" }), ["1", "2", "4", "8", "16", "32"].map((n) => `\u00d7 ${n}`));
  gain.selectedIndex = 3;
  const stage = make("canvas", { className: "stage", tabIndex: 0, ariaLabel: "the pictures; keys: 1 to 9, space, F, + and \u2212, 0, arrows" });
  const divider = make("input", { type: "range", className: "divider", min: 0, max: 1000, value: 500, ariaLabel: "divider" });
  const side = LOUPE * LOUPE_CELL;
  const loupe = make("canvas", { className: "loupe", width: 2 * side + 6, height: side });
  const values = make("div", { className: "readout" });
  const ofSelect = make("select", { ariaLabel: "gain of" });
  const overSelect = make("select", { ariaLabel: "gain over" });
  const map = make("div");
  const regions = make("div", { className: "regions" });
  figure.append(
    make("div", { className: "controls" }, clipSelect, viewSelect, make("span", { className: "group" }, ...modeButtons), make("span", { className: "group" }, ...zoomButtons)),
    make("div", { className: "controls" }, layerButtons, make("label", {}, "against", backSelect), blink, make("label", {}, "error", gain), make("label", {}, grid, "CTUs")),
    stage,
    divider,
    make("div", { className: "below" },
      make("div", {}, loupe, values),
      make("div", {}, make("div", { className: "controls" }, "gain of", ofSelect, "over", overSelect), map, make("p", { className: "note" }, "Gain of each CTU in dB: 10 log", make("sub", {}, "10"), " of the ratio of squared errors. Blue: better, red: worse. A click shows the CTU.")),
      regions),
  );

  const clip = () => clips[state.clip];
  const view = () => clip().views[state.view];
  const layers = () => [
    ...clip().layers.map((name, of) => ({ name, of, error: false })),
    ...clip().layers.slice(1).map((name, place) => ({ name: `error of ${name}`, of: place + 1, error: true })),
  ];

  function canvasOf(number) {
    const layer = layers()[number];
    const times = 2 ** gain.selectedIndex;
    const key = layer.error ? `${number} ${times}` : `${number}`;
    if (!canvases.has(key)) {
      const picture = pictures[layer.of];
      canvases.set(key, layer.error ? difference(picture, pictures[0], times) : grey(picture));
    }
    return canvases.get(key);
  }

  // Showing. The scale is in pixels of the screen for a sample; x and y are the sample in the middle.
  function area(left, width, middle, number, context) {
    const { scale } = state;
    const across = Math.round(middle - state.x * scale);
    const down = Math.round(stage.height / 2 - state.y * scale);
    context.save();
    context.beginPath();
    context.rect(left, 0, width, stage.height);
    context.clip();
    context.imageSmoothingEnabled = scale < 1;
    const canvas = canvasOf(number);
    context.drawImage(canvas, across, down, canvas.width * scale, canvas.height * scale);
    if (grid.checked) lines(context, across, down);
    label(context, layers()[number].name, left + 8);
    context.restore();
  }

  function lines(context, across, down) {
    const { ctu_size: size } = clip();
    const { x, y, width, height } = view();
    context.strokeStyle = "rgba(255, 170, 0, 0.8)";
    context.beginPath();
    for (let at = Math.ceil(x / size) * size; at <= x + width; at += size) {
      context.moveTo(across + (at - x) * state.scale + 0.5, down);
      context.lineTo(across + (at - x) * state.scale + 0.5, down + height * state.scale);
    }
    for (let at = Math.ceil(y / size) * size; at <= y + height; at += size) {
      context.moveTo(across, down + (at - y) * state.scale + 0.5);
      context.lineTo(across + width * state.scale, down + (at - y) * state.scale + 0.5);
    }
    context.stroke();
  }

  function label(context, text, left) {
    context.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    const wide = context.measureText(text).width + 10;
    context.fillStyle = "rgba(0, 0, 0, 0.6)";
    context.fillRect(left, 8, wide, 19 * devicePixelRatio);
    context.fillStyle = "#fff";
    context.fillText(text, left + 5, 8 + 14 * devicePixelRatio);
  }

  function draw() {
    if (!pictures.length || !stage.width) return;
    const context = stage.getContext("2d");
    const { width } = stage;
    context.fillStyle = colour("shade");
    context.fillRect(0, 0, width, stage.height);
    if (state.mode === "side by side") {
      const half = Math.floor(width / 2);
      area(0, half - 1, half / 2, state.front, context);
      area(half + 1, width - half - 1, half * 1.5, state.back, context);
    } else if (state.mode === "slider") {
      const split = Math.round(state.split * width);
      area(0, split, width / 2, state.front, context);
      area(split, width - split, width / 2, state.back, context);
      context.fillStyle = "#fff";
      context.fillRect(split - 1, 0, 2, stage.height);
    } else {
      area(0, width, width / 2, state.front, context);
    }
    magnify();
  }

  function magnify() {
    const context = loupe.getContext("2d");
    context.fillStyle = colour("shade");
    context.fillRect(0, 0, loupe.width, loupe.height);
    const at = state.at ?? { x: Math.floor(state.x), y: Math.floor(state.y) };
    const reach = (LOUPE - 1) / 2;
    context.imageSmoothingEnabled = false;
    [state.front, state.back].forEach((number, place) => {
      const left = place * (side + 6);
      context.drawImage(canvasOf(number), at.x - reach, at.y - reach, LOUPE, LOUPE, left, 0, side, side);
      context.strokeStyle = "#f90";
      context.lineWidth = 2;
      context.strokeRect(left + reach * LOUPE_CELL, reach * LOUPE_CELL, LOUPE_CELL, LOUPE_CELL);
    });
    const picture = pictures[0];
    const inside = at.x >= 0 && at.y >= 0 && at.x < picture.width && at.y < picture.height;
    const here = inside ? pictures.map(({ samples, width }) => samples[at.y * width + at.x]) : [];
    const rows = clip().layers.map((name, place) => make("tr", {},
      make("td", {}, name),
      make("td", {}, inside ? String(here[place]) : "\u2013"),
      make("td", {}, inside && place ? signed(here[place] - here[0], 0) : "")));
    values.replaceChildren(
      make("div", {}, inside ? `x ${at.x + view().x}, y ${at.y + view().y}` : "outside of the picture"),
      make("table", {}, make("tbody", {}, ...rows)));
  }

  function fit() {
    const width = state.mode === "side by side" ? stage.width / 2 : stage.width;
    const scale = Math.min(width / view().width, stage.height / view().height);
    state.scale = scale >= 1 ? Math.min(16, Math.floor(scale)) : scale;
    [state.x, state.y] = [view().width / 2, view().height / 2];
    draw();
  }

  function zoomTo(scale, { x, y } = state) {
    const next = Math.min(64, Math.max(1 / 16, scale));
    state.x = x + (state.x - x) * (state.scale / next); // the sample under the pointer stays there
    state.y = y + (state.y - y) * (state.scale / next);
    state.scale = next;
    draw();
  }

  function zoom(direction, centre = state) {
    const whole = state.scale * 2 ** direction;
    zoomTo(whole > 1 ? Math.round(whole) : whole, centre);
  }

  function size() {
    const [width, height] = [stage.clientWidth, stage.clientHeight].map((side) => Math.round(side * devicePixelRatio));
    if (width === stage.width && height === stage.height) return;
    const first = stage.width === 300; // the width of a canvas that was not drawn on
    [stage.width, stage.height] = [width, height];
    if (first && pictures.length) fit();
    else draw();
  }

  function update() {
    divider.hidden = state.mode !== "slider";
    pressed(modeButtons, modes.indexOf(state.mode));
    pressed([...layerButtons.children], state.front);
    backSelect.selectedIndex = state.back;
    draw();
  }

  function show(number) {
    if (number === state.front || number >= layers().length) return;
    [state.front, state.back] = [number, state.front];
    update();
  }

  function swap() {
    [state.front, state.back] = [state.back, state.front];
    update();
  }

  function blinking() {
    timer = timer === null ? setInterval(swap, 500) : clearInterval(timer) ?? null;
    blink.setAttribute("aria-pressed", String(timer !== null));
  }

  // Regions
  function goTo(ctu) {
    const place = clip().views.findIndex((each) => each.ctu === ctu || each.ctu === null);
    if (place < 0) return;
    const here = ctuOf(clip(), ctu);
    const centre = () => {
      [state.x, state.y] = [here.x + here.width / 2 - view().x, here.y + here.height / 2 - view().y];
      state.scale = Math.max(1, Math.floor(Math.min(stage.width / here.width, stage.height / here.height) * 0.8));
      mark(ctu);
      draw();
    };
    if (place === state.view) centre();
    else load(place).then((shown) => shown && centre());
  }

  function mark(ctu) {
    map.querySelectorAll("rect").forEach((rect, place) => rect.classList.toggle("here", place === ctu));
  }

  function drawRegions() {
    const { of, over } = state;
    const columns = Math.ceil(clip().width / clip().ctu_size);
    const gains = clip().errors[0].map((_, ctu) => gainOf(clip(), of, over, ctu));
    const known = gains.filter(Number.isFinite).map(Math.abs).sort((a, b) => a - b);
    const most = known[Math.floor(0.95 * (known.length - 1))] || 1;
    const cell = Math.max(10, Math.min(48, Math.floor(460 / columns)));
    const rows = Math.ceil(clip().height / clip().ctu_size);
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    const put = (tag, attributes) => {
      const element = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      return element;
    };
    svg.setAttribute("class", "map");
    svg.setAttribute("viewBox", `0 0 ${columns * cell} ${rows * cell}`);
    svg.setAttribute("width", columns * cell);
    const open = (ctu) => clip().views.some((each) => each.ctu === null || each.ctu === ctu);
    gains.forEach((value, ctu) => {
      const { x, y, width, height } = ctuOf(clip(), ctu);
      const scale = cell / clip().ctu_size;
      const fill = `rgb(${diverging(value === null ? 0 : -value / most)})`;
      const rect = put("rect", { x: x * scale, y: y * scale, width: width * scale, height: height * scale, fill, class: open(ctu) ? "open" : "" });
      const title = put("title", {});
      title.textContent = `x ${x}, y ${y}: ${inWords(value, " dB")}`;
      rect.append(title);
      rect.addEventListener("click", () => goTo(ctu));
      svg.append(rect);
      if (cell >= 36 && Number.isFinite(value) && width * scale > 30 && height * scale > 12) {
        const text = put("text", { x: (x + width / 2) * scale, y: (y + height / 2) * scale });
        text.textContent = signed(value, 2);
        svg.append(text);
      }
    });
    map.replaceChildren(svg);

    const peak = 4 ** (clip().bit_depth - 8);
    const order = gains.map((value, ctu) => ({ value, ctu })).filter(({ value }) => value !== null).sort((a, b) => a.value - b.value);
    const lines = order.map(({ value, ctu }) => {
      const { x, y, width, height } = ctuOf(clip(), ctu);
      const mse = (layer) => (clip().errors[layer][ctu] / (width * height) / peak).toFixed(2);
      const row = make("tr", { className: open(ctu) ? "open" : "", onclick: () => goTo(ctu) });
      row.append(...[x, y, inWords(value), mse(over), mse(of)].map((text) => make("td", {}, String(text))));
      if (value !== null) row.cells[2].dataset.value = value; // infinite where the text is no number
      for (const data of row.cells) data.style.textAlign = "right";
      return row;
    });
    const heads = ["x", "y", "gain dB", "MSE before", "MSE after"].map((text) => make("th", {}, text));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...lines));
    sortable(table);
    regions.replaceChildren(make("h3", {}, "CTUs, the worst first"), make("div", { className: "table" }, make("div", { className: "scroll", tabIndex: 0 }, table)));
  }

  // Loading
  async function load(place) {
    state.view = place;
    loads += 1;
    const own = loads;
    const found = await Promise.all(view().pictures.map((uri) => read(uri, clip().bit_depth)));
    if (own !== loads) return false; // another one was chosen in the meantime
    [pictures, canvases, state.at] = [found, new Map(), null];
    viewSelect.selectedIndex = place;
    size();
    fit();
    figure.dataset.shown = `${state.clip} ${state.view}`;
    return true;
  }

  function choose(number) {
    const before = layers().map(({ name }) => name);
    state.clip = number;
    const names = layers().map(({ name }) => name);
    const best = bestOf(clip());
    for (const pair of [["front", "back"], ["of", "over"]]) { // clips do not all have the same layers
      const found = pair.map((which) => names.indexOf(before[state[which]]));
      [state[pair[0]], state[pair[1]]] = found.includes(-1) ? [best, 1] : found;
    }
    [pictures, canvases] = [[], new Map()]; // those of the clip before
    options(viewSelect, clip().views.map((each) => each.name));
    viewSelect.hidden = clip().views.length < 2;
    layerButtons.replaceChildren(...names.map((name, place) => make("button", { type: "button", onclick: () => show(place) }, place < 9 ? `${place + 1} ${name}` : name)));
    options(backSelect, names);
    for (const select of [ofSelect, overSelect]) options(select, clip().layers.map((name) => name));
    [ofSelect, overSelect].forEach((select) => { select.options[0].disabled = true; });
    [ofSelect.selectedIndex, overSelect.selectedIndex] = [state.of, state.over];
    drawRegions();
    return load(0).then(() => { mark(view().ctu ?? -1); update(); });
  }

  // What the user does
  clipSelect.onchange = () => choose(clipSelect.selectedIndex);
  viewSelect.onchange = () => load(viewSelect.selectedIndex).then(() => mark(view().ctu ?? -1));
  backSelect.onchange = () => { state.back = backSelect.selectedIndex; update(); };
  gain.onchange = draw;
  blink.onclick = blinking;
  divider.oninput = () => { state.split = divider.value / 1000; draw(); };
  for (const select of [ofSelect, overSelect]) {
    select.onchange = () => { [state.of, state.over] = [ofSelect.selectedIndex, overSelect.selectedIndex]; drawRegions(); };
  }

  function sampleAt(event) {
    const box = stage.getBoundingClientRect();
    const [left, top] = [(event.clientX - box.left) * devicePixelRatio, (event.clientY - box.top) * devicePixelRatio];
    let middle = stage.width / 2;
    if (state.mode === "side by side") middle = left < stage.width / 2 ? stage.width / 4 : stage.width * 0.75;
    return { x: state.x + (left - middle) / state.scale, y: state.y + (top - stage.height / 2) / state.scale, left };
  }

  let held = null; // where the pointer holds the picture, or the divider
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    const { x, y, left } = sampleAt(event);
    const near = state.mode === "slider" && Math.abs(left - state.split * stage.width) < 14 * devicePixelRatio;
    held = { x, y, divider: near };
  });
  stage.addEventListener("pointermove", (event) => {
    const { x, y, left } = sampleAt(event);
    state.at = { x: Math.floor(x), y: Math.floor(y) };
    if (held?.divider) {
      state.split = Math.min(1, Math.max(0, left / stage.width));
      divider.value = state.split * 1000;
    } else if (held) {
      state.x += held.x - x;
      state.y += held.y - y;
    }
    if (held) draw();
    else if (pictures.length) magnify();
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { held = null; });
  stage.addEventListener("pointerenter", () => stage.focus({ preventScroll: true })); // so that keys work at once
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== stage) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1 : -1, sampleAt(event));
  }, { passive: false });

  figure.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("select, input")) return;
    const step = 40 / state.scale;
    const keys = {
      " ": swap, f: blinking, "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), 0: fit,
      ArrowLeft: () => { state.x -= step; draw(); }, ArrowRight: () => { state.x += step; draw(); },
      ArrowUp: () => { state.y -= step; draw(); }, ArrowDown: () => { state.y += step; draw(); },
    };
    const act = /^[1-9]$/.test(event.key) ? () => show(Number(event.key) - 1) : keys[event.key];
    if (!act || (event.key === " " && event.target.matches("button"))) return;
    event.preventDefault();
    act();
  });

  drawings.push(draw);
  new ResizeObserver(size).observe(stage);
  figure.shown = { state, samples: (layer) => pictures[clip().layers.indexOf(layer)], choose, load }; // for tests
  choose(0);
}

document.querySelectorAll("figure.comparison").forEach(comparison);
