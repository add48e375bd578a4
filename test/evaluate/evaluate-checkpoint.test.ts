import { beforeEach, describe, expect, it, vi } from 'vitest';
import { describeDrawn } from '../../src/data/dataset.ts';
import { knnOfCheckpoint } from '../../src/evaluate/evaluate-checkpoint.ts';
import { WORKERS_ON } from '../backend.ts';
import { exampleState, exampleTensors } from '../checkpoint/example.ts';

/** The kernels that are open. They are real; only opening and disposing is counted. */
const open = vi.hoisted(() => new Set<unknown>());
vi.mock('../../src/kernels/open.ts', async (original) => {
  const { openKernels } = await original<typeof import('../../src/kernels/open.ts')>();
  return {
    openKernels: async (...args: Parameters<typeof openKernels>) => {
      const kernels = await openKernels(...args);
      open.add(kernels);
      const dispose = kernels.dispose.bind(kernels);
      kernels.dispose = () => {
        open.delete(kernels);
        dispose();
      };
      return kernels;
    },
  };
});

beforeEach(() => open.clear());

describe("kNN of a checkpoint's encoder leaves no kernels open", () => {
  const state = exampleState(1);
  const job = {
    checkpoint: {
      state,
      tensors: exampleTensors(1),
      network: null,
      directory: '',
      runDirectory: '',
      skipped: [],
    },
    backend: WORKERS_ON as 'wasm' | 'native',
    workers: 1,
    features: 'backbone' as const,
  };

  it('where encoders fail to start', async () => {
    const data = await describeDrawn(4, 2, 8, 1);
    // No network is that small: building it fails, in the encoder's worker.
    const config = { ...state.config, stem: 'imagenet' as const, imageSize: 8 };
    const checkpoint = { ...job.checkpoint, state: { ...state, config } };
    await expect(knnOfCheckpoint({ ...job, data, checkpoint }, 1, 0.1)).rejects.toThrow(
      /images of 8 px are too small/,
    );
    expect(open.size).toBe(0);
  });

  it('where the checkpoint lacks weights', async () => {
    const data = await describeDrawn(4, 2, 8, 1);
    await expect(knnOfCheckpoint({ ...job, data }, 1, 0.1)).rejects.toMatchObject({ code: 'shape-mismatch' });
    expect(open.size).toBe(0);
  });
});
