import type { RgbImage } from '../../image.ts';

/** Where row and column 0 of what is stored belong: of TIFF's orientations 2 … 8, which Pillow undoes when it loads one. */
const TURNS: Readonly<
  Record<number, { readonly turned: boolean; readonly right: boolean; readonly bottom: boolean }>
> = {
  2: { turned: false, right: true, bottom: false },
  3: { turned: false, right: true, bottom: true },
  4: { turned: false, right: false, bottom: true },
  5: { turned: true, right: false, bottom: false },
  6: { turned: true, right: true, bottom: false },
  7: { turned: true, right: true, bottom: true },
  8: { turned: true, right: false, bottom: true },
};

/** The image as it is to be seen. */
export function oriented(image: RgbImage, width: number, height: number, orientation: number): RgbImage {
  const turn = TURNS[orientation];
  if (!turn) return image;
  const [across, down] = turn.turned ? [height, width] : [width, height];
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const column = turn.right ? across - 1 - x : x;
      const row = turn.bottom ? down - 1 - y : y;
      const from = turn.turned ? column * width + row : row * width + column;
      for (let c = 0; c < 3; c++) data[(y * across + x) * 3 + c] = image.data[from * 3 + c]!;
    }
  }
  return { ...image, width: across, height: down, data };
}
