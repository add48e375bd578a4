/** onnxruntime-web can wait for one device at a time: what is asked of two at once takes turns. */
import { expect, it } from 'vitest';
import { openKernels } from '../../src/kernels/open.ts';
import { onWebGpu } from '../kernels/backends.ts';
import { BATCH, openTiny, SIZE } from '../train/tiny.ts';

onWebGpu(() => {
  it('two devices at once: both give what one alone gives', async () => {
    const open = async () => {
      const tiny = await openTiny(1, { kernels: await openKernels('webgpu') });
      const trainer = await tiny.trainer();
      await trainer.prepareEmbedding();
      const images = async () => new Float32Array(BATCH * 3 * SIZE ** 2).fill(0.5);
      return { tiny, embed: () => trainer.embed(images) };
    };
    const both = [await open(), await open()];
    // The first calls make the sessions, which compile for seconds: they overlap, if anything does.
    const [one, other] = await Promise.all(both.map(({ embed }) => embed()));
    expect(one).toEqual(other);
    expect(one!.embedding.some((value) => value !== 0)).toBe(true);
    const again = await Promise.all([...both, ...both].map(({ embed }) => embed()));
    for (const values of again) expect(values).toEqual(one);
    for (const { tiny } of both) await tiny.dispose();
  });
});
