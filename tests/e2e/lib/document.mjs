// A page of text to be shown to others, and an eye that reads it. Handed to the browser as text, like media.mjs.

const LINES = Array.from({ length: 14 }, (_, n) => `<p>Mục ${n}: Thu ngân sách quý III đạt ${61 + n},4 % dự toán</p>`);

export const documentPage = {
  title: "Tai-lieu-hop",
  /** Its colour changes by data-colour; a ruler of strokes two pixels wide stands for the letters' strokes. */
  html: `<!doctype html><html lang="vi"><meta charset="utf-8"><title>Tai-lieu-hop</title><style>
    body { margin: 0; background: #fff; color: #000; font: 14px sans-serif; }
    p { margin: 4px 20px; }
    #ruler { position: absolute; left: 400px; top: 100px; width: 200px; height: 100px;
      background: repeating-linear-gradient(90deg, #000 0 2px, #fff 2px 4px); }
    #field { position: absolute; left: 0; right: 0; bottom: 0; height: 120px; }
    [data-colour="red"] #field { background: rgb(200 40 40); }
    [data-colour="green"] #field { background: rgb(40 160 60); }
    [data-colour="blue"] #field { background: rgb(40 70 200); }
  </style><body data-colour="red"><h1>Báo cáo</h1>${LINES.join("")}<div id="ruler"></div><div id="field"></div></body></html>`,
};

/** What #slides shows: its size, how far the ruler's strokes stand out (0..255), and the field's colour; null: nothing. */
export const readDocument = () => {
  const video = document.getElementById("slides");
  if (video === null || video.readyState < 2 || video.videoWidth === 0) return null;
  const { videoWidth: width, videoHeight: height } = video;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  draw.drawImage(video, 0, 0);
  const { data } = draw.getImageData(400, 150, 200, 1);
  let dark = 0;
  let light = 0;
  for (let x = 0; x < 200; x++) {
    const value = data[x * 4 + 1];
    if (x % 4 < 2) dark += value;
    else light += value;
  }
  const field = draw.getImageData(width / 2, height - 40, 1, 1).data;
  return { width, height, contrast: Math.round((light - dark) / 100), field: [field[0], field[1], field[2]] };
};
