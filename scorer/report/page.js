"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // The switch of colours: at first those of the system.
  const theme = document.getElementById("theme");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
  nameTheme();

  // What a mark of a drawing, or a coloured word, says: by pointer, by touch, by arrow keys.
  const tip = document.getElementById("tip");
  const hide = () => {
    tip.hidden = true;
    all(".drawing.active").forEach((drawing) => drawing.classList.remove("active"));
    all(".tip.on").forEach((mark) => mark.classList.remove("on"));
  };
  const show = (mark, text) => {
    hide();
    const drawing = mark.closest(".drawing");
    if (drawing) { drawing.classList.add("active"); mark.classList.add("on"); }
    tip.textContent = text;
    tip.hidden = false;
    const at = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - own.width / 2, 8), innerWidth - own.width - 8);
    const above = at.top - own.height - 8;
    tip.style.setProperty("left", `${left}px`);
    tip.style.setProperty("top", `${above > 8 ? above : at.bottom + 8}px`);
  };
  const wordOf = (mark) => `${mark.dataset.effect} of the strongest word's effect`;
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest(".tip"), word = event.target.closest("mark");
    if (mark) show(mark, mark.dataset.tip);
    else if (word) show(word, wordOf(word));
    else hide();
  });
  document.addEventListener("scroll", hide, { passive: true });
  for (const drawing of all(".drawing")) {
    let place = -1;
    const marks = () => all(".tip", drawing).filter((mark) => mark.getBoundingClientRect().width > 0);
    drawing.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const there = marks();
      if (event.key === "Escape") hide();
      if (!step || !there.length) return;
      event.preventDefault();
      place = place < 0 ? (step > 0 ? 0 : there.length - 1) : (place + step + there.length) % there.length;
      show(there[place], there[place].dataset.tip);
    });
    drawing.addEventListener("blur", () => { place = -1; hide(); });
  }

  // Tables sort by a click on a column's title, and show the rows that hold what is searched for.
  const keyOf = (row, column) => row.cells[column].dataset.key;
  const compare = (column, sign) => (a, b) => {
    const [x, y] = [keyOf(a, column), keyOf(b, column)];
    if (x !== undefined && y !== undefined) return sign * (Number(x) - Number(y));
    if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
    return sign * a.cells[column].textContent.trim().localeCompare(b.cells[column].textContent.trim());
  };
  for (const table of all("table[data-sortable]")) {
    if (table.tBodies[0].rows.length < 2) continue;
    all("thead th", table).forEach((title, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...title.childNodes);
      title.append(button);
      button.addEventListener("click", () => {
        const falls = title.classList.contains("num") ? title.ariaSort !== "descending" : title.ariaSort === "ascending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        title.setAttribute("aria-sort", falls ? "descending" : "ascending");
        table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare(column, falls ? -1 : 1)));
      });
    });
  }
  for (const input of all("input[data-filter]")) {
    const rows = input.closest(".block").querySelector("tbody").rows;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }

  // On paper nothing can be opened.
  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details:not([open])"); closed.forEach((one) => { one.open = true; }); });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
})();
