// The icons, drawn as strokes on 24x24, in the colour of the text around them.
import type { JSX } from "preact";

const PATHS = {
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3",
  micOff:
    "M15 10.500V6a3 3 0 0 0-5.900-.8M9 9v3a3 3 0 0 0 4.600 2.500M5.500 11.500a6.500 6.500 0 0 0 10.300 5.300M18.500 11.500a6 6 0 0 1-.5 2.500M12 18v3M3 3l18 18",
  camera: "M4 7h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2zM15 11l6-3.500v9L15 13",
  cameraOff:
    "M9 7h4a2 2 0 0 1 2 2v3.500M14.500 16.300A2 2 0 0 1 13 17H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2h.5M15 11l6-3.500v9M3 3l18 18",
  hand: "M7 13V6.500a1.500 1.500 0 0 1 3 0V11M10 10V4.500a1.500 1.500 0 0 1 3 0V11M13 10V6a1.500 1.500 0 0 1 3 0v6M16 9.500a1.500 1.500 0 0 1 3 0V15a6 6 0 0 1-6 6h-1.500a6 6 0 0 1-5-2.700l-3-4.600a1.500 1.500 0 0 1 2.400-1.700L7 13",
  leave: "M14 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h8M10 12h11M17 8l4 4-4 4",
  speaker: "M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
  speakerOff: "M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  wall: "M3 4h18v16H3zM3 9.300h18M3 14.600h18M9 4v16M15 4v16",
  program: "M3 5h18v12H3zM8 21h8M12 17v4",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l5 5",
  close: "M6 6l12 12M18 6L6 18",
  qr: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h3v3h-3zM20 14v6M17 20h-3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  print: "M7 8V3h10v5M7 17H4V9h16v8h-3M7 14h10v7H7z",
  phone: "M6 3h3l2 5-2.500 1.500a11 11 0 0 0 6 6L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  download: "M12 4v12M7 11l5 5 5-5M4 20h16",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 0 12",
  pin: "M9 3h6l-1 6 4 4H6l4-4zM12 13v8",
  check: "M4 12.500l5.500 5.500L20 7",
  warn: "M12 4l9.500 16h-19zM12 10v4.500M12 17.300v.2",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17",
  end: "M5 5h14v14H5z",
  left: "M15 6l-6 6 6 6",
  hold: "M8 5v14M16 5v14",
  play: "M8 5l11 7-11 7z",
  screens: "M2 4h13v9H2zM9 13v4h13V8h-7M12 20h7",
  turn: "M20 11a8 8 0 0 0-14.500-4L3 9M3 4v5h5M4 13a8 8 0 0 0 14.500 4l2.500-2M21 20v-5h-5",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }): JSX.Element => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
