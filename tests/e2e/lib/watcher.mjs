// Looks at every frame that a page shows, from inside it: what is black for one frame only is found, too.

/** Begins to look at the program at points given as shares of it; window.looked() ends it and tells. Runs in the page. */
export const beginLooking = (points) => {
  const video = document.getElementById("program");
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  const seen = { frames: 0, black: [], colours: points.map(() => new Set()) };
  let going = true;
  let unread = 0;
  const look = () => {
    if (!going) return;
    draw.drawImage(video, 0, 0, 320, 180);
    // The ground of our pictures is not quite black: nothing but zeros is a frame that Chromium could not read back, which
    // happens once or twice when a page has just come to the front.
    const { data: whole } = draw.getImageData(0, 0, 320, 180);
    if (unread < 2 && whole.every((one, i) => i % 4 === 3 || one === 0)) {
      unread++;
      video.requestVideoFrameCallback(look);
      return;
    }
    seen.frames++;
    points.forEach(([x, y], at) => {
      const { data } = draw.getImageData(Math.round(x * 320) - 2, Math.round(y * 180) - 2, 4, 4);
      const sum = [0, 0, 0];
      for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c] / 16;
      if (Math.max(...sum) < 60) seen.black.push({ frame: seen.frames, at, rgb: sum.map(Math.round) });
      seen.colours[at].add(sum.map((one) => Math.round(one / 32)).join());
    });
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  window.looked = () => {
    going = false;
    return { ...seen, colours: seen.colours.map((set) => set.size) };
  };
};
