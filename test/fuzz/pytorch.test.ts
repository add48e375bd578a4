/** Files of torch.save and safetensors that are damaged, and pickles and archives that are meant badly: read, or refused with a code. */
import { readFileSync } from 'node:fs';
import { unzipSync, Zip, ZipDeflate, ZipPassThrough, zipSync } from 'fflate';
import { expect } from 'vitest';
import { layOut, writeSafetensors } from '../../src/formats/safetensors.ts';
import { openWeights } from '../../src/models/pytorch/weights-file.ts';
import { openSource } from '../../src/runtime/byte-source.ts';
import { exportWeights } from '../../src/train/export-weights.ts';
import { importWeights } from '../../src/train/import-weights.ts';
import { RECORDED } from '../pytorch/torch.ts';
import { fuzz } from './harness.ts';
import { damaged, joined } from './mutate.ts';
import type { FuzzRandom } from './random.ts';

const read = (name: string) => new Uint8Array(readFileSync(new URL(name, RECORDED)));
const LEGACY = read('begun-legacy.pth');
const TENSORS = read('tensors.pth');
const TENSORS_LEGACY = read('tensors-legacy.pth');

/** All that import does, but for writing it down; where no ResNet is found, all tensors are read all the same. */
async function take(bytes: Uint8Array): Promise<void> {
  const file = await openWeights(await openSource(bytes));
  for (const tensor of file.tensors.values()) await tensor.read();
  const { tensors } = await importWeights(file);
  for (const tensor of tensors.values()) await tensor.read();
}

/** The same in the zip format, and the encoder alone in safetensors. */
const { zip: ZIP, safetensors: SAFETENSORS } = await (async () => {
  const {
    state,
    tensors: sources,
    network,
  } = await importWeights(await openWeights(await openSource(LEGACY)));
  const tensors = new Map(
    await Promise.all([...sources].map(async ([name, tensor]) => [name, await tensor.read()] as const)),
  );
  const checkpoint = { directory: '', runDirectory: '', skipped: [], state, tensors, network };
  const [zip, safetensors] = (['moco', 'safetensors'] as const).map((format) =>
    joined(...exportWeights(checkpoint, format).pieces),
  );
  return { zip: zip!, safetensors: safetensors! };
})();

/** A small file, which is read in a millisecond. */
const control = async () => {
  const file = await openWeights(await openSource(TENSORS_LEGACY));
  for (const tensor of file.tensors.values()) await tensor.read();
  expect(file.tensors.size).toBe(20);
};

for (const [kind, file] of Object.entries({
  'pytorch zip': ZIP,
  'pytorch legacy': LEGACY,
  'pytorch zip of every type': TENSORS,
  'pytorch legacy of every type': TENSORS_LEGACY,
  'safetensors of weights': SAFETENSORS,
})) {
  fuzz({ kind, cases: 1400, input: (random) => damaged(random, file), take, control });
}

/** Damage where it counts: in the pickle, of which the rest is a small part; archives get the checksum that belongs to it. */
const ENTRIES = unzipSync(ZIP);
const PICKLE = ENTRIES['archive/data.pkl']!;
fuzz({
  kind: 'pytorch pickle',
  cases: 1500,
  input: (random) => zipSync({ ...ENTRIES, 'archive/data.pkl': damaged(random, PICKLE) }, { level: 0 }),
  take,
  control,
});

/** Operations in any order, with arguments that are now and then what they should be. */
fuzz({
  kind: 'pytorch operations',
  cases: 1000,
  input: (random) => archive(operations(random)),
  take,
  control,
});

const text = (value: string) => new TextEncoder().encode(value);
const short = (value: string) => joined(Uint8Array.of(0x8c, value.length), text(value));
const global = (module: string, name: string) => text(`c${module}\n${name}\n`);
const many = (count: number, ...bytes: number[]) =>
  new Uint8Array(count * bytes.length).map((_, i) => bytes[i % bytes.length]!);
const whole = (value: number) =>
  Uint8Array.of(0x8a, 8, ...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
const protocol = Uint8Array.of(0x80, 2);
const stop = Uint8Array.of(0x2e);

/** `{'conv1.weight': tensor}` with these numbers for its storage, offset, shape and strides. */
function tensor(
  elements: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const tuple = (...items: Uint8Array[]) => joined(Uint8Array.of(0x28), ...items, Uint8Array.of(0x74));
  return joined(
    ...[
      protocol,
      Uint8Array.of(0x7d),
      short('conv1.weight'),
      global('torch._utils', '_rebuild_tensor_v2'),
      Uint8Array.of(0x28),
    ],
    ...[
      tuple(short('storage'), global('torch', 'FloatStorage'), short('0'), short('cpu'), whole(elements)),
      Uint8Array.of(0x51),
    ],
    ...[
      whole(offset),
      tuple(...shape.map(whole)),
      tuple(...strides.map(whole)),
      Uint8Array.of(0x89, 0x4e, 0x74, 0x52, 0x73),
      stop,
    ],
  );
}

const GLOBALS = [
  'os system',
  'posix system',
  'builtins eval',
  'builtins exec',
  'subprocess Popen',
  'torch.hub load',
  'torch load',
  'numpy.core.multiarray _reconstruct',
  'builtins getattr',
  '__main__ Model',
  'collections OrderedDict.__init__',
  'torch constructor',
  'torch.nn.modules.conv Conv2d',
  'torch toString',
  'torch __proto__',
];

/** What each attack is, and how a file of it looks. None of them may be read as weights of an encoder. */
const ATTACKS: Readonly<Record<string, (random: FuzzRandom) => Uint8Array>> = {
  global(random) {
    const [module = '', name = ''] = random.pick(GLOBALS).split(' ');
    const stacked = joined(short(module), short(name), Uint8Array.of(0x93));
    const named = random.chance(0.5) ? global(module, name) : stacked;
    return archive(
      joined(protocol, named, Uint8Array.of(0x28), short('echo'), Uint8Array.of(0x74, 0x52), stop),
    );
  },
  instance: () => archive(joined(protocol, Uint8Array.of(0x28), text('ios\nsystem\n'), stop)),
  'deep lists': (random) =>
    archive(joined(protocol, many(random.between(1e4, 5e4), 0x5d), many(5e4, 0x61), stop)),
  'deep tuples': (random) =>
    archive(joined(protocol, Uint8Array.of(0x29), many(random.between(1e4, 5e4), 0x85), stop)),
  marks: (random) => archive(joined(protocol, many(random.between(1e4, 5e5), 0x28), stop)),
  'a list in itself': () => archive(joined(protocol, Uint8Array.of(0x5d, 0x71, 0, 0x68, 0, 0x61), stop)),
  // Each dictionary holds the one before twice: 2ⁿ of them, for whoever walks them all.
  laughs: (random) =>
    archive(
      joined(
        protocol,
        Uint8Array.of(0x7d),
        many(random.between(30, 255), 0x71, 0, 0x28, 0x4b, 0, 0x68, 0, 0x4b, 1, 0x68, 0, 0x74),
        stop,
      ),
    ),
  memo: (random) =>
    archive(joined(protocol, Uint8Array.of(0x4e), many(random.between(1e4, 2e5), 0x94), stop)),
  dictionaries: (random) => archive(joined(protocol, many(random.between(1e5, 2e5), 0x7d), stop)),
  'a long text': (random) =>
    archive(
      joined(protocol, Uint8Array.of(0x58, 0xff, 0xff, 0xff, random.pick([0x7f, 0xff])), text('a'), stop),
    ),
  'a long number': () =>
    archive(joined(protocol, Uint8Array.of(0x8a, 0xff), new Uint8Array(255).fill(0x7f), stop)),
  'a huge tensor': (random) =>
    archive(
      tensor(
        16,
        0,
        [random.pick([2 ** 31, 2 ** 40, 2 ** 53 - 1]), random.pick([1, 3, 2 ** 20]), 1, 1],
        [0, 0, 0, 0],
      ),
    ),
  'a tensor beyond its storage': (random) =>
    archive(tensor(random.below(100), random.below(2 ** 50), [4, 3, 3, 3], [27, 9, 3, 1])),
  'a storage beyond its entry': () => archive(tensor(2 ** 40, 0, [4, 3, 7, 7], [147, 49, 7, 1])),
  'strides without end': (random) =>
    archive(tensor(16, 0, [4, 3, 3, 3], [random.pick([2 ** 52, 2 ** 31]), 9, 3, 1])),
  'a name that leads elsewhere': (random) =>
    named(
      random.pick([
        '../../etc/passwd',
        '/etc/passwd',
        'archive/../../x',
        'C:/x',
        'archive\\x',
        'archive/./x',
      ]),
    ),
  'a symbolic link': () => linked(),
  'a bomb': (random) =>
    zipSync({
      'archive/data.pkl': [PICKLE, { level: 9 }],
      'archive/data/0': [new Uint8Array(random.between(1e6, 3e6)), { level: 9 }],
    }) as Uint8Array,
  'two of a name': () => twice(),
  'a header without end': (random) =>
    joined(
      new Uint8Array(BigUint64Array.of(random.pick([2n ** 63n, 2n ** 32n, 10n ** 8n, 0n])).buffer),
      text('{}'),
    ),
  'tensors that overlap': () => overlapping(),
};

const names = Object.keys(ATTACKS);
fuzz({
  kind: 'pytorch attacks',
  // A hundredth of them is one of each.
  cases: 100 * names.length,
  input: (random, number) => ({
    name: names[number % names.length]!,
    bytes: ATTACKS[names[number % names.length]!]!(random),
  }),
  take: async ({ name, bytes }) => {
    await take(bytes);
    throw new Error(`${name} was taken`);
  },
  control,
  show: ({ name, bytes }) => `${name}, ${bytes.length} bytes`,
});

function archive(pickle: Uint8Array): Uint8Array {
  return zipSync(
    { 'archive/data.pkl': pickle, 'archive/data/0': new Uint8Array(64), 'archive/version': text('3\n') },
    { level: 0 },
  );
}

function named(name: string): Uint8Array {
  return zipSync({ 'archive/data.pkl': PICKLE, [name]: new Uint8Array(4) }, { level: 0 });
}

function linked(): Uint8Array {
  return zipSync(
    { 'archive/data.pkl': PICKLE, 'archive/data/0': [text('/etc/passwd'), { attrs: 0o120777 << 16, os: 3 }] },
    { level: 0 },
  );
}

function twice(): Uint8Array {
  const parts: Uint8Array[] = [];
  const zip = new Zip((_, bytes) => parts.push(bytes));
  for (const entry of [
    new ZipPassThrough('archive/data.pkl'),
    new ZipPassThrough('archive/data.pkl'),
    new ZipDeflate('archive/version'),
  ]) {
    zip.add(entry);
    entry.push(PICKLE, true);
  }
  zip.end();
  return joined(...parts);
}

function overlapping(): Uint8Array {
  const two = new Map(
    [1, 2].map((i) => [`w${i}`, { dtype: 'F32', shape: [4], data: new Float32Array(4) } as const]),
  );
  const bytes = writeSafetensors(two);
  const head = layOut(two).head.length;
  const header = new TextDecoder().decode(bytes.subarray(8, head)).replace('[16,32]', '[8,24] ');
  bytes.set(text(header), 8);
  return bytes;
}

/** Operations of pickles, those that are known more often than others. */
function operations(random: FuzzRandom): Uint8Array {
  const parts: Uint8Array[] = [protocol];
  const known = [
    0x28, 0x29, 0x5d, 0x7d, 0x4e, 0x88, 0x30, 0x31, 0x61, 0x65, 0x73, 0x75, 0x74, 0x85, 0x86, 0x87, 0x52,
    0x81, 0x62, 0x51, 0x94,
  ];
  for (let left = random.between(1, 200); left > 0; left--) {
    const kind = random.below(10);
    if (kind < 6) parts.push(Uint8Array.of(random.pick(known)));
    else if (kind === 6) parts.push(Uint8Array.of(random.pick([0x71, 0x68, 0x4b]), random.below(8)));
    else if (kind === 7)
      parts.push(short(random.pick(['storage', '0', 'cpu', 'state_dict', 'conv1.weight', 'optimizer'])));
    else if (kind === 8) {
      const [module = '', name = ''] = random
        .pick([
          'collections OrderedDict',
          'torch._utils _rebuild_tensor_v2',
          'torch FloatStorage',
          'torch Size',
          'torch device',
        ])
        .split(' ');
      parts.push(global(module, name));
    } else parts.push(random.bytes(random.between(1, 4)));
  }
  return joined(...parts, stop);
}
