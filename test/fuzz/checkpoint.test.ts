/** Checkpoints whose state.json or model.safetensors says something else, sealed again: digests keep accidents out, nobody's intent. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { queryValues } from '../../src/checkpoint/contents.ts';
import { sha256 } from '../../src/checkpoint/digest.ts';
import { loadCheckpoint, saveCheckpoint } from '../../src/checkpoint/run-directory.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import { openKernels } from '../../src/kernels/open.ts';
import { methodNamed } from '../../src/methods/registry.ts';
import { inferenceWeights, networkOf } from '../../src/models/choose-network.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import { optimizerNamed } from '../../src/optimizers/registry.ts';
import { openFolder } from '../../src/runtime/files.ts';
import { requireSavable } from '../../src/train/check-options.ts';
import { mergeResumedConfig } from '../../src/train/configure.ts';
import { TrainState } from '../../src/train/state.ts';
import { stateOf } from '../../src/train/state-of.ts';
import { exampleState } from '../checkpoint/example.ts';
import { fuzz } from './harness.ts';
import { type Json, withFaults } from './json.ts';
import { damaged, joined } from './mutate.ts';
import type { FuzzRandom } from './random.ts';

const folder = mkdtempSync(join(tmpdir(), 'moco-fuzz-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Files {
  readonly state: Uint8Array;
  readonly model: Uint8Array;
}

/** A run of the smallest kind, as training saves it. */
let good: Files;
let kernels: Kernels;

beforeAll(async () => {
  kernels = await openKernels('wasm');
  const { config } = exampleState(3);
  const state = new TrainState(kernels, specOf(config), null);
  await saveCheckpoint(await openFolder(folder), exampleState(3), await state.read());
  state.dispose();
  good = {
    // No Buffers: their slices are no copies.
    state: new Uint8Array(readFileSync(`${folder}/step-000003/state.json`)),
    model: new Uint8Array(readFileSync(`${folder}/step-000003/model.safetensors`)),
  };
});
afterAll(() => kernels.dispose());

function specOf(config: ReturnType<typeof exampleState>['config']) {
  const layout = encoderLayout(networkOf(config), config.imageSize);
  return stateOf(methodNamed(config.method), optimizerNamed(config.optimizer), layout, config);
}

/** As saveCheckpoint writes it. */
const textOf = (content: object) => new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`);

async function sealed(content: Json, model: Uint8Array): Promise<Uint8Array> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return textOf([content]);
  const { checksum: _before, ...rest } = content;
  const named = { ...rest, ...(rest.sha256 === undefined ? {} : { sha256: await sha256(model) }) };
  return textOf({ ...named, checksum: await sha256(textOf(named)) });
}

const stateJson = () => JSON.parse(new TextDecoder().decode(good.state)) as Json;

/** Loads it, and goes as far with it as a resumed run and an embedding do before their first image. */
async function take({ state, model }: Files): Promise<void> {
  const place = `${folder}/case`;
  mkdirSync(place, { recursive: true });
  writeFileSync(`${place}/state.json`, state);
  writeFileSync(`${place}/model.safetensors`, model);
  const loaded = await loadCheckpoint(place);
  const config = mergeResumedConfig(loaded.state.config, {}, loaded.state.sampler.images);
  requireSavable(config, loaded.network);
  inferenceWeights(networkOf(config, loaded.network), config.imageSize, queryValues(loaded.tensors));
  new TrainState(kernels, specOf(config), loaded.tensors).dispose();
}

const show = ({ state }: Files) => new TextDecoder().decode(state).slice(0, 3000);
const control = async () => {
  await take(good);
  expect((await loadCheckpoint(`${folder}/step-000003`)).state.step).toBe(3);
};

fuzz<Files>({
  kind: 'state.json',
  cases: 4000,
  input: async (random) => {
    if (random.chance(0.15)) return { ...good, state: damaged(random, good.state) };
    return { ...good, state: await sealed(withFaults(random, stateJson()), good.model) };
  },
  take,
  show,
  control,
});

fuzz<Files>({
  kind: 'model.safetensors',
  cases: 4000,
  input: async (random) => {
    const model = random.chance(0.4) ? damaged(random, good.model) : withOtherHeader(random, good.model);
    return { state: await sealed(stateJson(), model), model };
  },
  take,
  show: ({ model }) => new TextDecoder().decode(model.subarray(0, 2000)),
  control,
});

fuzz<Uint8Array>({
  kind: 'safetensors, any',
  cases: 4000,
  input: (random) => (random.chance(0.5) ? damaged(random, good.model) : withOtherHeader(random, good.model)),
  take: (bytes) => {
    for (const { shape, data } of readSafetensors(bytes).values()) {
      expect(data.length).toBe(shape.reduce((product, d) => product * d, 1));
    }
  },
});

/** What the header says is changed; the data stays, and mostly the length of the header is true. */
function withOtherHeader(random: FuzzRandom, model: Uint8Array): Uint8Array {
  const length = Number(new DataView(model.buffer, model.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(model.subarray(8, 8 + length))) as Json;
  const text = new TextEncoder().encode(JSON.stringify(withFaults(random, header)));
  const start = new Uint8Array(8);
  const said = random.chance(0.9) ? text.length : random.below(2 * text.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(said), true);
  return joined(start, text, model.subarray(8 + length));
}
