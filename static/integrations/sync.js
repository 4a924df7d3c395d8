// While a reading is under way, show how far it came; when it ends, show the list it made.
(() => {
  const panel = document.querySelector("[data-sync]");
  if (!panel || !panel.querySelector("[data-busy]")) {
    return;
  }
  const look = async () => {
    const answer = await fetch(panel.dataset.sync, { headers: { "X-Requested-With": "fetch" } });
    if (answer.redirected || answer.status === 403) {
      // Logged out meanwhile: the page itself says so.
      location.reload();
    } else if (answer.ok) {
      panel.innerHTML = await answer.text();
    }
  };
  const again = async () => {
    // A look that fails is followed by the next one.
    await look().catch(() => {});
    if (panel.querySelector("[data-busy]")) {
      setTimeout(again, 2000);
    } else {
      location.reload();
    }
  };
  setTimeout(again, 1500);
})();
