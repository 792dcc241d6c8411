// What went wrong with a camera, a microphone or a screen, as a word that has a sentence in the translations.

export type Trouble = "missing" | "refused" | "busy" | "unplugged" | "insecure" | "unknown";

/** name: DOMException.name of a failed getUserMedia. */
export const troubleOf = (name: string): Trouble => {
  switch (name) {
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotAllowedError":
    case "PermissionDeniedError":
    case "SecurityError":
      return "refused";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    default:
      return "unknown";
  }
};

/** Of a failed getDisplayMedia; "closed": the user closed the browser's question, which is an answer and no fault. */
export type ScreenTrouble = "closed" | "forbidden" | "failed";

/** A system that forbids it is NotAllowedError "by system" in Chromium, and NotFoundError in Firefox. */
export const screenTroubleOf = (name: string, message: string): ScreenTrouble => {
  if (name === "NotFoundError") return "forbidden";
  if (name !== "NotAllowedError") return "failed";
  return /by system/i.test(message) ? "forbidden" : "closed";
};

/** Worth asking again by itself? A refusal waits for the user, all others for the device. */
export const retryAfter = (trouble: Trouble): number | null => {
  switch (trouble) {
    case "busy":
      return 5000;
    case "unknown":
      return 10000;
    default:
      return null;
  }
};
