import { describe, expect, it } from 'vitest';
import { formatSeconds } from '../../src/cli/progress.ts';
import { chooseBackend } from '../../src/runtime/backend.ts';

const none = async () => null;
const software = async () => ({ name: 'SwiftShader', software: true });

describe('chooseBackend', () => {
  it('auto does not take a software adapter, and says why', async () => {
    expect(await chooseBackend('auto', none)).toMatchObject({ backend: 'wasm', adapter: null });
    const choice = await chooseBackend('auto', software);
    expect(choice).toMatchObject({ backend: 'wasm', adapter: null });
    expect(choice.reason).toMatch(/SwiftShader, is a software one/);
  });

  it('refuses WebGPU where there is no adapter', async () => {
    await expect(chooseBackend('webgpu', none)).rejects.toMatchObject({ code: 'backend-unavailable' });
  });

  it('does not look for a GPU when wasm is asked for', async () => {
    const never = () => Promise.reject(new Error('looked'));
    expect((await chooseBackend('wasm', never)).backend).toBe('wasm');
  });
});

describe('formatSeconds', () => {
  it('reads like a clock', () => {
    expect([0, 59.6, 75, 3700, -1].map(formatSeconds)).toEqual(['0:00', '1:00', '1:15', '1:01:40', '0:00']);
  });
});
