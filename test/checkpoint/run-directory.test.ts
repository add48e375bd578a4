import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { tensorsOf } from '../../src/checkpoint/contents.ts';
import { sha256 } from '../../src/checkpoint/digest.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import type { MocoError } from '../../src/errors.ts';
import { type NamedTensor, readSafetensors } from '../../src/formats/safetensors.ts';
import type { FileStore } from '../../src/runtime/file-store.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { exampleState, exampleTensors, temporaryFolder } from './example.ts';

async function savedRun(...steps: number[]): Promise<string> {
  const folder = await temporaryFolder();
  const store = await openFolder(folder);
  for (const step of steps) await saveCheckpoint(store, exampleState(step), exampleTensors(step));
  return folder;
}

async function failure(work: Promise<unknown>): Promise<MocoError> {
  return work.then(
    () => {
      throw new Error('did not fail');
    },
    (error: unknown) => error as MocoError,
  );
}

describe('run directory', () => {
  it('loads what was saved, from the run directory and from the checkpoint', async () => {
    const folder = await savedRun(7);
    for (const path of [folder, `${folder}/`, `${folder}/step-000007`]) {
      const loaded = await loadCheckpoint(path);
      expect(loaded.state).toEqual(exampleState(7));
      expect(loaded.tensors).toEqual(exampleTensors(7));
      expect(loaded.directory).toBe(`${folder}/step-000007`);
      expect(loaded.runDirectory).toBe(folder);
      expect(loaded.skipped).toEqual([]);
    }
    expect([...tensorsOf(exampleTensors(7), 'momentum.').keys()]).toEqual(['fc.weight']);
  });

  it('has the files and keys of the contract', async () => {
    const folder = await savedRun(7);
    expect(await readdir(`${folder}/step-000007`)).toEqual(['model.safetensors', 'state.json']);
    const state = JSON.parse(await readFile(`${folder}/step-000007/state.json`, 'utf8'));
    expect(Object.keys(state)).toEqual(
      'format_version,config,step,epoch,queue_ptr,updates,sampler,generator,sha256,checksum'.split(','),
    );
    const model = await readFile(`${folder}/step-000007/model.safetensors`);
    const { createHash } = await import('node:crypto');
    expect(state.sha256).toBe(createHash('sha256').update(model).digest('hex'));
    expect(readSafetensors(model).get('queue')?.shape).toEqual([6, 2]);
  });

  it('keeps the newest two, also past 999999 steps, and saves a step again', async () => {
    const folder = await savedRun(1, 2, 3, 3);
    expect(await readdir(folder)).toEqual(['step-000002', 'step-000003']);
    const late = await savedRun(999_999, 1_000_000);
    expect((await loadCheckpoint(late)).state.step).toBe(1_000_000);
  });

  it('does not count torn checkpoints among the two and leaves later ones alone', async () => {
    const folder = await savedRun(1, 2, 8);
    await rm(`${folder}/step-000002/state.json`);
    const store = await openFolder(folder);
    await saveCheckpoint(store, exampleState(3), exampleTensors(3));
    expect(await readdir(folder)).toEqual(['step-000003', 'step-000008']);
    const branched = await savedRun(8, 9, 3);
    expect(await readdir(branched)).toEqual(['step-000003', 'step-000008', 'step-000009']);
  });

  it('falls back to the one before when the newest is broken, and says so', async () => {
    const damages: [(model: string, state: string) => Promise<void>, RegExp][] = [
      [(model) => truncate(model, 100), /is not the file that state.json belongs to/],
      [(model) => rm(model), /cannot open/],
      [(_, state) => rm(state), /cannot open/],
      [(_, state) => truncate(state, 40), /state.json is not JSON/],
      [(_, state) => writeFile(state, '{"format_version": 0}'), /state.json: format_version/],
      [(_, state) => writeFile(state, ' '.repeat(2 ** 20 + 1)), /at most 1048576 are read/],
    ];
    for (const [damage, reason] of damages) {
      const folder = await savedRun(1, 2);
      await damage(`${folder}/step-000002/model.safetensors`, `${folder}/step-000002/state.json`);
      const loaded = await loadCheckpoint(folder);
      expect(loaded.state.step).toBe(1);
      expect(loaded.skipped).toHaveLength(1);
      expect(loaded.skipped[0]?.directory).toBe(`${folder}/step-000002`);
      expect(loaded.skipped[0]?.reason).toMatch(reason);
    }
  });

  it('does not pass over a newest one of a later version', async () => {
    const folder = await savedRun(1, 2);
    await writeFile(`${folder}/step-000002/state.json`, '{"format_version": 99}');
    for (const path of [folder, `${folder}/step-000002`]) {
      const error = await failure(loadCheckpoint(path));
      expect(error.code).toBe('checkpoint-invalid');
      expect(error.message).toMatch(
        /step-000002.*written by a newer moco-web \(format 99; this one reads up to \d+\): update the package/,
      );
    }
  });

  it('refuses one that holds NaN, and takes the one before', async () => {
    const folder = await savedRun(1);
    const tensors = exampleTensors(2);
    tensors.set('queue', { dtype: 'F32', shape: [6, 2], data: new Float32Array(12).fill(Number.NaN) });
    await saveCheckpoint(await openFolder(folder), exampleState(2), tensors);
    const loaded = await loadCheckpoint(folder);
    expect(loaded.state.step).toBe(1);
    expect(loaded.skipped[0]?.reason).toBe('queue holds NaN: training went wrong before it was saved');
    const error = await failure(loadCheckpoint(`${folder}/step-000002`));
    expect(error.code).toBe('checkpoint-invalid');
  });

  it('notices one changed bit in the tensors', async () => {
    const folder = await savedRun(1);
    const file = `${folder}/step-000001/model.safetensors`;
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(file, bytes);
    const error = await failure(loadCheckpoint(folder));
    expect(error).toMatchObject({ code: 'checkpoint-invalid' });
    expect(error.message).toMatch(/no valid checkpoint in .*step-000001, is broken: .*sha256/);
    expect(await failure(loadCheckpoint(`${folder}/step-000001`))).toMatchObject({
      code: 'checkpoint-invalid',
    });
  });

  it('refuses states that contradict themselves or their tensors', async () => {
    const changes: [Record<string, unknown>, RegExp][] = [
      [{ step: -1 }, /state.json: step/],
      [{ generator: { algorithm: 'philox4x32-10', seed: 6 } }, /seeds/],
      [{ config: { ...exampleState(1).config, arch: 7 } }, /config.arch/],
      [
        { generator: { algorithm: 'mt19937', seed: 5 } },
        /from mt19937, this package has philox4x32-10 alone/,
      ],
      [{ config: null }, /config/],
    ];
    for (const [change, message] of changes) {
      const folder = await savedRun(1);
      const file = `${folder}/step-000001/state.json`;
      const { checksum: _, ...saved } = JSON.parse(await readFile(file, 'utf8'));
      // A checksum keeps damage out, not someone who writes another.
      const content = { ...saved, ...change };
      const bytes = new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`);
      await writeFile(file, JSON.stringify({ ...content, checksum: await sha256(bytes) }));
      expect((await failure(loadCheckpoint(folder))).message).toMatch(message);
    }
  });

  it('does not save tensors that do not belong together', async () => {
    const store = await openFolder(await temporaryFolder());
    const wrong: [string, NamedTensor, RegExp][] = [
      ['momentum.fc.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) }, /differ in shape/],
      ['encoder_k.fc.weight', { dtype: 'F32', shape: [6], data: new Float32Array(6) }, /differ in shape/],
    ];
    for (const [name, tensor, message] of wrong) {
      const tensors = exampleTensors(1);
      tensors.set(name, tensor);
      expect((await failure(saveCheckpoint(store, exampleState(1), tensors))).message).toMatch(message);
    }
    expect(await store.list('')).toEqual([]);
  });

  it('says what is missing', async () => {
    const folder = await temporaryFolder();
    expect(await failure(loadCheckpoint(`${folder}/nowhere`))).toMatchObject({ code: 'data-missing' });
    expect((await failure(loadCheckpoint(folder))).message).toMatch(/no checkpoint in .*expected state.json/);
  });
});

/** A store on which one operation fails; `dead`: so do all that follow it, as when the process is killed. */
function failingStore(
  store: FileStore,
  at: number,
  dead: boolean,
): { store: FileStore; reached: () => boolean } {
  let operations = 0;
  let reached = false;
  const guard = async () => {
    const now = operations++;
    if (now === at) reached = true;
    if (now === at || (dead && now > at)) throw new Error('ENOSPC: no space left on device, write');
  };
  return {
    reached: () => reached,
    store: {
      ...store,
      async write(path, bytes) {
        await guard().catch(async (error: unknown) => {
          await store.write(path, bytes.subarray(0, bytes.length >> 1)); // half of it got there
          throw error;
        });
        await store.write(path, bytes);
      },
      async rename(from, to) {
        await guard();
        await store.rename(from, to);
      },
      async remove(path) {
        await guard();
        await store.remove(path);
      },
    },
  };
}

describe.each([
  ['an error', false],
  ['the death of the process', true],
])('a save struck by %s', (_, dead) => {
  it('leaves a valid checkpoint whichever operation it strikes', async () => {
    for (let at = 0; ; at++) {
      const folder = await savedRun(1, 2);
      const failing = failingStore(await openFolder(folder), at, dead);
      const error = await saveCheckpoint(failing.store, exampleState(3), exampleTensors(3)).catch(
        (thrown: unknown) => thrown as MocoError,
      );
      if (!failing.reached()) {
        expect(at).toBeGreaterThan(4);
        break;
      }
      const loaded = await loadCheckpoint(folder);
      const { step } = loaded.state;
      expect(loaded.tensors).toEqual(exampleTensors(step));
      if (typeof error === 'string') expect(step).toBe(3);
      else {
        expect(step).toBe(2);
        expect(error).toMatchObject({ code: 'write-failed' });
        expect(error.message).toMatch(/cannot write checkpoint step-000003.*ENOSPC.*earlier checkpoints/);
        if (!dead) expect(await readdir(folder)).toEqual(['step-000001', 'step-000002']);
      }
    }
  });
});

describe('saving a step again', () => {
  it.each([0, 1])('leaves the checkpoint that is there when write %i fails', async (at) => {
    const folder = await savedRun(2);
    const { store } = failingStore(await openFolder(folder), at, false);
    await expect(saveCheckpoint(store, exampleState(2), exampleTensors(7))).rejects.toThrow(/ENOSPC/);
    expect((await loadCheckpoint(folder)).tensors).toEqual(exampleTensors(2));
    expect(await readdir(`${folder}/step-000002`)).toEqual(['model.safetensors', 'state.json']);
  });
});
