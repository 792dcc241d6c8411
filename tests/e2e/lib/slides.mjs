// A screen to show and an eye to read it. Handed to the browser as text, like media.mjs.

/** getDisplayMedia gives a slide with fine print: stripes two pixels wide, and a field whose colour tells which slide. */
export const fakeScreen = ({ width = 1280, height = 720, fps = 10 } = {}) => {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const draw = canvas.getContext("2d");
  let step = 0;
  window.slide = "rgb(200 40 40)";
  setInterval(() => {
    if (window.screenRests) return; // nobody touches it: no pictures come
    draw.fillStyle = "#fff";
    draw.fillRect(0, 0, width, height);
    draw.fillStyle = "#000";
    for (let x = 200; x < 600; x += 4) draw.fillRect(x, 200, 2, 200);
    draw.font = "16px sans-serif";
    for (let line = 0; line < 12; line++)
      draw.fillText(`Điểm cầu ${line}: số liệu thu ngân sách quý III theo từng huyện`, 640, 220 + line * 22);
    draw.fillStyle = window.slide;
    draw.fillRect(0, 500, width, 220);
    draw.fillStyle = "#888";
    draw.fillRect(((step++ * 4) % 100) + 10, 20, 8, 8); // the clock in the corner: a screen is never quite still
  }, 1000 / fps);
  window.screens = [];
  navigator.mediaDevices.getDisplayMedia = async () => {
    if (window.refuseScreen) throw new DOMException("Permission denied by user", "NotAllowedError");
    const stream = canvas.captureStream(fps);
    window.screens.push(...stream.getTracks());
    return stream;
  };
  /** The browser's own "stop sharing". */
  window.stopSharing = () => {
    const track = window.screens.pop();
    track.stop();
    track.dispatchEvent(new Event("ended"));
  };
};

/** Where the stripes lie, over which width, and the middle of the field above the lower edge. */
export const slideMarks = { x: 200, y: 300, width: 400, field_up: 60 };

/** What #slides shows: its size, how black and white the stripes are (0..255), and the colour of the field; null: nothing. */
export const readSlide = (marks) => {
  const video = document.getElementById("slides");
  if (video === null || video.readyState < 2 || video.videoWidth === 0) return null;
  const { videoWidth: width, videoHeight: height } = video;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  draw.drawImage(video, 0, 0);
  const { data } = draw.getImageData(marks.x, marks.y, marks.width, 1);
  let dark = 0;
  let light = 0;
  for (let x = 0; x < marks.width; x++) {
    const value = data[x * 4 + 1];
    if (x % 4 < 2) dark += value;
    else light += value;
  }
  const contrast = Math.round(((light - dark) / marks.width) * 2);
  const field = draw.getImageData(width / 2, height - marks.field_up, 1, 1).data;
  return { width, height, contrast, field: [field[0], field[1], field[2]] };
};

/** Plays a view by WHEP in #program, as a player without any page of ours would. */
export const watchByWhep = async ({ address, token }) => {
  const video = document.createElement("video");
  video.id = "program";
  video.muted = video.autoplay = true;
  document.body.append(video);
  const pc = new RTCPeerConnection();
  window.whep = pc;
  pc.ontrack = (event) => {
    if (event.track.kind === "video") video.srcObject = new MediaStream([event.track]);
  };
  for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "recvonly" });
  await pc.setLocalDescription(await pc.createOffer());
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: pc.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
};
