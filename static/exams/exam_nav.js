// Links from an exam to the worklist as this tab last showed it, and to the previous and next exam in it.
(() => {
  "use strict";
  const nav = document.querySelector("[data-exam-nav]");
  if (!nav) return;
  const back = nav.querySelector("[data-exam-nav-back]");

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

  const at = Array.isArray(exams) ? exams.indexOf(nav.dataset.examNav) : -1;
  for (const link of nav.querySelectorAll("[data-exam-nav-step]")) {
    const exam = at < 0 ? undefined : exams[at + Number(link.dataset.examNavStep)];
    if (!exam) continue;
    link.href = exam;
    link.hidden = false;
  }

  const KEYS = { w: "[data-exam-nav-back]", p: '[data-exam-nav-step="-1"]', n: '[data-exam-nav-step="1"]' };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const link = KEYS[event.key] && nav.querySelector(KEYS[event.key]);
    if (link && !link.hidden) link.click();
  });
})();
