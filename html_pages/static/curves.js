// Plots, by uPlot. The panels of a plot lie one below the other and share the cursor.

const PAPER_WIDTH = 330; // two plots side by side on A4
const PAPER_HEIGHTS = [190, 160]; // of panels: two plots one below the other
const HEIGHTS = [230, 170]; // of the first panel and of others

// All panels of a plot show the same range, also those whose curves are shorter.
function rangeOf(plot) {
  const known = plot.panels.flatMap((panel) => panel.lines.flatMap((line) => line.points[0]));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (plot.panels[0].log_x) return [low / 1.05, high * 1.05];
  const room = (high - low) * 0.02 || 0.5;
  return [low - room, high + room];
}

function panelOf(panel, range, height, width, key) {
  const digits = (value) => (value == null ? "\u2013" : Number(value.toPrecision(5)).toLocaleString("en"));
  const axis = (label, size) => ({
    label,
    size,
    labelSize: 18,
    labelFont: "12px system-ui, sans-serif",
    font: "11px system-ui, sans-serif",
    stroke: () => colour("ink"),
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { stroke: () => colour("line"), width: 1, size: 4 },
  });
  const series = panel.lines.map((line) => ({
    label: line.label,
    stroke: () => colour(`series-${line.colour}`),
    width: 1.5,
    dash: line.dashed ? [5, 4] : undefined,
    spanGaps: false,
    paths: panel.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { show: line.marks && !panel.steps, size: 6, fill: () => colour(`series-${line.colour}`) },
    value: (_, value) => digits(value),
  }));
  const whole = panel.steps || /QP|step|decile/.test(panel.x) ? { incrs: [1, 2, 4, 5, 8, 10, 16, 20, 50, 100, 500] } : {};
  return {
    width,
    height,
    series: [{ label: panel.x, value: (_, value) => digits(value) }, ...series],
    scales: {
      x: { time: false, distr: panel.log_x ? 3 : 1, },
      y: { distr: panel.log_y ? 3 : 1 },
    },
    axes: [{ ...axis(panel.x, 30), ...(panel.log_x ? {} : whole) }, axis(panel.y, 52)],
    cursor: { sync: { key, setSeries: true }, focus: { prox: 20 }, drag: { x: true, y: false } },
    focus: { alpha: 0.35 },
    legend: { markers: { width: 0, fill: (_, at) => `var(--series-${panel.lines[at - 1].colour})` } },
  };
}

document.querySelectorAll("figure.plot").forEach((figure, place) => {
  const plot = dataOf(figure);
  const range = rangeOf(plot);
  const box = make("div");
  let made = [];
  let width = 0;
  figure.append(box);

  function draw(forPaper = false) {
    for (const chart of made) chart.destroy();
    width = forPaper ? PAPER_WIDTH : box.clientWidth;
    const [first, others] = forPaper ? PAPER_HEIGHTS : HEIGHTS;
    made = plot.panels.map((panel, number) => {
      const data = uPlot.join(panel.lines.map((line) => line.points));
      const chart = new uPlot(panelOf(panel, range, number === 0 ? first : others, width, `plot-${place}`), data, box);
      chart.setScale("x", { min: range[0], max: range[1] });
      return chart;
    });
  }

  drawings.push((forPaper) => { if (made.length || forPaper) draw(forPaper); });
  new IntersectionObserver((entries) => { // many plots: each is drawn when it comes into view
    if (!made.length && entries.some((entry) => entry.isIntersecting)) draw();
  }, { rootMargin: "600px" }).observe(figure);
  new ResizeObserver(() => {
    const paper = document.documentElement.classList.contains("paper");
    if (made.length && !paper && Math.abs(box.clientWidth - width) > 1) draw();
  }).observe(box);
});
