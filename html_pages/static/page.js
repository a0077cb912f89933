// What all parts of a page share.

const dataOf = (element) => JSON.parse(element.querySelector('script[type="application/json"]').textContent);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const signed = (value, digits) => (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);
const drawings = []; // functions that draw a plot or a picture again: in other colours, or for paper

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function drawAll(forPaper = false) {
  for (const draw of drawings) draw(forPaper);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper"); // light, also where the screen is dark
  drawAll(true);
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  drawAll();
});

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // a browser that does not trust pages from disk
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const label = button.dataset.label ??= button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 1500);
}

const whole = document.getElementById("copy-markdown");
whole?.addEventListener("click", () => {
  copy(JSON.parse(document.getElementById("markdown").textContent), whole);
});
