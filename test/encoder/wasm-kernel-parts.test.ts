/** The memory of the kernels of an encoder: arrays are kept for the next step, and let go of where they fill it. */
import { expect, it } from 'vitest';
import { tensor } from '../../src/encoder/ort.ts';
import { wasmKernelParts } from '../../src/encoder/wasm-kernel-parts.ts';

const MIB = 2 ** 20;

/** max(0, x) of so many MiB, by a memory of 16. */
async function relu(parts: ReturnType<typeof wasmKernelParts>, mebibytes: number) {
  const length = (mebibytes * MIB) / 4;
  const shape = [1, length];
  const x = await tensor('wasm', new Float32Array(length).fill(-1).fill(2, length - 1), shape);
  const call = { kind: 'kernel', inputs: ['x'], outputs: [{ name: 'y', shape }] } as const;
  return (await parts.callKernel({ ...call, operation: { operator: 'Relu' } }, [x]))[0]!;
}

it('arrays of other lengths that nobody has make room', async () => {
  const parts = wasmKernelParts(16 * MIB);
  for (const mebibytes of [3, 4, 5, 6, 2, 1, 5]) {
    const y = await relu(parts, mebibytes);
    const values = y.data as Float32Array;
    expect([values[0], values.at(-2), values.at(-1)]).toEqual([0, 0, 2]);
    y.dispose();
  }
});

it('what is lent stays, and a call that does not fit leaves nothing behind', async () => {
  const parts = wasmKernelParts(16 * MIB);
  const kept = await relu(parts, 5);
  for (const _ of Array(3)) await expect(relu(parts, 6)).rejects.toMatchObject({ code: 'out-of-memory' });
  expect((kept.data as Float32Array).at(-1)).toBe(2);
  kept.dispose();
  (await relu(parts, 6)).dispose();
});
