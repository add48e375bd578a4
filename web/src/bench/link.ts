/** Figures as the part of an address after #: whoever opens the link sees the same ones. Nothing is sent. */
import { type BackendFigures, type Figures, FORMS, type Form, PARTS, type Share } from './figures.ts';

/** Characters of an address: several times what is needed. */
const MOST_CHARACTERS = 16_000;
/** Bytes of what it holds, unpacked. */
const MOST_BYTES = 100_000;
const MOST_TEXT = 400;
const MOST_LIMITS = 16;
const MOST_CONVOLUTIONS = 40;
export const MOST_SHARES = 16;
const MOST_LOSSES = 100;
const PREFIX = 'figures=';

/** @returns the part of an address after # */
export async function toFragment(figures: Figures): Promise<string> {
  // Long words of a browser or a driver do not make a link that cannot be opened.
  const cut = (_: string, value: unknown) => (typeof value === 'string' ? value.slice(0, MOST_TEXT) : value);
  const text = JSON.stringify(figures, cut);
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return PREFIX + btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Null for whatever `toFragment` would not have written: anybody can write an address. */
export async function fromFragment(fragment: string): Promise<Figures | null> {
  if (!fragment.startsWith(PREFIX) || fragment.length > MOST_CHARACTERS) return null;
  const text = fragment.slice(PREFIX.length);
  if (!/^[\w-]+$/.test(text)) return null;
  try {
    const decoded = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const packed = Uint8Array.from(decoded, (character) => character.charCodeAt(0));
    return figuresOf(JSON.parse(await unpacked(packed)));
  } catch {
    return null;
  }
}

/** @throws for what is not packed so, and for more than figures take */
async function unpacked(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let [text, size] = ['', 0];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new Error('size');
    }
    text += decoder.decode(value, { stream: true });
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Builds anew what is there, so that nothing else comes along. @throws for anything that is not of its form */
function figuresOf(value: unknown): Figures {
  const given = fields(value);
  if (given.format !== 2) throw new Error('form');
  return {
    format: 2,
    userAgent: words(given.userAgent),
    cores: number(given.cores),
    size: words(given.size),
    adapter: orNull(given.adapter, (adapter) => {
      const limits = Object.entries(fields(adapter.limits));
      if (limits.length > MOST_LIMITS) throw new Error('limits');
      return {
        name: words(adapter.name),
        software: adapter.software === true,
        timestamps: adapter.timestamps === true,
        limits: Object.fromEntries(limits.map(([name, limit]) => [words(name), number(limit)])),
      };
    }),
    missing: given.missing === null ? null : words(given.missing),
    results: list(given.results, 2, resultOf),
  };
}

function resultOf(value: unknown): BackendFigures {
  const given = fields(value);
  const { backend } = given;
  if (backend !== 'wasm' && backend !== 'webgpu') throw new Error('backend');
  return {
    backend,
    problems: list(given.problems, PARTS.length, (problem) => {
      const { part, why } = fields(problem);
      const known = PARTS.find((name) => name === part);
      if (!known) throw new Error('part');
      return { part: known, why: words(why) };
    }),
    checks: orNull(given.checks, (found) => numbers(found, ['passed', 'failed', 'skipped'])),
    limits: orNull(given.limits, (found) => numbers(found, ['gflops', 'gigabytes'])),
    infonce: orNull(given.infonce, (found) =>
      numbers(found, ['rows', 'dim', 'queueSize', 'milliseconds', 'floor']),
    ),
    convolutions: list(given.convolutions, MOST_CONVOLUTIONS, (row) => {
      const found = fields(row);
      const shape = list(found.given, 7, number);
      if (shape.length !== 7) throw new Error('shape');
      const times = fields(found.milliseconds);
      const time = (form: Form) => [form, times[form] === null ? null : number(times[form])];
      return {
        ...{ given: shape, ...numbers(found, ['flop', 'floor']) },
        milliseconds: Object.fromEntries(FORMS.map(time)) as Record<Form, number | null>,
      };
    }),
    step: orNull(given.step, (found) => ({
      arch: words(found.arch),
      ...numbers(found, ['width', 'imageSize', 'batchSize', 'groups', 'imagesPerSecond', 'gflops']),
      phases: shares(found.phases),
    })),
    time: orNull(given.time, (found) => ({
      images: number(found.images),
      operators: shares(found.operators),
      kernels: shares(found.kernels),
      hosts: shares(found.hosts),
    })),
    losses: list(given.losses, MOST_LOSSES, number),
  };
}

const shares = (value: unknown): Share[] =>
  list(value, MOST_SHARES, (row) => {
    const found = fields(row);
    return { name: words(found.name), ...numbers(found, ['time', 'times']) };
  });

function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('object');
  return value as Fields;
}

function list<Made>(value: unknown, most: number, make: (item: unknown) => Made): Made[] {
  if (!Array.isArray(value) || value.length > most) throw new Error('list');
  return value.map(make);
}

const orNull = <Made>(value: unknown, make: (found: Fields) => Made): Made | null =>
  value === null ? null : make(fields(value));

function words(value: unknown): string {
  if (typeof value !== 'string' || value.length > MOST_TEXT) throw new Error('text');
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error('number');
  return value;
}

function numbers<Name extends string>(found: Fields, names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, number(found[name])])) as Record<Name, number>;
}
