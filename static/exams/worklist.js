// Filters apply as they are chosen; j and k move through the rows.
(() => {
  "use strict";
  document.documentElement.classList.add("js");

  const form = document.querySelector("[data-filters]");
  if (form) {
    // Empty fields stay out of the address.
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (!field.value) field.disabled = true;
    });
    form.addEventListener("change", () => form.requestSubmit());
    window.addEventListener("pageshow", () => {
      for (const field of form.elements) field.disabled = false;
    });
  }

  const links = [...document.querySelectorAll("[data-row] .row-link")];
  // For the pages of an exam, which lead on to the next one. It contains no names: a search has a short id.
  try {
    const exams = links.map((link) => link.getAttribute("href"));
    sessionStorage.setItem("worklist", JSON.stringify({ address: location.pathname + location.search, exams }));
  } catch {
    // Storage can be switched off or full; then those pages lead back to the whole worklist.
  }
  const move = (step) => {
    const at = links.indexOf(document.activeElement);
    const next = links[at === -1 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step))];
    if (!next) return;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.key === "Escape" && target.matches("[data-search]")) target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("input, select, textarea")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "/") document.querySelector("[data-search]").focus();
    else return;
    event.preventDefault();
  });
})();
