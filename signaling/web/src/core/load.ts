// What the bridge gives up for want of processor time, in the order of its ladder.

export interface Load {
  level: number;
  why: string;
  wall_fps: number;
  program_fps: number;
  top_height: number;
  thumbnail_fps: number;
  budget_cores: number;
  used_cores: number;
  /** Layouts that would be refused now. */
  misfits: string[];
}

export const LIMITS = ["wall_fps", "program_fps", "top_height", "thumbnail_fps"] as const;

/** Which rungs of the ladder are taken at a level; see bridge/policy/overload.h. */
export const LIMIT_FROM_LEVEL: Record<(typeof LIMITS)[number], number> = {
  wall_fps: 1,
  program_fps: 3,
  top_height: 6,
  thumbnail_fps: 7,
};
