/** Captions on pictures: capitals and digits of 5×7 dots, drawn here so that a picture is the same in every runtime. */

const WIDTH = 5;
const HEIGHT = 7;
/** Rows from the top, two hex digits each; the highest of five bits is the left dot. */
const LETTERS: Readonly<Record<string, string>> = {
  A: '0e11111f111111',
  B: '1e11111e11111e',
  C: '0e11101010110e',
  D: '1e11111111111e',
  E: '1f10101e10101f',
  F: '1f10101e101010',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  J: '0702020202120c',
  K: '11121418141211',
  L: '1010101010101f',
  M: '111b1515111111',
  N: '11111915131111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  Q: '0e11111115120d',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  V: '11111111110a04',
  W: '1111111515150a',
  X: '11110a040a1111',
  Y: '1111110a040404',
  Z: '1f01020408101f',
  0: '0e11131519110e',
  1: '040c040404040e',
  2: '0e11010204081f',
  3: '1f02040201110e',
  4: '02060a121f0202',
  5: '1f101e0101110e',
  6: '0608101e11110e',
  7: '1f010204080808',
  8: '0e11110e11110e',
  9: '0e11110f01020c',
};

/** Pixels a dot. */
const DOT = 2;
/** In pixels. */
export const LETTER_HEIGHT = HEIGHT * DOT;

/**
 * Writes words in dark gray; letters that would go beyond `right` are left out, and what is no letter or digit is a blank.
 * @param picture [height, width, 4] RGBA
 */
export function write(
  picture: Uint8ClampedArray,
  pictureWidth: number,
  at: { readonly left: number; readonly top: number; readonly right: number },
  words: string,
): void {
  for (const [place, letter] of [...words.toUpperCase()].entries()) {
    const left = at.left + place * (WIDTH + 1) * DOT;
    if (left + WIDTH * DOT > at.right) return;
    const rows = LETTERS[letter];
    if (rows === undefined) continue;
    for (let y = 0; y < HEIGHT * DOT; y++) {
      const row = Number.parseInt(rows.slice(2 * Math.floor(y / DOT), 2 * Math.floor(y / DOT) + 2), 16);
      for (let x = 0; x < WIDTH * DOT; x++) {
        const isDot = (row >> (WIDTH - 1 - Math.floor(x / DOT))) & 1;
        if (isDot)
          picture.fill(
            60,
            ((at.top + y) * pictureWidth + left + x) * 4,
            ((at.top + y) * pictureWidth + left + x) * 4 + 3,
          );
      }
    }
  }
}
