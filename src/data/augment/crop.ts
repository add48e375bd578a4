import { exp, log } from '../../math.ts';
import type { Random } from '../../random.ts';
import type { Box } from './resize.ts';

/** Nearest whole number, halves to the even one: Python's round(), which torchvision uses. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return floor;
  return floor + 1;
}

/**
 * torchvision RandomResizedCrop.get_params: area a uniform fraction of the image, aspect ratio log-uniform; up to 10
 * tries to fit, then the largest central crop within the ratio limits.
 * @param scale least and greatest fraction of the area. @param ratio least and greatest width / height.
 */
export function randomResizedCropBox(
  width: number,
  height: number,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: Random,
): Box {
  const area = width * height;
  const low = log(ratio[0]);
  const high = log(ratio[1]);
  for (let attempt = 0; attempt < 10; attempt++) {
    const target = area * random.between(scale[0], scale[1]);
    const aspect = exp(random.between(low, high));
    const w = roundHalfEven(Math.sqrt(target * aspect));
    const h = roundHalfEven(Math.sqrt(target / aspect));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      const top = random.integer(height - h + 1);
      const left = random.integer(width - w + 1);
      return { top, left, height: h, width: w };
    }
  }
  const imageRatio = width / height;
  let w = width;
  let h = height;
  if (imageRatio < ratio[0]) h = Math.max(1, roundHalfEven(w / ratio[0]));
  else if (imageRatio > ratio[1]) w = Math.max(1, roundHalfEven(h * ratio[1]));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}
