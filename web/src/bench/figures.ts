/** What was measured, and as the part of an address after #: whoever opens the link sees the same figures. Nothing is sent. */

type Computer = 'wasm' | 'webgpu';

export interface Figures {
  readonly format: 1;
  readonly userAgent: string;
  readonly adapter: {
    readonly name: string;
    readonly software: boolean;
    readonly limits: Readonly<Record<string, number>>;
  } | null;
  readonly results: readonly BackendFigures[];
}

export interface BackendFigures {
  readonly backend: Computer;
  /** Why it was not measured, or not all of it. */
  readonly problem: string | null;
  /** Cases of the conformance suite. */
  readonly checks: { readonly passed: number; readonly failed: number; readonly skipped: number } | null;
  readonly infonce: {
    readonly rows: number;
    readonly dim: number;
    readonly queueSize: number;
    readonly milliseconds: number;
  } | null;
  readonly step: {
    readonly arch: string;
    readonly width: number;
    readonly imageSize: number;
    readonly batchSize: number;
    readonly imagesPerSecond: number;
    readonly gflops: number;
  } | null;
}

/** Characters of an address: what mail and chat take, and many times what is needed. */
const MOST_CHARACTERS = 6000;
const MOST_TEXT = 400;
const MOST_LIMITS = 16;
const PREFIX = 'figures=';

/** @returns the part of an address after # */
export function toFragment(figures: Figures): string {
  const bytes = new TextEncoder().encode(JSON.stringify(cut(figures)));
  const text = btoa(String.fromCharCode(...bytes));
  return PREFIX + text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Null for whatever `toFragment` would not have written: anybody can write an address. */
export function fromFragment(fragment: string): Figures | null {
  if (!fragment.startsWith(PREFIX) || fragment.length > MOST_CHARACTERS) return null;
  const text = fragment.slice(PREFIX.length);
  if (!/^[\w-]+$/.test(text)) return null;
  try {
    const decoded = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(decoded, (character) => character.charCodeAt(0));
    return figuresOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return null;
  }
}

/** Long words of a browser or a driver do not make a link that cannot be opened. */
const shortened = (words: string): string => words.slice(0, MOST_TEXT);
function cut(figures: Figures): Figures {
  const { adapter, results } = figures;
  return {
    ...figures,
    userAgent: shortened(figures.userAgent),
    adapter: adapter && {
      ...adapter,
      name: shortened(adapter.name),
      limits: Object.fromEntries(Object.entries(adapter.limits).slice(0, MOST_LIMITS)),
    },
    results: results.map((result) => ({ ...result, problem: result.problem && shortened(result.problem) })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Builds anew what is there, so that nothing else comes along. @throws for anything that is not of its form */
function figuresOf(value: unknown): Figures {
  const given = fields(value);
  if (given.format !== 1 || !Array.isArray(given.results) || given.results.length > 2)
    throw new Error('form');
  return {
    format: 1,
    userAgent: words(given.userAgent),
    adapter: orNull(given.adapter, (adapter) => {
      const limits = Object.entries(fields(adapter.limits));
      if (limits.length > MOST_LIMITS) throw new Error('limits');
      return {
        name: words(adapter.name),
        software: adapter.software === true,
        limits: Object.fromEntries(limits.map(([name, limit]) => [words(name), number(limit)])),
      };
    }),
    results: given.results.map(resultOf),
  };
}

function resultOf(value: unknown): BackendFigures {
  const { backend, problem, checks, infonce, step } = fields(value);
  if (backend !== 'wasm' && backend !== 'webgpu') throw new Error('backend');
  return {
    backend,
    problem: problem === null ? null : words(problem),
    checks: orNull(checks, (found) => numbers(found, ['passed', 'failed', 'skipped'])),
    infonce: orNull(infonce, (found) => numbers(found, ['rows', 'dim', 'queueSize', 'milliseconds'])),
    step: orNull(step, (found) => ({
      arch: words(found.arch),
      ...numbers(found, ['width', 'imageSize', 'batchSize', 'imagesPerSecond', 'gflops']),
    })),
  };
}

function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('object');
  return value as Fields;
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
