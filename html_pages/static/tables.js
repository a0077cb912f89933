// Tables that can be sorted by each column, and copied as they are sorted. Rows of means stay below the others.

function valueOf(cell) {
  if ("value" in cell.dataset) return Number(cell.dataset.value); // what the text of the cell stands for
  const text = cell.textContent.trim().replaceAll("\u2212", "-");
  const number = Number.parseFloat(text.replace(/^[+]/, "").replaceAll(",", ""));
  return Number.isNaN(number) || /^[+-]?[\d.,]+[^\d\s%.,+-]/.test(text) ? text : number; // "8x8" is no number
}

function compare(first, second) {
  const numbers = (typeof first === "number") - (typeof second === "number");
  if (numbers) return -numbers; // numbers before texts such as "(a)", the mark of an empty cell
  return typeof first === "number" ? first - second : first.localeCompare(second, undefined, { numeric: true });
}

function sortable(table) {
  const body = table.tBodies[0];
  if (!body) return;
  const written = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: null }[head.ariaSort ?? ""];
      const order = next === undefined ? "ascending" : next;
      for (const other of heads) other.removeAttribute("aria-sort");
      const rows = [...written];
      if (order) {
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const isMean = (row) => /^mean( |$)/.test(row.cells[0].textContent.trim());
        rows.sort((a, b) => {
          const [one, other] = [a, b].map((row) => valueOf(row.cells[column]));
          const mixed = typeof one !== typeof other;
          return isMean(a) - isMean(b) || (mixed ? 1 : sign) * compare(one, other);
        });
      }
      body.append(...rows);
    });
  });
}

function asMarkdown(table) {
  const escaped = (text) => text.trim().replace(/[\\|<`*[$~&]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&");
  const lines = [...table.rows].map((row) => {
    const cells = [...row.cells].map((cell) => {
      const bold = cell.querySelector("strong");
      const rest = bold ? cell.textContent.replace(bold.textContent, "") : cell.textContent;
      return (bold ? `**${escaped(bold.textContent)}** ` : "") + escaped(rest);
    });
    return `| ${cells.map((cell) => cell.trim()).join(" | ")} |`;
  });
  const rule = [...table.rows[0].cells].map((cell) => (cell.style.textAlign === "right" ? "---:" : "---"));
  return [lines[0], `|${rule.join("|")}|`, ...lines.slice(1)].join("\n");
}

for (const box of document.querySelectorAll(".table")) {
  const table = box.querySelector("table");
  sortable(table);
  const button = make("button", { type: "button", className: "copy", title: "Copy this table as Markdown" }, "Copy");
  button.addEventListener("click", () => copy(asMarkdown(table), button));
  box.append(button);
}
