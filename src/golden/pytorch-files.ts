/** The golden cases of PyTorch's files: what they hold, after the way in and out again, and Detectron2's names. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { TensorSource } from '../checkpoint/save-piecewise.ts';
import { MocoError } from '../errors.ts';
import { isDictionary, StoredTensor } from '../formats/pytorch/values.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import { detectron2Name } from '../models/pytorch/detectron2-names.ts';
import { openWeights, type WeightsFile } from '../models/pytorch/weights-file.ts';
import { openSource } from '../runtime/byte-source.ts';
import { exportWeights } from '../train/export-weights.ts';
import { type ImportedWeights, importWeights } from '../train/import-weights.ts';
import type { CaseFamily, CaseGrader, CaseRunner, GoldenCase } from './case.ts';

type Contents = ReadonlyMap<string, NamedTensor>;

/**
 * What the tensors of each file of the case are called and hold. That of a run of MoCo is imported and exported first, so
 * that both ways are graded; other files are read alone.
 */
const checkpoint: CaseRunner = async (c) => {
  const names = Object.entries(c.params).flatMap(([key, file]) =>
    key.startsWith('pth') && typeof file === 'string' ? [file] : [],
  );
  let first: Contents | null = null;
  for (const name of names) {
    const contents = await contentsOf(await c.file(name));
    if (first) requireSame(c, first, contents);
    else first = contents;
  }
  if (first) return first;
  throw new MocoError('data-invalid', `golden case ${c.name} names no file of PyTorch`);
};

async function contentsOf(bytes: Uint8Array): Promise<Contents> {
  const file = await openWeights(await openSource(bytes));
  const read = await tensorsOf(file);
  if (![...file.tensors.keys()].some((name) => /(^|\.)queue$/.test(name))) return read;
  const imported = await importWeights(file);
  const { pieces } = exportWeights(await inMemory(imported), 'moco');
  const written = await tensorsOf(await openWeights(await openSource(joined(pieces))));
  // Wrapped in DistributedDataParallel or not.
  const plain = new Map([...written].map(([name, tensor]) => [unwrapped(name), tensor]));
  return new Map(
    [...read.keys()].flatMap((name) => {
      const tensor = plain.get(unwrapped(name));
      return tensor ? [[name, tensor] as const] : [];
    }),
  );
}

const unwrapped = (name: string): string => name.replace(/^module\./, '');

async function tensorsOf(file: WeightsFile): Promise<Contents> {
  const tensors = await readAll(file.tensors);
  const state = file.optimizer?.get('state');
  if (!isDictionary(state)) return tensors;
  for (const [id, own] of state) {
    if (!isDictionary(own)) continue;
    for (const [key, value] of own) {
      if (value instanceof StoredTensor)
        tensors.set(`optimizer.state.${String(id)}.${String(key)}`, await file.source(value).read());
    }
  }
  return tensors;
}

async function readAll(sources: ReadonlyMap<string, TensorSource>): Promise<Map<string, NamedTensor>> {
  const tensors = new Map<string, NamedTensor>();
  for (const [name, source] of sources) tensors.set(name, await source.read());
  return tensors;
}

async function inMemory({ state, tensors, network }: ImportedWeights): Promise<LoadedCheckpoint> {
  return { directory: '', runDirectory: '', state, tensors: await readAll(tensors), network, skipped: [] };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function requireSame(c: GoldenCase, first: Contents, second: Contents): void {
  for (const name of new Set([...first.keys(), ...second.keys()])) {
    const [a, b] = [first.get(name), second.get(name)];
    const same =
      a &&
      b &&
      String(a.shape) === String(b.shape) &&
      a.data.every((value, i) => Object.is(value, b.data[i]));
    if (!same) throw new MocoError('data-invalid', `${c.name}: the files differ in ${name}`);
  }
}

/** Their names of the learned encoder's tensors. */
const detectron2: CaseGrader = async (c) => {
  const maps = Object.values((c.json ?? {}) as Readonly<Record<string, Readonly<Record<string, string>>>>);
  for (const [name, theirs] of maps.flatMap((map) => Object.entries(map))) {
    const ours = detectron2Name(name.replace(/^(module\.)?encoder_q\./, ''));
    if (ours !== theirs) throw new MocoError('data-invalid', `${name} is ${ours}, should be ${theirs}`);
  }
  return maps.length > 0 ? 0 : Number.POSITIVE_INFINITY;
};

export const pytorchFamily: CaseFamily = { runners: { checkpoint }, graders: { detectron2 } };
