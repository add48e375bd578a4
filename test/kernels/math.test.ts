import { beforeAll, describe, expect, it } from 'vitest';
import { instantiateKernels, type WasmExports } from '../../src/kernels/wasm/module.ts';
import { expectClose } from '../compare.ts';

let wasm: WasmExports;
let memory: WebAssembly.Memory;
beforeAll(async () => {
  ({ exports: wasm, memory } = await instantiateKernels());
});

function exp(x: Float32Array): Float32Array {
  const pointer = wasm.allocate(4 * x.length) >>> 0;
  new Float32Array(memory.buffer, pointer, x.length).set(x);
  wasm.expArray(pointer, pointer, x.length);
  const result = new Float32Array(new Float32Array(memory.buffer, pointer, x.length));
  wasm.free(pointer);
  return result;
}

/** Distance between neighboring float32 at x. */
function ulp(x: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23);
}

describe('exp and log of the kernels', () => {
  it('exp(x) is within 1 ulp over all of [−87.3, 0]', () => {
    const x = Float32Array.from({ length: 400_000 }, (_, i) => (-87.3 * (i + 0.37)) / 400_000);
    const exact = Array.from(x, Math.exp);
    expectClose('exp', exp(x), exact, exact.map(ulp));
  });

  it('exp(x) is within 1 ulp for small x of all sizes', () => {
    const x = Float32Array.from({ length: 4096 }, (_, i) => -(2 ** (-i / 28)));
    const exact = Array.from(x, Math.exp);
    expectClose('exp', exp(x), exact, exact.map(ulp));
  });

  it('exp at the edges', () => {
    const x = [0, -0, -87.29, -87.31, -1e4, -3e38, Number.NEGATIVE_INFINITY, Number.NaN];
    expect([...exp(Float32Array.from(x))].map((y, i) => (i === 2 ? y > 0 : y))).toEqual([
      1,
      1,
      true,
      0,
      0,
      0,
      0,
      Number.NaN,
    ]);
  });

  it('log1p(x) is right to 1e-14 from 1e-300 to 1e300', () => {
    const x = Array.from({ length: 6001 }, (_, i) => 10 ** (i / 10 - 300));
    const exact = x.map(Math.log1p);
    expectClose(
      'log1p',
      x.map((value) => wasm.log1p(value)),
      exact,
      exact.map((y) => 1e-14 * y),
    );
    expect(wasm.log1p(0)).toBe(0);
    expect(wasm.log1p(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(wasm.log1p(Number.NaN)).toBeNaN();
  });
});
