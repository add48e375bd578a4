/** JSON of the right form with something wrong in it, and values that JavaScript lets a caller give. */
import type { FuzzRandom } from './random.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const NUMBERS = [
  ...[0, -0, 1, -1, 0.5, 2, 3, 7, 16, 255, 1e-45, 1e38, 1e300, -1e300, 5e-324],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e15],
];
const TEXTS = [
  '',
  ' ',
  '1',
  'true',
  'false',
  'null',
  '../..',
  '/',
  '\u0000',
  '\u001b[31m',
  '__proto__',
  'a'.repeat(70),
];
const WORDS = [
  'moco',
  'simclr',
  'supervised',
  'resnet18',
  'resnet50',
  'x.onnx',
  'adamw',
  'lars',
  'sgd',
  'v2',
  'cosine',
  'auto',
];
const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'length',
  '',
  'step',
  'config',
  'sampler',
  'shape',
  'dtype',
];

/** Anything that JSON can say, not deep. */
export function anyJson(random: FuzzRandom, depth = 2): Json {
  switch (random.below(depth > 0 ? 8 : 6)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
    case 3:
      return random.pick(NUMBERS);
    case 4:
      return random.pick(TEXTS);
    case 5:
      return random.pick(WORDS);
    case 6:
      return Array.from({ length: random.below(4) }, () => anyJson(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick(KEYS), anyJson(random, depth - 1)]),
      );
  }
}

/** What only JavaScript can say. */
export function anyValue(random: FuzzRandom): unknown {
  const odd: readonly (() => unknown)[] = [
    () => undefined,
    () => Number.NaN,
    () => Number.POSITIVE_INFINITY,
    () => 3n,
    () => Symbol('fuzz'),
    () => () => 1,
    () => Object.create(null),
    () => new Date(Number.NaN),
    () => new Map([[1, 2]]),
    () => new Number(4),
    () => new Float32Array(2),
  ];
  return random.chance(0.4) ? random.pick(odd)() : anyJson(random);
}

/** A copy in which one to three values are others, gone, or beside new ones. */
export function withFaults(random: FuzzRandom, value: Json): Json {
  let copy = structuredClone(value);
  for (let left = random.pick([1, 1, 2, 3]); left > 0; left--) copy = withFault(random, copy);
  return copy;
}

function withFault(random: FuzzRandom, value: Json): Json {
  if (typeof value !== 'object' || value === null || random.chance(0.05)) return near(random, value);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.2)) return [...value, anyJson(random)];
    const at = random.below(value.length);
    if (random.chance(0.2)) return value.filter((_, i) => i !== at);
    return value.map((item, i) => (i === at ? withFault(random, item) : item));
  }
  const keys = Object.keys(value);
  const what = random.below(10);
  if (keys.length === 0 || what === 0) return { ...value, [random.pick(KEYS)]: anyJson(random) };
  const key = random.pick(keys);
  if (what === 1) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  if (what === 2) return { ...value, [key]: value[random.pick(keys)]! };
  return { ...value, [key]: withFault(random, value[key]!) };
}

/** A number beside this one, or anything. */
function near(random: FuzzRandom, value: Json): Json {
  if (typeof value !== 'number' || random.chance(0.4)) return anyJson(random);
  return random.pick([
    value + 1,
    value - 1,
    value * 2,
    value / 2,
    -value,
    value + 2 ** 31,
    value * 1e300 || 0,
  ]);
}
