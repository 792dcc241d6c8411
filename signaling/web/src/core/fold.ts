// Search that ignores diacritics: "dong trieu" finds "Đông Triều". NFD leaves đ whole, so it is mapped by hand.

const MARKS = /[\u0300-\u036f]/g;

export const fold = (text: string): string =>
  text.normalize("NFD").replace(MARKS, "").replace(/[đĐ]/g, "d").toLowerCase().replace(/\s+/g, " ").trim();

/** Every word of the query must begin a word of the text, in any order. An empty query matches all. */
export const matches = (foldedText: string, query: string): boolean => {
  const wanted = fold(query);
  if (wanted === "") return true;
  const words = ` ${foldedText.replace(/[^a-z0-9]+/g, " ")}`;
  return wanted
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "")
    .every((word) => words.includes(` ${word}`));
};
