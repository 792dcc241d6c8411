// What this browser remembers between visits. A browser that forbids storage forgets, nothing more.

const name = (key: string): string => `diemcau.${key}`;

export const remembered = (key: string): string | null => {
  try {
    return localStorage.getItem(name(key));
  } catch {
    return null;
  }
};

export const remember = (key: string, value: string): void => {
  try {
    localStorage.setItem(name(key), value);
  } catch {
    // Storage is full or forbidden: the choice lasts as long as the page.
  }
};

export const forget = (key: string): void => {
  try {
    localStorage.removeItem(name(key));
  } catch {
    // As above.
  }
};
