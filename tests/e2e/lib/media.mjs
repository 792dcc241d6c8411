// What runs inside the pages under test: a camera of one colour, a microphone of one tone, and the looking and
// listening at what comes back. These functions are handed to the browser as text and see nothing of this file.

/** Replaces the camera and microphone by a canvas of one colour and an oscillator that is switched like speech. */
export const fakeDevices = ({ colour, tone_hz, devices, figure }) => {
  const media = navigator.mediaDevices;
  const listed = new Set(devices ?? ["videoinput", "audioinput"]);
  const made = [];
  const picture = () => {
    const canvas = document.createElement("canvas");
    canvas.width = 640;
    canvas.height = 360;
    const draw = canvas.getContext("2d");
    let step = 0;
    setInterval(() => {
      draw.fillStyle = colour;
      draw.fillRect(0, 0, canvas.width, canvas.height);
      if (figure) {
        // Somebody at a desk, who nods: for pictures that people look at.
        const nod = Math.sin(step / 6) * 4;
        const shape = (fill, ...points) => {
          draw.fillStyle = fill;
          draw.beginPath();
          draw.ellipse(...points, 0, 0, 2 * Math.PI);
          draw.fill();
        };
        shape("#22303c", 320, 330, 150, 130);
        shape("#d9b08c", 320, 150 + nod, 58, 72);
        shape("#1c1c1c", 320, 105 + nod, 62, 42);
        draw.fillStyle = "#6b4a2f";
        draw.fillRect(0, 310, 640, 50);
        step++;
        return;
      }
      draw.fillStyle = "#ffffff";
      draw.fillRect((step++ * 8) % 600, 20, 24, 24);
    }, 1000 / 15);
    return canvas.captureStream(15).getVideoTracks()[0];
  };
  const voice = () => {
    const audio = new AudioContext();
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => void audio.resume());
    const tone = audio.createOscillator();
    const gate = audio.createGain();
    const out = audio.createMediaStreamDestination();
    tone.frequency.value = tone_hz;
    // Steady tones are noise to a codec's voice detection: syllables of 0.3 s are not.
    gate.gain.value = 0;
    setInterval(() => {
      const from = audio.currentTime + 0.02;
      gate.gain.setTargetAtTime(0.35, from, 0.01);
      gate.gain.setTargetAtTime(0.02, from + 0.3, 0.02);
    }, 450);
    tone.connect(gate).connect(out);
    tone.start();
    return out.stream.getAudioTracks()[0];
  };
  const kinds = { video: "videoinput", audio: "audioinput" };
  media.getUserMedia = async (wanted) => {
    const tracks = [];
    for (const kind of ["audio", "video"]) {
      if (!wanted[kind]) continue;
      if (!listed.has(kinds[kind])) throw new DOMException("no such device", "NotFoundError");
      const track = kind === "audio" ? voice() : picture();
      made.push({ kind, track });
      tracks.push(track);
    }
    return new MediaStream(tracks);
  };
  media.enumerateDevices = async () =>
    [...listed].map((kind) => ({ kind, deviceId: `fake-${kind}`, groupId: "", label: `Fake ${kind}` }));
  /** Pulls a device out or puts it in, as a hand at the cable would. */
  window.plug = (kind, there) => {
    if (there) listed.add(kinds[kind]);
    else {
      listed.delete(kinds[kind]);
      for (const one of made.filter((each) => each.kind === kind)) {
        one.track.stop();
        one.track.dispatchEvent(new Event("ended"));
      }
    }
    media.dispatchEvent(new Event("devicechange"));
  };
};

/** Average colours of the program at points given as shares of width and height, or null without a picture. */
export const lookAt = (points) => {
  const video = document.getElementById("program");
  if (video === null || video.readyState < 2 || video.videoWidth === 0) return null;
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  draw.drawImage(video, 0, 0, 320, 180);
  return points.map(([x, y]) => {
    const { data } = draw.getImageData(Math.round(x * 320) - 4, Math.round(y * 180) - 4, 8, 8);
    const sum = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
    return sum.map((value) => Math.round(value / (data.length / 4)));
  });
};

/** Begins to listen: window.ear(hz list) then tells how far each tone stands above the floor of the spectrum, in dB. */
export const openEar = () => {
  const video = document.getElementById("program");
  const stream = video?.srcObject;
  if (!stream || stream.getAudioTracks().length === 0) return false;
  if (window.earStream === stream) return true;
  window.earStream = stream;
  const audio = (window.earContext ??= new AudioContext());
  void audio.resume();
  const analyser = audio.createAnalyser();
  analyser.fftSize = 8192;
  analyser.smoothingTimeConstant = 0;
  audio.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.ear = (tones_hz) => {
    analyser.getFloatFrequencyData(bins);
    const of = (hz) => {
      const at = Math.round((hz * analyser.fftSize) / audio.sampleRate);
      return Math.max(...bins.slice(at - 2, at + 3));
    };
    return tones_hz.map((hz) => Math.max(-120, of(hz)));
  };
  return true;
};

/** Counters of the page's own peer connections, kept by watchConnections. */
export const watchConnections = () => {
  const Native = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      window.connections.push(this);
    }
  };
  window.received = async () => {
    const live = window.connections.filter((pc) => pc.connectionState === "connected").pop();
    if (live === undefined) return null;
    const seen = { number: window.connections.length, audio: 0, frames: 0 };
    (await live.getStats()).forEach((row) => {
      if (row.type !== "inbound-rtp") return;
      if (row.kind === "audio") seen.audio += row.packetsReceived;
      else seen.frames += row.framesDecoded ?? 0;
    });
    return seen;
  };
};
