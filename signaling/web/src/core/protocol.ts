// The words of /ws and /api/v1 as the pages use them. docs/protocol.md is the reference; unknown fields are ignored.

import type { Turn } from "./turn";

export type Role = "room" | "chair" | "technician" | "admin" | "observer";
export type MeetingState = "draft" | "open" | "ended";
export type Microphone = "off" | "on" | "held-off";
export type Floor = "none" | "asked" | "given";
export type SeatState = "absent" | "joining" | "present" | "lost";
export type View = "program" | "wall" | "pages";
export type LegWay = "duplex" | "receive";
export type Layout = "full" | "1+1" | "1+5" | "1+7" | "1+12" | "1+20" | "grid" | "lecture";
/** Grids whose places stay, however many are taken. */
export const SIZED_GRIDS = ["2x2", "3x3", "4x4", "5x5", "6x6", "7x7"] as const;

/** Seats and legs are numbers on the wire; the pages only compare them and hand them back. */
export type SeatId = number;
export type LegId = number;

export interface MeetingRow {
  id: string;
  title: string;
  state: MeetingState;
  planned_at_ms?: number | null;
  opened_at_ms?: number | null;
}

export interface RoomSeat {
  id: SeatId;
  label: string;
  microphone: Microphone;
  floor: Floor;
  hand_place?: number | null;
  camera_wanted: boolean;
  may_present?: boolean;
}

export interface RoomState {
  meeting: { id: string; title: string; layout: string };
  seat: RoomSeat;
  floor: { seat: SeatId; label: string } | null;
  presenting?: { seat: SeatId; label: string } | null;
  notice: string | null;
}

export interface Quality {
  up_loss?: number;
  down_loss?: number;
  rtt_ms?: number;
  rung?: string;
}

export interface Seat {
  id: SeatId;
  code: string;
  name: string;
  label: string;
  type: string;
  district: string;
  group: string;
  state: SeatState;
  microphone: Microphone;
  camera: boolean;
  floor: Floor;
  hand_at_ms?: number | null;
  hand_place?: number | null;
  deaf: boolean;
  since_ms: number;
  present_allowed?: boolean;
  quality?: Quality | null;
  console: boolean;
}

export interface Undo {
  what: string;
  until_ms: number;
}

export interface MeetingInfo {
  id: string;
  title: string;
  state: MeetingState;
  layout: string;
  opened_at_ms: number | null;
  floor: SeatId | null;
  presenting?: SeatId | null;
  chair_seat?: SeatId | null;
  pinned: SeatId[];
  /** The pages of the second screen, and those of a program that turns; null: it does not. */
  pages?: Turn;
  turn?: Turn | null;
  muted_all: boolean;
  undo: Undo | null;
}

export interface Snapshot {
  n: number;
  meeting: MeetingInfo;
  seats: Seat[];
  meetings?: MeetingRow[];
}

export interface Delta {
  n: number;
  meeting?: Partial<MeetingInfo> | null;
  /** gone: the seat left the roster. A field that went away is null. */
  seats?: (Partial<Seat> & { id: SeatId; gone?: boolean })[] | null;
  meetings?: MeetingRow[];
}

export interface Speaking {
  seat: SeatId;
  label: string;
  level: number;
}

export interface Need {
  rid: string;
  active: boolean;
  width: number;
  height: number;
  fps: number;
  max_bps: number;
}

export interface Support {
  name?: string;
  phone?: string;
}

export interface LinkState {
  state: "none" | "active" | "revoked";
  used_at?: number | string | null;
}

export interface RosterSeat {
  id: SeatId;
  code: string;
  name: string;
  label: string;
  type: string;
  district: string;
  group: string;
  phone: string;
  technician: string;
  technician_phone: string;
  note: string;
  link: LinkState;
}

export interface ImportRow {
  line: number;
  code: string;
  what: string;
  text: string;
}

export interface ImportReport {
  added: number;
  changed: number;
  unchanged: number;
  rows: ImportRow[];
}

/** What the server says when it will not do something: a word for programs, a sentence for people. */
export class Fault extends Error {
  constructor(
    readonly code: string,
    text: string,
    readonly detail: Record<string, unknown> = {},
  ) {
    super(text);
    this.name = "Fault";
  }
}

/** Faults that pass by themselves: the page waits and asks again. */
export const isPassing = (fault: Fault): boolean =>
  ["unreachable", "late", "busy", "full", "gone", "setup", "internal"].includes(fault.code) ||
  fault.code.startsWith("http-5");

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const wordOf = (value: unknown, fallback = ""): string =>
  typeof value === "string" ? value : fallback;
