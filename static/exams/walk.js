// The way through the worklist as this tab last showed it: back to it, and on to the exam before or after.
(() => {
  "use strict";
  const nav = document.querySelector("[data-walk]");
  if (!nav) return;
  const back = nav.querySelector("[data-walk-back]");

  const remembered = () => {
    try {
      return JSON.parse(sessionStorage.getItem("worklist")) || {};
    } catch {
      // Storage can be switched off; then the link leads to the whole worklist.
      return {};
    }
  };
  const { address, exams } = remembered();
  if (typeof address === "string" && address.startsWith(`${back.pathname}?`)) back.href = address;

  const at = Array.isArray(exams) ? exams.indexOf(nav.dataset.walk) : -1;
  for (const link of nav.querySelectorAll("[data-walk-step]")) {
    const exam = at < 0 ? undefined : exams[at + Number(link.dataset.walkStep)];
    if (!exam) continue;
    link.href = exam;
    link.hidden = false;
  }

  const KEYS = { w: "[data-walk-back]", p: '[data-walk-step="-1"]', n: '[data-walk-step="1"]' };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const link = KEYS[event.key] && nav.querySelector(KEYS[event.key]);
    if (link && !link.hidden) link.click();
  });
})();
