/** What a page that imports an entry loads first, and which files it is given with it. */
import { describe, expect, it } from 'vitest';
import { BUDGETS, firstScripts } from '../../scripts/package/budgets.mjs';

const FROM_ONNXRUNTIME = /onnxruntime/;

describe('the first scripts of an entry', () => {
  it.each(Object.entries(BUDGETS))(
    '%s: at most %i bytes gzipped, without onnxruntime',
    async (entry, most) => {
      const { bytes, inputs } = await firstScripts(entry);
      expect(bytes).toBeLessThanOrEqual(most);
      // A check that nothing passes says nothing.
      expect(bytes).toBeGreaterThan(most / 4);
      expect(inputs.filter((input) => FROM_ONNXRUNTIME.test(input))).toEqual([]);
    },
  );

  it('kernels on WebAssembly bring one worker and one binary along, and graphs none', async () => {
    expect((await firstScripts('kernels', 'createWasmKernels')).files).toEqual([
      'kernel-worker.js',
      'kernels.wasm',
    ]);
    expect((await firstScripts('onnx')).files).toEqual([]);
  });

  it('what is not used of an entry is left out', async () => {
    const [all, one] = [await firstScripts('onnx'), await firstScripts('onnx', 'encodeModel')];
    expect(one.bytes).toBeLessThan(all.bytes / 2);
  });
});
