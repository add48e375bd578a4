/** Every file of the newest checkpoint, torn, changed or gone: it is noticed, and the checkpoint before is used. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FORMAT_VERSION } from '../../src/checkpoint/migrations.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { encodeModel } from '../../src/onnx/model.ts';
import { networkFromFile } from '../../src/onnx/network-file.ts';
import { buildResNet } from '../../src/onnx/resnet.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { exampleState, exampleTensors, temporaryFolder } from './example.ts';

const { graph } = buildResNet(
  { block: 'basic', layers: [1], planes: [2], stem: 'cifar', dim: 2, mlp: false },
  'batch',
  8,
);
const NETWORK = networkFromFile(encodeModel(graph));

/** Two checkpoints of a run with an encoder from a file. */
async function savedRun(): Promise<string> {
  const folder = await temporaryFolder();
  const store = await openFolder(folder);
  for (const step of [1, 2]) {
    const state = exampleState(step);
    const config = { ...state.config, arch: 'tiny.onnx' as const };
    await saveCheckpoint(store, { ...state, config }, exampleTensors(step), NETWORK);
  }
  return folder;
}

/** Places all over a file of some length, both ends among them. */
const places = (length: number) =>
  [0, 1, 7, 8, length >> 2, length >> 1, length - 2, length - 1].filter((at) => at >= 0 && at < length);

describe.each(['model.safetensors', 'encoder.onnx', 'state.json'])('%s of the newest checkpoint', (name) => {
  /** Changes the file (null: takes it away) and says why the newest checkpoint was passed over. Loading changes nothing: a run may be taken again. */
  async function reasonFor(
    change: (bytes: Uint8Array) => Uint8Array | null,
    run?: { readonly folder: string; readonly saved: Uint8Array },
  ): Promise<string> {
    const folder = run?.folder ?? (await savedRun());
    const file = `${folder}/step-000002/${name}`;
    const changed = change(new Uint8Array(run?.saved ?? (await readFile(file))));
    await (changed ? writeFile(file, changed) : rm(file));
    const { state, tensors, network, skipped } = await loadCheckpoint(folder);
    expect(state.step).toBe(1);
    expect(tensors).toEqual(exampleTensors(1));
    expect(network).toEqual(NETWORK);
    expect(skipped.map(({ directory }) => directory)).toEqual([`${folder}/step-000002`]);
    return skipped[0]!.reason;
  }

  it('gone', async () => {
    expect(await reasonFor(() => null)).toMatch(/cannot open/);
  });

  it('truncated, anywhere', async () => {
    const { length } = await readFile(`${await savedRun()}/step-000002/${name}`);
    // Without its last line break state.json is still whole.
    for (const at of places(name === 'state.json' ? length - 1 : length)) {
      expect(await reasonFor((bytes) => bytes.slice(0, at)), `at ${at} of ${length}`).toContain(name);
    }
  });

  it('with one bit changed, anywhere', async () => {
    const folder = await savedRun();
    const saved = await readFile(`${folder}/step-000002/${name}`);
    const { length } = saved;
    const isState = name === 'state.json';
    const version = '"format_version": ';
    const newest = FORMAT_VERSION % 2 === 0 ? saved.indexOf(version) + version.length : -1;
    // Every letter and digit of state.json; elsewhere a digest covers all bytes alike.
    for (const at of isState ? Array.from({ length: length - 1 }, (_, i) => i) : places(length)) {
      const original = saved[at];
      // Between words of JSON nothing is said.
      if (isState && (original === 32 || original === 10)) continue;
      // A later version's is refused, not passed over (run-directory.test.ts): an even number becomes one.
      if (isState && at === newest) continue;
      const reason = await reasonFor(
        (bytes) => {
          bytes[at]! ^= isState ? 1 : 1 << (at % 8);
          return bytes;
        },
        { folder, saved },
      );
      if (isState) expect(reason, `byte ${at} of ${length}`).toMatch(/state.json|config/);
      else expect(reason, `byte ${at}`).toContain(`${name} is not the file that state.json belongs to`);
    }
  });
});
