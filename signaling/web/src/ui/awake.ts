// A screen that shows a meeting must not go dark because nobody touches it. Browsers without wake locks sleep as the
// system says.

interface Lock {
  release: () => Promise<void>;
}

let wanted = false;
let lock: Lock | null = null;

const take = async (): Promise<void> => {
  const locks = (navigator as { wakeLock?: { request: (what: "screen") => Promise<Lock> } }).wakeLock;
  if (locks === undefined || document.visibilityState !== "visible") return;
  const taken = await locks.request("screen").catch(() => null);
  if (isWanted()) lock = taken;
  else await taken?.release().catch(() => undefined);
};

const isWanted = (): boolean => wanted;

// A lock ends when the page is hidden; it is taken anew when the page is seen again.
document.addEventListener("visibilitychange", () => {
  if (wanted) void take();
});

export const keepAwake = (on: boolean): void => {
  if (on === wanted) return;
  wanted = on;
  if (on) void take();
  else {
    void lock?.release().catch(() => undefined);
    lock = null;
  }
};
