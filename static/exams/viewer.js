// One capture at a time, zoom for images, keys as in any viewer. Without this file all captures are listed below each other.
(() => {
  "use strict";
  const STEP = 1.25;
  const LARGEST = 8;
  // Kept for the tab: claiming the exam or coming back from its report shows the same capture again.
  const PLACE = `capture:${location.pathname}`;
  const linked = () => Number(/^#capture-([0-9]+)$/.exec(location.hash)?.[1]) || 0;
  let current = linked() || recall();
  // Until the reader has chosen, or there is something to look at, the page has not begun.
  let isChosen = current > 0;
  let scale = 0; // 0 means: as large as fits.

  const viewer = () => document.querySelector("[data-viewer]");
  const frames = () => [...viewer().querySelectorAll("[data-frame]")];
  const frame = () => frames().find((each) => Number(each.dataset.frame) === current);
  const area = () => frame()?.querySelector("[data-zoomable]");
  const video = () => frame()?.querySelector("video");

  const fitted = (box, image) =>
    Math.min(box.clientWidth / image.naturalWidth, box.clientHeight / image.naturalHeight) || 1;

  function recall() {
    try {
      return Number(sessionStorage.getItem(PLACE)) || 0;
    } catch {
      return 0;
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(PLACE, String(current));
    } catch {
      // Without storage the page starts at the first capture each time.
    }
  }

  const reported = new Set();

  // A report can be signed only after each capture was displayed: here, not while it was fetched ahead.
  function reportSeen(shown) {
    const address = shown?.dataset.seen;
    if (!address || shown !== frame() || document.hidden || reported.has(address)) return;
    reported.add(address);
    const token = viewer().querySelector("[name=csrfmiddlewaretoken]")?.value;
    fetch(address, { method: "POST", headers: { "X-CSRFToken": token }, keepalive: true })
      .then((answer) => (answer.ok ? shown.removeAttribute("data-seen") : reported.delete(address)))
      .catch(() => reported.delete(address));
  }

  function awaitSeen() {
    const shown = frame();
    if (!shown?.dataset.seen || reported.has(shown.dataset.seen)) return;
    const image = shown.querySelector("img");
    if (image) {
      const check = () => image.naturalWidth && reportSeen(shown);
      if (image.complete) check();
      else image.addEventListener("load", check, { once: true });
      return;
    }
    const loop = video();
    loop?.requestVideoFrameCallback?.(() => reportSeen(shown));
    // Behind its poster, and after it was hidden, a paused loop presents nothing new.
    // It has to be on the screen first, and a seek to where it is would be none.
    const nudge = () => {
      if (loop === video() && loop.paused) loop.currentTime += 0.0001;
    };
    const present = () => requestAnimationFrame(() => requestAnimationFrame(nudge));
    if (loop?.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) present();
    else loop?.addEventListener("loadeddata", present, { once: true });
  }

  // Failed and pending captures are in the strip; the page starts with the first one that can be shown.
  function firstToSee() {
    const all = frames();
    const seen = all.find((each) => !each.querySelector(".frame-none")) ?? all[0];
    return Number(seen.dataset.frame);
  }

  function zoom(to) {
    const box = area();
    const image = box?.querySelector("img");
    if (!image?.naturalWidth) return;
    const before = box.querySelector("img").getBoundingClientRect().width / image.naturalWidth;
    const middle = [
      (box.scrollLeft + box.clientWidth / 2) / Math.max(box.scrollWidth, 1),
      (box.scrollTop + box.clientHeight / 2) / Math.max(box.scrollHeight, 1),
    ];
    const base = scale || fitted(box, image);
    if (to === "fit") scale = 0;
    else if (to === "one") scale = 1 / window.devicePixelRatio;
    else scale = Math.min(LARGEST, Math.max(0.1, to === "in" ? base * STEP : base / STEP));
    box.classList.toggle("is-zoomed", scale > 0);
    image.style.width = scale ? `${image.naturalWidth * scale}px` : "";
    image.style.height = scale ? `${image.naturalHeight * scale}px` : "";
    if (scale && before) {
      box.scrollLeft = middle[0] * box.scrollWidth - box.clientWidth / 2;
      box.scrollTop = middle[1] * box.scrollHeight - box.clientHeight / 2;
    }
    for (const name of ["fit", "one"]) {
      viewer().querySelector(`[data-zoom="${name}"]`).setAttribute("aria-pressed", String(to === name));
    }
  }

  function show(number, { moveFocus = false } = {}) {
    const all = frames();
    if (!all.length) return;
    if (scale) zoom("fit");
    const numbers = all.map((each) => Number(each.dataset.frame));
    current = numbers.includes(number) ? number : numbers[0];
    const at = numbers.indexOf(current);
    all.forEach((each, place) => {
      each.hidden = place !== at;
      if (place !== at) each.querySelector("video")?.pause();
      // The neighbour is fetched ahead, so that stepping through feels immediate.
      if (Math.abs(place - at) <= 1) each.querySelector("img[loading]")?.removeAttribute("loading");
    });
    isChosen ||= !frame().querySelector(".frame-none");
    if (isChosen) keep();
    sayFrame();
    const loop = video();
    if (loop) {
      loop.preload = "auto";
      // Without the times of its frames, a loop can only be played.
      const hasTimes = Boolean(loop.dataset.times);
      for (const button of viewer().querySelectorAll("[data-frame-step]")) button.hidden = !hasTimes;
      if (hasTimes) window.loops.follow(loop, (...counts) => loop === video() && sayFrame(...counts));
    }
    awaitSeen();
    sayPlaying();
    viewer().querySelector("[data-loop-group]").hidden = !video();
    viewer().querySelector("[data-counter]").textContent = `${at + 1} / ${all.length}`;
    viewer().querySelector('[data-go="-1"]').disabled = at === 0;
    viewer().querySelector('[data-go="1"]').disabled = at === all.length - 1;
    viewer().querySelector("[data-zoom-group]").hidden = !area();
    for (const pick of viewer().querySelectorAll("[data-pick]")) {
      if (Number(pick.dataset.pick) !== current) {
        pick.removeAttribute("aria-current");
        continue;
      }
      pick.setAttribute("aria-current", "true");
      const strip = pick.closest(".strip");
      strip.scrollLeft = pick.offsetLeft - strip.offsetLeft - (strip.clientWidth - pick.clientWidth) / 2;
      if (moveFocus) pick.focus({ preventScroll: true });
    }
  }

  function go(step) {
    const numbers = frames().map((each) => Number(each.dataset.frame));
    const next = numbers[numbers.indexOf(current) + step];
    if (next === undefined) return;
    isChosen = true;
    show(next, { moveFocus: document.activeElement?.matches?.("[data-pick]") });
  }

  function stepVideo(direction) {
    if (video()?.dataset.times) window.loops.step(video(), direction);
  }

  function sayFrame(number, total) {
    const label = viewer()?.querySelector("[data-frame-label]");
    if (label) label.textContent = number ? `frame ${number} of ${total}` : "";
  }

  function play() {
    const loop = video();
    if (!loop) return;
    if (loop.paused) loop.play()?.catch(() => {});
    else loop.pause();
  }

  function sayPlaying() {
    const button = viewer()?.querySelector("[data-play]");
    if (button) button.textContent = video() && !video().paused ? "Pause" : "Play";
  }

  function wholeScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else viewer().requestFullscreen?.();
  }

  function begin() {
    const root = viewer();
    if (!root?.querySelector("[data-frame]")) return;
    root.classList.add("is-single");
    root.querySelector("[data-viewer-bar]").hidden = false;
    root.querySelector("[data-viewer-keys]").hidden = false;
    scale = 0;
    show(isChosen ? current : firstToSee());
  }

  document.addEventListener("click", (event) => {
    const pick = event.target.closest("[data-pick]");
    if (pick) {
      event.preventDefault();
      isChosen = true;
      show(Number(pick.dataset.pick));
      return;
    }
    const button = event.target.closest("[data-viewer-bar] button");
    if (!button) return;
    if (button.dataset.go) go(Number(button.dataset.go));
    else if (button.dataset.zoom) zoom(button.dataset.zoom);
    else if (button.dataset.frameStep) stepVideo(Number(button.dataset.frameStep));
    else if (button.dataset.play !== undefined) play();
    else wholeScreen();
  });

  document.addEventListener("dblclick", (event) => {
    if (event.target.closest("[data-zoomable]")) zoom(scale ? "fit" : "in");
  });

  // Only with a key held, so that the wheel goes on scrolling the page.
  document.addEventListener(
    "wheel",
    (event) => {
      if (!(event.ctrlKey || event.metaKey) || !event.target.closest?.("[data-zoomable]")) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? "in" : "out");
    },
    { passive: false },
  );

  document.addEventListener("pointerdown", (event) => {
    const box = event.target.closest?.(".frame-view.is-zoomed");
    if (!box || event.pointerType !== "mouse" || event.button !== 0) return;
    event.preventDefault();
    const from = { x: event.clientX + box.scrollLeft, y: event.clientY + box.scrollTop };
    box.classList.add("is-held");
    const drag = (move) => {
      box.scrollLeft = from.x - move.clientX;
      box.scrollTop = from.y - move.clientY;
    };
    const drop = () => {
      box.classList.remove("is-held");
      window.removeEventListener("pointermove", drag);
    };
    window.addEventListener("pointermove", drag);
    window.addEventListener("pointerup", drop, { once: true });
  });

  const KEYS = {
    j: () => go(1), ArrowRight: () => go(1), k: () => go(-1), ArrowLeft: () => go(-1),
    0: () => zoom("fit"), 1: () => zoom("one"), "+": () => zoom("in"), "=": () => zoom("in"), "-": () => zoom("out"),
    f: wholeScreen, " ": play, ",": () => stepVideo(-1), ".": () => stepVideo(1), Escape: () => zoom("fit"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    // A zoomed image scrolls and a loop seeks with the arrows; j and k still step through.
    if (event.key.startsWith("Arrow") && (scale || event.target.matches("video"))) return;
    if (!frames().length || !KEYS[event.key]) return;
    // Space presses the button that has the focus, moves a page of images, and a player knows it itself.
    if (event.key === " " && (!video() || event.target.matches("a, button, summary, video"))) return;
    KEYS[event.key]();
    if (event.key !== "Escape") event.preventDefault();
  });

  // They do not bubble.
  for (const name of ["play", "pause"]) document.addEventListener(name, sayPlaying, true);

  document.addEventListener("htmx:afterSettle", begin);
  document.addEventListener("visibilitychange", () => viewer()?.querySelector("[data-frame]") && awaitSeen());
  begin();
})();
