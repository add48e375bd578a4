/**
 * Everything that src/data/augment calls: pixel work on the one image that a canvas holds. Pointers are byte addresses,
 * 16-byte aligned.
 *
 * A canvas is rows of three planes, [height, 3, stride] bytes: red, green and blue of a row lie one after the other, each
 * padded to `stride`, a multiple of 16. What is in the padding is any: kernels compute it along, and none reads it for a
 * pixel. So it is rows of 3·stride bytes to what works along columns, and 3·height rows of one color to what works along rows.
 */
export { allocate, free } from '../memory';
export { blur } from './blur';
export { blendWithConstant, grayscale, saturate, sumOfLuma } from './color';
export { filterPairs, makeFilter } from './filter';
export { shiftHue } from './hue';
export { normalize } from './normalize';
export { deinterleave, resizeColumns, resizeRows } from './resize';
