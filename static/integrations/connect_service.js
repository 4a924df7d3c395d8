// Focus the first field to fill in, propose a slug while the name is typed, and send the form only once, since
// Clarius Cloud may take a while to answer.
(() => {
  const form = document.querySelector("[data-connect]");
  const { name, slug } = form.elements;
  const button = form.querySelector("[data-busy]");
  const label = button.textContent;
  let isOwn = slug.value !== "";
  const propose = (text) =>
    text
      .normalize("NFKD")
      .replace(/[\u0300-\u036f]/g, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 50)
      .replace(/^-+|-+$/g, "");
  (form.querySelector("[aria-invalid]") ?? name).focus();
  slug.addEventListener("input", () => {
    isOwn = slug.value !== "";
  });
  name.addEventListener("input", () => {
    if (!isOwn) {
      slug.value = propose(name.value);
    }
  });
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
  // The Back button of the browser may restore the page with a disabled button.
  window.addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = label;
  });
})();
