/** Whose file it is, from names and shapes alone: one encoder under the names of many programs. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { float, OrderedDict, type Picklable, type PickledTensor } from '../../src/formats/pytorch/pickle.ts';
import { writePytorch } from '../../src/formats/pytorch/write.ts';
import { type NamedTensor, writeSafetensors } from '../../src/formats/safetensors.ts';
import { openWeights } from '../../src/models/pytorch/weights-file.ts';
import { openSource } from '../../src/runtime/byte-source.ts';
import type { ResumeOptions } from '../../src/settings/settings.ts';
import { exportWeights } from '../../src/train/export-weights.ts';
import { importWeights } from '../../src/train/import-weights.ts';
import { RECORDED } from './torch.ts';

/** The query encoder of the recorded run, by torchvision's names: [1, 1, 1, 1] basic blocks of 4 to 32 channels, MLP head to 8. */
const encoder = new Map<string, PickledTensor>();
beforeAll(async () => {
  const file = await openWeights(
    await openSource(new Uint8Array(readFileSync(new URL('begun-legacy.pth', RECORDED)))),
  );
  for (const [name, tensor] of file.tensors) {
    if (name.startsWith('module.encoder_q.'))
      encoder.set(name.slice('module.encoder_q.'.length), await tensor.read());
  }
});

const random = (...shape: number[]): PickledTensor => {
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32', shape, data: Float32Array.from({ length }, (_, i) => Math.sin(i)) };
};
const under = (prefix: string, rename = (name: string) => name) =>
  [...encoder].map(([name, tensor]): [string, PickledTensor] => [`${prefix}${rename(name)}`, tensor]);
const backbone = (prefix: string, rename = (name: string) => name) =>
  under(prefix, rename).filter(([name]) => !name.startsWith(`${prefix}fc.`));
/** As children of a torch.nn.Sequential. */
const numbered = (first: number) => (name: string) =>
  name
    .replace(/^conv1/, '0')
    .replace(/^bn1/, '1')
    .replace(/^layer(\d)/, (_, stage) => String(first + Number(stage)));

function saved(
  entries: readonly (readonly [string, PickledTensor])[],
  more: readonly (readonly [string, Picklable])[] = [],
) {
  const pieces: Uint8Array[] = [];
  const dictionary = new OrderedDict(entries);
  writePytorch(
    more.length > 0 ? new Map<string, Picklable>([['state_dict', dictionary], ...more]) : dictionary,
    (piece) => pieces.push(piece),
  );
  return new Uint8Array(Buffer.concat(pieces));
}

const imported = async (bytes: Uint8Array) => importWeights(await openWeights(await openSource(bytes)));

const queue: [string, PickledTensor][] = [
  ['queue', random(8, 32)],
  ['queue_ptr', { dtype: 'I64', shape: [1], data: BigInt64Array.of(8n) }],
];

describe('an encoder under the names of', () => {
  it.each<[string, () => Uint8Array, string, boolean, string[]]>([
    ['torchvision', () => saved(under('')), 'torchvision or timm', true, []],
    [
      'timm, from safetensors',
      () => writeSafetensors(new Map(backbone('')) as Map<string, NamedTensor>),
      'torchvision or timm',
      false,
      [],
    ],
    [
      'MoCo without DataParallel',
      () => saved([...queue, ...under('encoder_q.'), ...under('encoder_k.')], [['epoch', 3]]),
      'facebookresearch/moco',
      true,
      [],
    ],
    [
      'MoCo, its query encoder alone',
      () => saved(under('module.encoder_q.')),
      'facebookresearch/moco',
      true,
      [],
    ],
    [
      "MoCo's CIFAR notebook",
      () =>
        saved([...queue, ...under('encoder_q.net.', numbered(2)), ...under('encoder_k.net.', numbered(2))]),
      'facebookresearch/moco',
      true,
      [],
    ],
    [
      'MoCo v3',
      () =>
        saved([
          ...backbone('module.base_encoder.'),
          ['module.base_encoder.fc.0.weight', random(64, 32)],
          ...backbone('module.momentum_encoder.'),
          ['module.predictor.0.weight', random(8, 8)],
        ]),
      'facebookresearch/moco-v3',
      false,
      ['module.base_encoder.fc.0.weight', 'module.predictor.0.weight'],
    ],
    [
      'solo-learn',
      () =>
        saved([
          ...backbone('backbone.'),
          ...backbone('momentum_backbone.'),
          ['projector.0.weight', random(64, 32)],
        ]),
      'solo-learn',
      false,
      ['projector.0.weight'],
    ],
    [
      'lightly',
      () =>
        saved([
          ...backbone('backbone.', numbered(3)),
          ...backbone('backbone_momentum.', numbered(3)),
          ['projection_head.layers.0.weight', random(32, 32)],
        ]),
      'lightly',
      false,
      ['projection_head.layers.0.weight'],
    ],
    ['a model in Lightning', () => saved(under('model.')), 'torchvision or timm', true, []],
  ])('%s', async (_, file, layout, hasHead, left) => {
    const { state, tensors, notes, left: actual } = await imported(file());
    expect(notes[0]).toMatch(new RegExp(`names of ${layout}$`));
    expect(state.config.arch).toBe('resnet-basic-1-1-1-1-w4.onnx');
    const kept = actual
      .map(({ name }) => name)
      .filter((name) => !/momentum_(encoder|backbone)|backbone_momentum/.test(name));
    expect(kept).toEqual(left);
    expect(state.unknown?.includes('head')).toBe(!hasHead);
    const same = async (name: string) =>
      expect((await tensors.get(`encoder_q.${name}`)!.read()).data).toEqual(encoder.get(name)!.data);
    for (const name of encoder.keys()) if (hasHead || !name.startsWith('fc.')) await same(name);
  });
});

it('what the optimizer says is taken: its numbers, and momentum by place where parameters are called by address', async () => {
  const names = [...encoder.keys()].filter((name) => !/running_|num_batches/.test(name));
  const ids = names.map((_, i) => 140_000_000_000_000 + 64 * i);
  const buffers = new Map(
    names.map((name, i): [number, Picklable] => [
      ids[i]!,
      new Map([['momentum_buffer', random(...encoder.get(name)!.shape)]]),
    ]),
  );
  const group = new Map<string, Picklable>([
    ['lr', float(0.003)],
    ['momentum', float(0.8)],
    ['dampening', 0],
    ['weight_decay', float(5e-4)],
    ['nesterov', false],
    ['params', ids],
  ]);
  const optimizer = new Map<string, Picklable>([
    ['state', buffers],
    ['param_groups', [group]],
  ]);
  const file = saved(
    [...queue, ...under('module.encoder_q.'), ...under('module.encoder_k.')],
    [
      ['epoch', 7],
      ['arch', 'what it likes'],
      ['optimizer', optimizer],
    ],
  );
  const { state, tensors } = await imported(file);
  expect(state.epoch).toBe(7);
  expect(state.imported).toEqual({
    layout: 'facebookresearch/moco',
    epoch: 7,
    learningRate: 0.003,
    arch: 'what it likes',
  });
  expect([state.config.weightDecay, state.config.sgdMomentum, state.config.queueSize]).toEqual([
    5e-4, 0.8, 32,
  ]);
  expect(state.unknown).toEqual(
    expect.arrayContaining(['temperature', 'momentum', 'groups', 'batchSize', 'images']),
  );
  expect(state.unknown).not.toContain('weightDecay');
  for (const name of names) {
    const expected = random(...encoder.get(name)!.shape).data;
    expect((await tensors.get(`momentum.${name}`)!.read()).data).toEqual(expected);
  }
});

/** Of 32 keys in the queue, and the pointer at 16. */
it.each<[string, ResumeOptions, RegExp | null]>([
  ['a batch that fits', { batchSize: 16, groups: 2 }, null],
  [
    'a batch that does not divide the queue',
    { batchSize: 12, groups: 2 },
    /queue of 32 keys is no multiple of the batch of 12/,
  ],
  [
    'a batch that does not divide the pointer',
    { batchSize: 32, groups: 2 },
    /pointer 16 is no multiple of the batch of 32/,
  ],
  ['a batch that nobody has said', {}, /has to divide the 32 keys of the queue and its pointer, 16/],
])('what the reference demands is said: %s', async (_, given, message) => {
  const file = await openWeights(
    await openSource(new Uint8Array(readFileSync(new URL('begun-legacy.pth', RECORDED)))),
  );
  const { state, tensors: sources, network } = await importWeights(file, given);
  const tensors = new Map<string, NamedTensor>();
  for (const [name, source] of sources) tensors.set(name, await source.read());
  const { notes } = exportWeights(
    { directory: '', runDirectory: '', skipped: [], state, tensors, network },
    'moco',
  );
  expect(notes.filter((note) => /queue/.test(note)).join()).toMatch(message ?? /^$/);
  expect(notes.join()).toContain('its encoder is no ResNet of torchvision');
});

it('a File, as a page has it, is read as bytes are', async () => {
  const bytes = saved(under(''));
  const read = async (from: Blob | Uint8Array) => {
    const { tensors } = await importWeights(await openWeights(await openSource(from)));
    return Promise.all([...tensors.values()].map((tensor) => tensor.read()));
  };
  expect(await read(new Blob([bytes]))).toEqual(await read(bytes));
});

it.each<[string, () => Uint8Array, string]>([
  [
    'a network of another kind',
    () => saved([['patch_embed.proj.weight', random(8, 3, 4, 4)]]),
    'no ResNet among the 1 tensors',
  ],
  [
    'another stem',
    () =>
      saved(
        under('').map(
          ([name, tensor]) => [name, name === 'conv1.weight' ? random(4, 3, 5, 5) : tensor] as const,
        ),
      ),
    '7×7 and 3×3',
  ],
  [
    'a tensor of another shape',
    () =>
      saved(
        under('').map(([name, tensor]) => [name, name === 'layer2.0.bn1.bias' ? random(9) : tensor] as const),
      ),
    'layer2.0.bn1.bias [8]',
  ],
  ['no tensors', () => saved([], [['epoch', 1]]), 'holds no weights'],
])('%s is refused', async (_, file, message) => {
  await expect(imported(file())).rejects.toThrow(message);
});
