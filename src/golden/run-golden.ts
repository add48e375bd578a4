/** Computes golden cases from their inputs and grades them where outputs are recorded. */

import { MocoError, messageOf } from '../errors.ts';
import {
  type NamedTensor,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../formats/safetensors.ts';
import { openWeights } from '../models/pytorch/weights-file.ts';
import { openSource } from '../runtime/byte-source.ts';
import type { FileStore } from '../runtime/file-store.ts';
import type { CaseFamily, GoldenCase, GoldenContext } from './case.ts';
import { type Comparison, compareTensors } from './compare.ts';
import { FAMILIES, familyOf } from './families.ts';
import { isFileName, type ManifestCase, readManifest } from './manifest.ts';

const MAX_CASE_BYTES = 2 ** 31;

export interface CaseResult {
  name: string;
  /** written: computed and saved, nothing recorded to grade with; ungraded: the same, and not saved either. */
  status: 'ok' | 'FAIL' | 'unsupported' | 'written' | 'ungraded';
  /** Worst error as a fraction of what is tolerated; null where nothing was graded. */
  fraction: number | null;
  /** The tensor of the worst error. */
  tensor: string | null;
  /** Why it failed, where that is not a number. */
  reason: string | null;
  /** What is beyond tolerance, by tensor. */
  failures: ReadonlyMap<string, Comparison>;
}

export interface GoldenOptions {
  /** The folder of manifest.json. */
  store: FileStore;
  context: GoldenContext;
  /** Only cases whose name starts with one of these. */
  only?: readonly string[];
  /** Where computed tensors are saved, as <case>.safetensors. */
  write?: FileStore;
  families?: readonly CaseFamily[];
}

/**
 * One result a case, in the manifest's order. A case that throws is a FAIL, not the end.
 * @throws MocoError data-missing, data-invalid when the manifest cannot be read, usage when one of `only` selects nothing
 */
export async function* runGolden(options: GoldenOptions): AsyncGenerator<CaseResult> {
  const { store, only = [''] } = options;
  const listedCases = await readManifest(store);
  for (const prefix of only) {
    if (!listedCases.some(({ name }) => name.startsWith(prefix))) {
      throw new MocoError('usage', `no case of ${store.root}/manifest.json starts with '${prefix}'`);
    }
  }
  const cases = listedCases.filter(({ name }) => only.some((prefix) => name.startsWith(prefix)));
  for (const listed of cases) {
    try {
      yield await runCase(listed, options);
    } catch (error) {
      yield result(listed, 'FAIL', {
        fraction: Number.POSITIVE_INFINITY,
        reason: messageOf(error).split('\n', 1)[0] ?? '',
      });
    }
  }
}

function result(
  listed: ManifestCase,
  status: CaseResult['status'],
  more: Partial<CaseResult> = {},
): CaseResult {
  const nothing = { fraction: null, tensor: null, reason: null, failures: new Map() };
  return { name: listed.name, status, ...nothing, ...more };
}

async function runCase(listed: ManifestCase, options: GoldenOptions): Promise<CaseResult> {
  const { store, context, write } = options;
  const family = familyOf(listed.name, options.families ?? FAMILIES);
  if (!family) return result(listed, 'unsupported', { reason: 'nothing here computes this case yet' });
  if ('grade' in family) {
    if (!(await store.exists(listed.file)))
      return result(listed, 'ungraded', { reason: 'no recorded numbers' });
    const text = new TextDecoder().decode(await store.read(listed.file, MAX_CASE_BYTES));
    const fraction = await family.grade(
      { ...goldenCase(listed, new Map(), store), json: JSON.parse(text) },
      context,
    );
    return result(listed, fraction <= 1 ? 'ok' : 'FAIL', { fraction });
  }
  const tensors = await recordedTensors(await store.read(listed.file, MAX_CASE_BYTES));
  const given = goldenCase(listed, tensors, store);
  const computed = await family.run(given, context);
  if (write)
    await write.write(`${listed.name}.safetensors`, writeSafetensors(listedOutputs(given, computed)));
  return grade(listed, tensors, computed, write !== undefined);
}

/** Types that are not held here are compared as what they become: half floats as float32, say. */
async function recordedTensors(bytes: Uint8Array): Promise<ReadonlyMap<string, NamedTensor>> {
  const { entries } = readSafetensorsHeader(bytes);
  if ([...entries.values()].every(({ dtype }) => ['F32', 'I64', 'U8'].includes(dtype)))
    return readSafetensors(bytes);
  const { tensors } = await openWeights(await openSource(bytes));
  const converted = new Map<string, NamedTensor>();
  for (const [name, tensor] of tensors) converted.set(name, await tensor.read());
  return converted;
}

/** What a runner gets to see: the tensors of role `in` and nothing recorded. */
function goldenCase(
  listed: ManifestCase,
  tensors: ReadonlyMap<string, NamedTensor>,
  store: FileStore,
): GoldenCase {
  const inputs = new Map<string, NamedTensor>();
  const outputs = new Map<string, { dtype: string; shape: readonly number[] }>();
  for (const [name, { role, dtype, shape }] of Object.entries(listed.tensors)) {
    if (role === 'out') outputs.set(name, { dtype, shape });
    if (role !== 'in') continue;
    const tensor = tensors.get(name);
    if (!tensor) throw new MocoError('data-invalid', `input ${name} is missing from ${listed.file}`);
    inputs.set(name, tensor);
  }
  const file = async (name: string) => {
    if (!isFileName(name))
      throw new MocoError('data-invalid', `${listed.name}: '${name}' is not a plain file name`);
    return store.read(name, MAX_CASE_BYTES);
  };
  return { name: listed.name, params: listed.params, rtol: listed.rtol, inputs, outputs, file };
}

function listedOutputs(
  { outputs }: GoldenCase,
  computed: ReadonlyMap<string, NamedTensor>,
): ReadonlyMap<string, NamedTensor> {
  if (outputs.size === 0) return computed;
  return new Map([...computed].filter(([name]) => outputs.has(name)));
}

function grade(
  listed: ManifestCase,
  recorded: ReadonlyMap<string, NamedTensor>,
  computed: ReadonlyMap<string, NamedTensor>,
  written: boolean,
): CaseResult {
  const outputs = Object.entries(listed.tensors).filter(([, { role }]) => role === 'out');
  const missing = outputs.filter(([name]) => !computed.has(name)).map(([name]) => name);
  if (missing.length > 0) {
    return result(listed, 'FAIL', {
      fraction: Number.POSITIVE_INFINITY,
      tensor: missing[0] ?? null,
      reason: `${missing.length} of ${outputs.length} outputs were not computed: ${missing.slice(0, 3).join(', ')}`,
    });
  }
  const graded = outputs.filter(([name]) => recorded.has(name));
  if (graded.length === 0) return result(listed, written ? 'written' : 'ungraded');
  if (graded.length < outputs.length) {
    return result(listed, 'FAIL', {
      fraction: Number.POSITIVE_INFINITY,
      reason: `${listed.file} holds only ${graded.length} of ${outputs.length} recorded outputs`,
    });
  }
  let fraction = 0;
  let tensor: string | null = null;
  const failures = new Map<string, Comparison>();
  for (const [name, { atol }] of graded) {
    const expected = recorded.get(name);
    if (!expected) continue;
    const comparison = compareTensors(expected, computed.get(name), atol ?? listed.atol, listed.rtol);
    if (tensor === null || comparison.fraction > fraction) {
      fraction = comparison.fraction;
      tensor = name;
    }
    if (!(comparison.fraction <= 1)) failures.set(name, comparison);
  }
  return result(listed, failures.size === 0 ? 'ok' : 'FAIL', { fraction, tensor, failures });
}
