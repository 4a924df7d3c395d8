// While a sync runs, show its progress; when it ends, reload the list.
(() => {
  const panel = document.querySelector("[data-sync]");
  if (!panel || !panel.querySelector("[data-busy]")) {
    return;
  }
  const look = async () => {
    const answer = await fetch(panel.dataset.sync, { headers: { "X-Requested-With": "fetch" } });
    if (answer.redirected || answer.status === 403) {
      // The session has ended: reloading leads to the log-in page.
      location.reload();
    } else if (answer.ok) {
      panel.innerHTML = await answer.text();
    }
  };
  const again = async () => {
    // After a failed request the next one follows as usual.
    await look().catch(() => {});
    if (panel.querySelector("[data-busy]")) {
      setTimeout(again, 2000);
    } else {
      location.reload();
    }
  };
  setTimeout(again, 1500);
})();
