// While a reading is under way, show how far it came; when it ends, show the list it made.
(() => {
  const panel = document.querySelector("[data-mirror]");
  if (!panel || !panel.querySelector("[data-busy]")) {
    return;
  }
  const again = async () => {
    const answer = await fetch(panel.dataset.mirror, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) {
      return;
    }
    panel.innerHTML = await answer.text();
    if (panel.querySelector("[data-busy]")) {
      setTimeout(again, 2000);
    } else {
      location.reload();
    }
  };
  setTimeout(again, 1500);
})();
