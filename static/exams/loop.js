// Loops are stepped by the time of each stored frame; which frame is shown says the browser, never the request.
window.loops = (() => {
  "use strict";
  // The browser's time of a frame and the stored one differ by rounding.
  const TOLERANCE = 0.002;
  // Seeks that may lead to another frame before that frame is passed over.
  const OTHERS = 3;
  const states = new WeakMap();

  function stateOf(video) {
    if (!states.has(video)) {
      const times = (video.dataset.times || "").split(",").filter(Boolean).map((each) => Number(each) / 1000);
      states.set(video, { times, zero: null, shown: null, wanted: null, early: 0, report: () => {} });
    }
    return states.get(video);
  }

  // The last frame that begins at this time or before it.
  function frameAt(state, mediaTime) {
    const at = mediaTime - state.zero + TOLERANCE;
    let low = 0;
    let high = state.times.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (state.times[middle] <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function present(video, mediaTime) {
    const state = stateOf(video);
    // A file need not begin at zero: its first picture tells where it does.
    if (state.zero === null) state.zero = mediaTime;
    state.shown = frameAt(state, mediaTime);
    state.report();
    if (state.early) {
      const direction = state.early;
      state.early = 0;
      step(video, direction);
      return;
    }
    if (state.wanted === null) return;
    const isBeyond = (state.shown - state.sought) * state.direction > 0;
    if (state.shown === state.wanted || (isBeyond && state.sought === state.wanted)) state.wanted = null;
    // The reader has pressed again meanwhile.
    else if (state.shown === state.sought || isBeyond) seek(video, state.wanted);
  }

  // A seek has ended. If another frame is shown, it is made again, and then leads to the frame beyond: some
  // files have frames that a browser never presents.
  function settle(video) {
    const state = stateOf(video);
    if (state.shown === state.wanted) state.wanted = null;
    if (video.seeking || state.wanted === null) return;
    if (state.wanted !== state.sought) {
      seek(video, state.wanted);
      return;
    }
    state.others += 1;
    const beyond = state.wanted + state.direction;
    if (state.others < OTHERS) move(video, state.sought);
    else if (beyond === state.shown || state.times[beyond] === undefined) state.wanted = null;
    else seek(video, beyond);
  }

  // Called for every presented frame as long as the video exists.
  function watch(video) {
    video.requestVideoFrameCallback((_, { mediaTime }) => {
      present(video, mediaTime);
      watch(video);
    });
  }

  function seek(video, frame) {
    const state = stateOf(video);
    state.wanted = state.sought = frame;
    state.others = 0;
    move(video, frame);
  }

  function move(video, frame) {
    const { times, zero } = stateOf(video);
    const begin = times[frame];
    // The last frame may last for longer than the video.
    const end = times[frame + 1] ?? begin + (begin - times[frame - 1] || 0);
    // The middle of its time: rounding cannot lead to a neighbour.
    video.currentTime = zero + (begin + end) / 2;
  }

  // Step by presented frames, and stop at both ends; a press during a seek counts from where that seek leads.
  function step(video, direction) {
    const state = stateOf(video);
    video.pause();
    if (state.zero === null) {
      state.early += direction;
      return;
    }
    state.direction = direction;
    const from = state.wanted ?? state.shown;
    const to = Math.min(state.times.length - 1, Math.max(0, from + direction));
    if (to === from) return;
    if (state.wanted === null) seek(video, to);
    else state.wanted = to;
  }

  return {
    // Call `report` with each presented frame of a video.
    follow(video, report) {
      const state = stateOf(video);
      state.report = () => report(state.shown + 1, state.times.length);
      if (state.isWatched) return;
      state.isWatched = true;
      watch(video);
      video.addEventListener("seeked", () => {
        requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => settle(video))));
      });
      // Behind its poster a video presents nothing.
      const begin = () => {
        if (state.zero === null) video.currentTime = 0;
      };
      if (video.readyState) begin();
      else video.addEventListener("loadedmetadata", begin, { once: true });
    },

    step,
  };
})();
