// Foreign text for people's eyes, as eventmill/text/printable.py makes it: what cannot be seen shows as \x1b or \u202e, and a
// backslash before what looks like such an escape as \x5c.
const UNSEEN = /(?! )[\p{C}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/gu;
const WRITTEN = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))/g;

function escaped(character) {
  const number = character.codePointAt(0);
  const [mark, length] = number < 0x100 ? ["x", 2] : number < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${mark}${number.toString(16).padStart(length, "0")}`;
}

function literal(written, ...digits) {
  const number = parseInt(digits.find((found) => found !== undefined), 16);
  const character = number < 0x110000 ? String.fromCodePoint(number) : "";
  const unseen = character === "\\" || character.replace(UNSEEN, "") === "";
  return character && unseen && escaped(character) === written ? `\\x5c${written.slice(1)}` : written;
}

// On one line.
export function visible(text) {
  return text.replace(WRITTEN, (...found) => literal(...found.slice(0, 4))).replace(UNSEEN, escaped);
}

// In the lines that it has.
export function lines(text) {
  return text.split("\n").map(visible).join("\n");
}
