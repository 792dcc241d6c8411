// What the bridge needs of a camera -> parameters of the encodings. Pure, so that a table can test it.
import type { Need } from "./protocol";

export interface Encoding {
  rid?: string;
  active: boolean;
  maxBitrate?: number;
  maxFramerate?: number;
  scaleResolutionDownBy?: number;
}

export interface Picture {
  width: number;
  height: number;
}

/** Below this a camera sends its thumbnail unscaled and no main layer: the two would be the same picture. */
const SMALLEST_MAIN = { width: 640, height: 360 };

const isSmall = (source: Picture): boolean =>
  source.width * source.height < SMALLEST_MAIN.width * SMALLEST_MAIN.height;

/** A screen is larger than this only on walls of screens; its text is sharp at this size. */
const LARGEST_SCREEN = { width: 1920, height: 1200 };

/** How far to shrink: never up, and by height and width so that the picture fits the tile it is meant for. */
export const scaleFor = (source: Picture, need: Picture): number => {
  if (need.width <= 0 || need.height <= 0 || source.width <= 0 || source.height <= 0) return 1;
  const scale = Math.min(source.width / need.width, source.height / need.height);
  return Math.max(1, Math.round(scale * 1000) / 1000);
};

/**
 * Keeps count and order of the encodings (browsers refuse anything else). Encodings that the bridge did not mention
 * stay as they are; those of a camera that is off stop.
 */
export const encodingsFor = <T extends Encoding>(
  current: readonly T[],
  needs: readonly Need[],
  source: Picture | null,
): T[] =>
  current.map((encoding, index) => {
    const need =
      needs.find((n) => n.rid === encoding.rid) ??
      (current.length === 1 ? needs[needs.length - 1] : undefined);
    if (need === undefined) return { ...encoding };
    const small = source !== null && isSmall(source) && current.length > 1;
    const thumbnail = index === 0;
    // The only layer of a small camera carries whatever either layer was wanted for.
    const wanted = small && thumbnail ? needs.some((n) => n.active) : need.active;
    const next: T = { ...encoding, active: source !== null && wanted && !(small && !thumbnail) };
    if (need.max_bps > 0) next.maxBitrate = need.max_bps;
    if (need.fps > 0) next.maxFramerate = need.fps;
    next.scaleResolutionDownBy = source === null || small ? 1 : scaleFor(source, need);
    return next;
  });

/** The same for a screen that is shown: every layer has its full size, because text is what it is for. source: null while its
 * size is not known. */
export const screenEncodingsFor = <T extends Encoding>(
  current: readonly T[],
  needs: readonly Need[],
  source: Picture | null,
): T[] =>
  current.map((encoding) => {
    const need =
      needs.find((n) => n.rid === encoding.rid) ??
      (current.length === 1 ? needs[needs.length - 1] : undefined);
    if (need?.active !== true) return { ...encoding, active: false };
    const size = source ?? LARGEST_SCREEN;
    const shrink = Math.max(1, size.width / LARGEST_SCREEN.width, size.height / LARGEST_SCREEN.height);
    return {
      ...encoding,
      active: true,
      maxBitrate: need.max_bps,
      maxFramerate: need.fps,
      scaleResolutionDownBy: Math.round(shrink * 1000) / 1000,
    };
  });
