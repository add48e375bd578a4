/**
 * A run directory holds `step-NNNNNN/` checkpoints, the newest two kept. Each has model.safetensors, of an imported
 * encoder encoder.onnx (its graph; the weights are in model.safetensors) and, written last, state.json with the sha256 of
 * the others: a directory without a valid state.json is no checkpoint.
 */
import { MocoError, messageOf } from '../errors.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import { encodeModel } from '../onnx/model.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { networkFromFile } from '../onnx/network-file.ts';
import type { FileStore } from '../runtime/file-store.ts';
import { openFolder } from '../runtime/files.ts';
import { checkTensors, countersOf } from './contents.ts';
import { sha256 } from './digest.ts';
import { notFinite } from './finite.ts';
import { migrate, NewerFormatError } from './migrations.ts';
import { formatState, openState, type RunState, readState } from './state.ts';

const TENSORS = 'model.safetensors';
const ENCODER = 'encoder.onnx';
export const STATE = 'state.json';
export const CHECKPOINT_FILES = { tensors: TENSORS, encoder: ENCODER, state: STATE } as const;
const KEPT = 2;
/** Four times ResNet-50 with a queue of 65536; more is refused before it is read. */
export const MAX_TENSOR_BYTES = 2 ** 31;
const MAX_ENCODER_BYTES = 2 ** 28;
const MAX_STATE_BYTES = 2 ** 20;

export interface LoadedCheckpoint {
  /** The checkpoint's own directory. */
  directory: string;
  /** The run directory it lies in; where a resumed run goes on writing unless told otherwise. */
  runDirectory: string;
  state: RunState;
  tensors: ReadonlyMap<string, NamedTensor>;
  /** The network of an imported encoder; null for a built-in one. */
  network: ImportedNetwork | null;
  /** Newer checkpoints that were broken, and why. */
  skipped: readonly { directory: string; reason: string }[];
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/**
 * The error of a checkpoint, or a part of it, that could not be written.
 * @param left what is there of others, in words
 */
export function cannotWrite(
  store: FileStore,
  name: string,
  cause: unknown,
  left = 'earlier checkpoints are untouched',
): MocoError {
  return new MocoError(
    'write-failed',
    `cannot write checkpoint ${name} in ${store.root}: ${messageOf(cause)}; ${left}: free some space or choose another folder`,
    { cause },
  );
}

/** The step of a checkpoint directory's name; null when it is not one. */
function stepOf(name: string): number | null {
  const match = /^step-(\d{6,15})$/.exec(name);
  return match ? Number(match[1]) : null;
}

/** Names of the checkpoint directories in a folder, newest first. */
export async function listCheckpoints(store: FileStore): Promise<string[]> {
  const names = (await store.list('')).filter((name) => stepOf(name) !== null);
  return names.sort((a, b) => (stepOf(b) ?? 0) - (stepOf(a) ?? 0));
}

/**
 * Writes a checkpoint and, of those at or before its step, removes all but the newest two (later ones belong to
 * another branch of the run and are left alone). Both files are complete on the disk under temporary names
 * before either takes its place, so a failure (disk full) leaves what was there before as it was.
 * Returns the checkpoint's directory.
 * @throws MocoError checkpoint-invalid when tensors and state do not fit each other, write-failed when the disk says so
 */
export async function saveCheckpoint(
  store: FileStore,
  state: RunState,
  tensors: ReadonlyMap<string, NamedTensor>,
  network: ImportedNetwork | null = null,
): Promise<string> {
  checkTensors(tensors);
  const name = checkpointName(state.step);
  const isNew = !(await store.exists(name));
  const bytes = writeSafetensors(tensors);
  const encoder = network && encodeModel(network.graph, { buffers: JSON.stringify(network.buffers ?? []) });
  const digests = { tensors: await sha256(bytes), ...(encoder ? { encoder: await sha256(encoder) } : {}) };
  const text = new TextEncoder().encode(await formatState(state, countersOf(tensors), digests));
  const parts = [
    { path: `${name}/${TENSORS}`, content: bytes },
    ...(encoder ? [{ path: `${name}/${ENCODER}`, content: encoder }] : []),
    { path: `${name}/${STATE}`, content: text },
  ];
  try {
    for (const { path, content } of parts) await store.write(`${path}.tmp`, content);
    for (const { path } of parts) await store.rename(`${path}.tmp`, path);
  } catch (cause) {
    await cleanUp(store, isNew ? [name] : parts.map(({ path }) => `${path}.tmp`));
    throw cannotWrite(store, name, cause, await whatIsLeft(store, name, isNew));
  }
  await cleanUp(store, await outdated(store, state.step));
  return `${store.root}/${name}`;
}

/** In words, after a checkpoint could not be written. */
async function whatIsLeft(store: FileStore, name: string, isNew: boolean): Promise<string> {
  const others = (await listCheckpoints(store)).filter((other) => other !== name);
  const earlier = others.length > 0 ? 'earlier checkpoints are untouched' : 'there is no earlier checkpoint';
  if (isNew) return earlier;
  // Of an earlier save of this step one file may be replaced by now, and the other not.
  const isWhole = await readCheckpoint(store, name).then(
    () => true,
    () => false,
  );
  return `the ${name} that was there is ${isWhole ? 'untouched' : 'lost'}, ${earlier}`;
}

/** What is no longer kept once a step is saved. Torn checkpoints do not count among the kept. */
async function outdated(store: FileStore, step: number): Promise<string[]> {
  const old: string[] = [];
  let kept = 0;
  for (const name of await listCheckpoints(store)) {
    if ((stepOf(name) ?? 0) > step) continue;
    if (kept < KEPT && (await store.exists(`${name}/${STATE}`))) kept++;
    else old.push(name);
  }
  return old;
}

/** Tidying must not turn a good save into an error, nor hide the error of a bad one. */
async function cleanUp(store: FileStore, paths: readonly string[]): Promise<void> {
  for (const path of paths) await store.remove(path).catch(() => undefined);
}

/**
 * Loads one checkpoint, or the newest valid one of a run directory.
 * @throws MocoError data-missing when there is nothing at `path`, checkpoint-invalid when nothing there is valid
 */
export async function loadCheckpoint(path: string): Promise<LoadedCheckpoint> {
  const trimmed = path.replace(/(?<=.)[/\\]+$/, '');
  const store = await openFolder(trimmed);
  if (!(await store.exists(''))) {
    throw new MocoError('data-missing', `no checkpoint at ${path}: there is no such folder`);
  }
  const isCheckpoint = (await store.exists(STATE)) || (await store.exists(TENSORS));
  if (isCheckpoint) {
    try {
      const content = await readCheckpoint(store, '');
      return { directory: trimmed, runDirectory: parentOf(trimmed), ...content, skipped: [] };
    } catch (cause) {
      const what = cause instanceof NewerFormatError ? 'is not for this version' : 'is broken';
      throw new MocoError('checkpoint-invalid', `checkpoint ${path} ${what}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
  const skipped: { directory: string; reason: string }[] = [];
  for (const name of await listCheckpoints(store)) {
    const directory = `${trimmed}/${name}`;
    try {
      return { directory, runDirectory: trimmed, ...(await readCheckpoint(store, name)), skipped };
    } catch (error) {
      // An earlier one in its place would be another run than whoever asks for it means.
      if (error instanceof NewerFormatError) {
        throw new MocoError('checkpoint-invalid', `checkpoint ${directory}: ${error.message}`, {
          cause: error,
        });
      }
      skipped.push({ directory, reason: messageOf(error) });
    }
  }
  const [first] = skipped;
  throw new MocoError(
    'checkpoint-invalid',
    first
      ? `no valid checkpoint in ${path}; the newest, ${first.directory}, is broken: ${first.reason}`
      : `no checkpoint in ${path}: expected state.json or step-NNNNNN folders`,
  );
}

function parentOf(directory: string): string {
  return directory.includes('/') ? directory.replace(/\/[^/]*$/, '') || '/' : `${directory}/..`;
}

async function readCheckpoint(
  store: FileStore,
  directory: string,
): Promise<Pick<LoadedCheckpoint, 'state' | 'tensors' | 'network'>> {
  // The small file first: without it the large ones need not be read.
  const text = new TextDecoder().decode(await store.read(`${directory}/${STATE}`, MAX_STATE_BYTES));
  const { format, content, digests } = await openState(text);
  const file = async (name: string, limit: number, expected: string): Promise<Uint8Array> => {
    const bytes = await store.read(`${directory}/${name}`, limit);
    const actual = await sha256(bytes);
    if (actual === expected) return bytes;
    throw new MocoError(
      'checkpoint-invalid',
      `${name} is not the file that ${STATE} belongs to (sha256 ${actual.slice(0, 8)}…, ` +
        `expected ${expected.slice(0, 8)}…)`,
    );
  };
  const { encoder } = digests;
  const network =
    encoder === undefined ? null : networkFromFile(await file(ENCODER, MAX_ENCODER_BYTES, encoder));
  const saved = readSafetensors(await file(TENSORS, MAX_TENSOR_BYTES, digests.tensors));
  const { state: today, tensors } = migrate({ state: content, tensors: saved }, format);
  const state = readState(today, digests);
  checkTensors(tensors);
  const bad = notFinite(tensors);
  if (bad) throw new MocoError('checkpoint-invalid', `${bad}: training went wrong before it was saved`);
  return { state, tensors, network };
}
