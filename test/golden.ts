import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, it } from 'vitest';
import type { NamedTensor } from '../src/formats/safetensors.ts';
import type { GoldenCase } from '../src/golden/case.ts';
import { type Mismatch, mismatchTable } from './compare.ts';

interface ManifestTensor {
  dtype: 'F32' | 'I64' | 'U8';
  shape: number[];
  role: 'in' | 'out' | 'info';
  atol?: number;
}
interface ManifestCase {
  name: string;
  file?: string;
  params: Record<string, unknown>;
  rtol: number;
  tensors?: Record<string, ManifestTensor>;
}

/** A case with what it should come out as. */
export interface RecordedCase extends GoldenCase {
  readonly expected: ReadonlyMap<string, { tensor: NamedTensor; atol: number; rtol: number }>;
}

/** The data shared between checkouts, beside the repository: not on every machine. */
const SHARED = new URL('../../shared/data/', import.meta.url);

/** The cases that the tests carry. */
export const CARRIED = new URL('./data/golden/', import.meta.url);

/** The full set, where this machine has it: $MOCO_GOLDEN, else ../shared/data/golden beside the repository. */
export const FULL: URL | null = (() => {
  const folder = process.env.MOCO_GOLDEN
    ? pathToFileURL(`${process.env.MOCO_GOLDEN}/`)
    : new URL('golden/', SHARED);
  return existsSync(new URL('manifest.json', folder)) ? folder : null;
})();

/** The cases of further methods, beside those. */
export const FULL_METHOD: URL | null = (() => {
  const folder = new URL('../golden-method/', FULL ?? new URL('golden/', SHARED));
  return existsSync(new URL('manifest.json', folder)) ? folder : null;
})();

/** A suite of recorded cases. Where they are not on this machine it is NOT RUN, which is said and counted (`notHere`). */
export function describeRecorded(name: string, folder: URL | null, suite: (folder: URL) => void): void {
  if (folder) describe(name, () => suite(folder));
  else describe(name, () => notHere(name, '../shared/data/golden or $MOCO_GOLDEN'));
}

/** A test of the shared data, in the same way. */
export function itShared(name: string, test: (shared: URL) => Promise<void>): void {
  if (existsSync(SHARED)) it(name, () => test(SHARED));
  else notHere(name, '../shared/data');
}

/** One skipped test in place of those that cannot run; with MOCO_REQUIRE_GOLDEN=1 one that fails. */
function notHere(name: string, what: string): void {
  if (process.env.MOCO_REQUIRE_GOLDEN === '1') {
    it('is here', () => {
      throw new Error(`MOCO_REQUIRE_GOLDEN=1, but there is no ${what} for ${name}`);
    });
    return;
  }
  console.warn(`!! NOT RUN: ${name}: there is no ${what} here`);
  it.skip(`NOT RUN: there is no ${what} here (${name})`, () => {});
}

/** Reads the cases of a folder whose names start with one of the prefixes. */
export function readCases(folder: URL, prefixes: readonly string[]): RecordedCase[] {
  const manifest = JSON.parse(readFileSync(new URL('manifest.json', folder), 'utf8')) as {
    cases: ManifestCase[];
  };
  return manifest.cases
    .filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix)))
    .map((entry) => {
      const file = new URL(entry.file ?? `${entry.name}.json`, folder);
      const json = file.pathname.endsWith('.json');
      const tensors = json ? new Map<string, NamedTensor>() : readTensors(file);
      const ofRole = (role: string) =>
        Object.entries(entry.tensors ?? {}).filter(([, tensor]) => tensor.role === role);
      return {
        name: entry.name,
        params: entry.params,
        rtol: entry.rtol,
        file: async (name: string) => readFileSync(new URL(name, folder)),
        inputs: new Map(ofRole('in').map(([name]) => [name, tensors.get(name)!])),
        outputs: new Map(ofRole('out').map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
        expected: new Map(
          ofRole('out').map(([name, { atol = 0 }]) => [
            name,
            { tensor: tensors.get(name)!, atol, rtol: entry.rtol },
          ]),
        ),
        ...(json ? { json: JSON.parse(readFileSync(file, 'utf8')) as unknown } : {}),
      };
    });
}

function readTensors(file: URL): Map<string, NamedTensor> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, NamedTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = data_offsets;
    const data = new Uint8Array(bytes.subarray(8 + length + from, 8 + length + to)).buffer;
    if (dtype === 'F32') tensors.set(name, { dtype, shape, data: new Float32Array(data) });
    else if (dtype === 'I64') tensors.set(name, { dtype, shape, data: new BigInt64Array(data) });
    else if (dtype === 'U8') tensors.set(name, { dtype, shape, data: new Uint8Array(data) });
  }
  return tensors;
}

/** Worst error over all outputs as a fraction of the tolerance. Throws, with a table, where one is over it or absent. */
export function gradeCase(recorded: RecordedCase, computed: ReadonlyMap<string, NamedTensor>): number {
  let worst = 0;
  for (const [name, { tensor, atol, rtol }] of recorded.expected) {
    const actual = computed.get(name);
    if (!actual) throw new Error(`${recorded.name}: ${name} was not computed`);
    if (actual.dtype !== tensor.dtype || `${actual.shape}` !== `${tensor.shape}`) {
      throw new Error(
        `${recorded.name}: ${name} is ${actual.dtype} [${actual.shape}], expected ${tensor.dtype} [${tensor.shape}]`,
      );
    }
    const mismatches: Mismatch[] = [];
    for (let i = 0; i < tensor.data.length; i++) {
      const want = Number(tensor.data[i]);
      const got = Number(actual.data[i]);
      const tolerance = atol + rtol * Math.abs(want);
      const fraction = got === want ? 0 : Math.abs(got - want) / tolerance;
      if (!(fraction <= 1)) mismatches.push({ index: i, expected: want, actual: got, tolerance });
      worst = Math.max(worst, fraction);
    }
    if (mismatches.length)
      throw new Error(mismatchTable(`${recorded.name}: ${name}`, mismatches, tensor.shape));
  }
  return worst;
}
