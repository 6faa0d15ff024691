// Renews the page while its tab is in front, sorts tables and copies patches.
// Without it the page is complete, as of the time it was loaded.
"use strict";
(() => {
  const EVERY = 5000; // Every other request finds a new window of ten seconds.
  const PATIENCE = 4000;
  const GONE = 3; // Failures in a row after which the proxy counts as unreachable.
  const main = document.getElementById("main");
  const state = document.getElementById("state");
  const sorted = new Map();
  let fresh = new Date();
  let failures = 0;
  let timer = 0;

  const clock = (date) => date.toLocaleTimeString([], { hour12: false });

  function show(kind, text) {
    document.body.dataset.state = kind;
    if (state.textContent !== text) state.textContent = text;
  }

  function report(why) {
    if (failures === 0) return show("fresh", "As of " + clock(fresh));
    if (failures < GONE) return show("stale", "Stale since " + clock(fresh) + ": " + why);
    show(
      "gone",
      "Unreachable, stale since " + clock(fresh) + ": " + why +
        ". Check the port-forward and the pod. Retrying."
    );
  }

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const url = new URL(location.href);
      url.searchParams.set("part", "1");
      const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      if (!response.ok) throw new Error("HTTP status " + response.status);
      replace(await response.text());
      fresh = new Date();
      failures = 0;
      report();
    } catch (error) {
      failures += 1;
      report(error.name === "TypeError" ? "connection failed" : error.name === "TimeoutError" ? "no answer in time" : error.message);
    }
    timer = setTimeout(refresh, EVERY);
  }

  // Section by section, so that selections, open details and the focus stay.
  function replace(text) {
    const next = new DOMParser().parseFromString(text, "text/html").body;
    const ids = (root) => [...root.children].map((child) => child.id).join();
    const focused = document.activeElement && path(document.activeElement);
    if (ids(next) !== ids(main)) {
      main.replaceChildren(...next.childNodes);
    } else {
      for (const section of [...next.children]) {
        const old = document.getElementById(section.id);
        if (selected(old)) continue;
        const scrolls = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
        for (const open of old.querySelectorAll("details[open]")) {
          const same = section.querySelector("#" + CSS.escape(open.id));
          if (same) same.open = true;
        }
        old.replaceWith(section);
        section.querySelectorAll(".scroll").forEach((box, n) => (box.scrollLeft = scrolls[n] || 0));
      }
    }
    prepare();
    const again = focused && find(focused);
    if (again && again !== document.activeElement) again.focus({ preventScroll: true });
  }

  function selected(section) {
    const selection = getSelection();
    return selection && !selection.isCollapsed && selection.containsNode(section, true);
  }

  // Where an element is, in terms that also find its replacement.
  function path(element) {
    const section = element.closest("section");
    if (!section) return null;
    const all = [...section.querySelectorAll(element.tagName)];
    return [section.id, element.tagName, all.indexOf(element), element.textContent];
  }

  function find([id, tag, at, text]) {
    const section = document.getElementById(id);
    if (!section) return null;
    const all = [...section.querySelectorAll(tag)];
    return all.find((one) => one.textContent === text) || all[at];
  }

  function prepare() {
    for (const table of document.querySelectorAll("table[id]:not(.fixed)")) {
      table.querySelectorAll("thead th").forEach((head, column) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        button.addEventListener("click", () => resort(table, column));
        head.append(button);
      });
      if (sorted.has(table.id)) sort(table, sorted.get(table.id));
    }
    for (const time of document.querySelectorAll("[data-ago]")) {
      const at = new Date(fresh - time.dataset.ago * 1000);
      const day = at.toDateString() === fresh.toDateString() ? "" : at.toLocaleDateString() + " ";
      time.textContent = "since " + day + clock(at).slice(0, 5);
    }
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.addEventListener("click", () => copy(button));
    }
  }

  // The first click sorts numbers from the greatest, words from A.
  function resort(table, column) {
    const before = sorted.get(table.id);
    const numbers = table.tBodies[0].rows[0]?.cells[column].dataset.v !== undefined;
    const order = before && before.column === column ? -before.order : numbers ? -1 : 1;
    sorted.set(table.id, { column, order });
    sort(table, { column, order });
  }

  function sort(table, { column, order }) {
    const value = (row) => {
      const cell = row.cells[column];
      return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
    };
    const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => order * compare(value(a), value(b))));
    table.querySelectorAll("thead th").forEach((head, n) => {
      if (n === column) head.setAttribute("aria-sort", order > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  }

  // Browsers allow the clipboard only on secure pages, such as localhost.
  // Elsewhere the text is selected, to be copied by hand.
  async function copy(button) {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      text.focus();
      button.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 3000);
  }

  document.addEventListener("visibilitychange", refresh);
  prepare();
  report();
  timer = setTimeout(refresh, EVERY);
})();
