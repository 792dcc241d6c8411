// A page of text to be shown to others.

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

/** For readSlide: the ruler, and the field. */
export const documentMarks = { x: 400, y: 150, width: 200, field_up: 40 };
