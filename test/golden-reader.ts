import { existsSync, readFileSync } from 'node:fs';
import type { NamedTensor } from '../src/checkpoint/safetensors.ts';
import type { GoldenCase } from '../src/golden/case.ts';

/** The data shared between checkouts, where it is present; tests that need it skip without. */
export const SHARED = new URL('../../shared/data/', import.meta.url);
export const HAS_SHARED = existsSync(SHARED);

export interface RecordedTensor {
  dtype: string;
  shape: number[];
  role: 'in' | 'out' | 'info';
  atol?: number;
}

export interface RecordedCase {
  goldenCase: GoldenCase;
  rtol: number;
  recorded: ReadonlyMap<string, NamedTensor>;
  tensors: Readonly<Record<string, RecordedTensor>>;
}

interface ManifestCase {
  name: string;
  file?: string;
  params: Record<string, unknown>;
  rtol: number;
  tensors?: Record<string, RecordedTensor>;
}

/** Reads the cases of a manifest whose names start with a prefix. */
export function readCases(directory: URL, manifestName: string, prefix: string): RecordedCase[] {
  const manifest = JSON.parse(readFileSync(new URL(manifestName, directory), 'utf8')) as {
    cases: ManifestCase[];
  };
  return manifest.cases
    .filter((entry) => entry.name.startsWith(prefix))
    .map((entry) => {
      const tensors = entry.tensors ?? {};
      const file = entry.file ?? `${entry.name}.json`;
      const bytes = readFileSync(new URL(file, directory));
      const json = file.endsWith('.json');
      const recorded = json ? new Map<string, NamedTensor>() : readTensors(bytes);
      const names = (role: string) => Object.keys(tensors).filter((name) => tensors[name]!.role === role);
      return {
        rtol: entry.rtol,
        recorded,
        tensors,
        goldenCase: {
          name: entry.name,
          params: entry.params,
          inputs: new Map(names('in').map((name) => [name, recorded.get(name)!])),
          outputs: new Map(names('out').map((name) => [name, tensors[name]!])),
          ...(json ? { json: JSON.parse(bytes.toString('utf8')) as unknown } : {}),
        },
      };
    });
}

/** Enough of safetensors for the tests: U8 and F32. */
function readTensors(bytes: Buffer): Map<string, NamedTensor> {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, NamedTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const slice = new Uint8Array(bytes.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1]));
    if (dtype === 'U8') tensors.set(name, { dtype, shape, data: slice });
    else if (dtype === 'F32') tensors.set(name, { dtype, shape, data: new Float32Array(slice.buffer) });
  }
  return tensors;
}
