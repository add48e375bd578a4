import { MocoError, messageOf } from '../../errors.ts';
import { assetUrl } from '../../runtime/assets.ts';
import { loadAsset } from '../../runtime/load-asset.ts';

/** What wasm/augment/index.ts exports. Pointers come back as int32: read them with `>>> 0`. */
export interface AugmentExports {
  allocate(bytes: number): number;
  free(pointer: number): void;
  filterPairs(input: number, output: number, from: number, count: number): number;
  makeFilter(
    input: number,
    output: number,
    from: number,
    count: number,
    pairs: number,
    starts: number,
    weights: number,
  ): void;
  deinterleave(source: number, pitch: number, rows: number, out: number, stride: number): void;
  resizeRows(
    source: number,
    pitch: number,
    rows: number,
    starts: number,
    weights: number,
    pairs: number,
    width: number,
    out: number,
    stride: number,
  ): void;
  resizeColumns(
    source: number,
    rowBytes: number,
    starts: number,
    weights: number,
    pairs: number,
    rows: number,
    out: number,
  ): void;
  sumOfLuma(pixels: number, stride: number, width: number, height: number): number;
  grayscale(pixels: number, stride: number, height: number): void;
  blendWithConstant(pixels: number, bytes: number, constant: number, alpha: number): void;
  saturate(pixels: number, stride: number, height: number, alpha: number): void;
  shiftHue(pixels: number, stride: number, height: number, shift: number): void;
  blur(
    pixels: number,
    stride: number,
    width: number,
    height: number,
    radius: number,
    full: number,
    far: number,
    a: number,
    b: number,
  ): void;
  normalize(
    pixels: number,
    stride: number,
    width: number,
    height: number,
    tables: number,
    out: number,
    flip: number,
  ): void;
}

const WRITTEN = () => new URL('./augment.wasm', import.meta.url);

/** As that of the kernels: one page fewer than WebAssembly addresses keeps the end of the heap below 2³². */
const MAXIMUM_PAGES = 65535;

/**
 * A fresh instance of augment.wasm with a memory of its own, which is not shared.
 * @throws MocoError backend-unavailable without WebAssembly SIMD, or where augment.wasm is missing
 */
export async function instantiateAugment(
  maximum = MAXIMUM_PAGES,
): Promise<{ exports: AugmentExports; memory: WebAssembly.Memory }> {
  const bytes = await loadAsset(assetUrl('augment.wasm', WRITTEN));
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum });
    const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
    return { exports: instance.exports as unknown as AugmentExports, memory };
  } catch (error) {
    throw new MocoError(
      'backend-unavailable',
      `augmentation does not start here (${messageOf(error)}): it needs WebAssembly with SIMD`,
      { cause: error },
    );
  }
}
