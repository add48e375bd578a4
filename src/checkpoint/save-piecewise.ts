/** Writes a checkpoint whose tensors are read one after the other, as they are written: none of them has to fit in memory with others. */
import { sha256 as Sha256 } from '@noble/hashes/sha2';
import { MocoError } from '../errors.ts';
import { layOut, type NamedTensor } from '../formats/safetensors.ts';
import { encodeModel } from '../onnx/model.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import type { FileStore } from '../runtime/file-store.ts';
import { checkTensors } from './contents.ts';
import { sha256 } from './digest.ts';
import { CHECKPOINT_FILES, cannotWrite, checkpointName, MAX_TENSOR_BYTES } from './run-directory.ts';
import { formatState, type RunState } from './state.ts';

/** A tensor whose values are had when they are asked for. */
export interface TensorSource {
  readonly dtype: NamedTensor['dtype'];
  readonly shape: readonly number[];
  /** @throws MocoError data-invalid where the file that it is of cannot be read */
  read(): Promise<NamedTensor>;
}

/**
 * As saveCheckpoint does, in a folder that holds no other checkpoint. Returns the checkpoint's directory.
 * @throws MocoError checkpoint-invalid when tensors do not fit each other, write-failed, and what reading a tensor throws; then nothing is left behind
 */
export async function savePiecewise(
  store: FileStore,
  state: RunState,
  tensors: ReadonlyMap<string, TensorSource>,
  network: ImportedNetwork | null,
): Promise<string> {
  checkTensors(tensors);
  const name = checkpointName(state.step);
  const existed = await store.exists('');
  try {
    const digest = await writeTensors(store, `${name}/${CHECKPOINT_FILES.tensors}`, tensors);
    const encoder = network && encodeModel(network.graph);
    if (encoder) await written(store, `${name}/${CHECKPOINT_FILES.encoder}`, encoder);
    const digests = { tensors: digest, ...(encoder ? { encoder: await sha256(encoder) } : {}) };
    const text = new TextEncoder().encode(await formatState(state, await countersOf(tensors), digests));
    // Last, and in one go: without it the folder is no checkpoint.
    await written(store, `${name}/${CHECKPOINT_FILES.state}.tmp`, text);
    await store.rename(`${name}/${CHECKPOINT_FILES.state}.tmp`, `${name}/${CHECKPOINT_FILES.state}`);
  } catch (error) {
    await store.remove(existed ? name : '').catch(() => undefined);
    throw error;
  }
  return `${store.root}/${name}`;
}

async function writeTensors(
  store: FileStore,
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
): Promise<string> {
  const { head, order, dataBytes } = layOut(tensors);
  if (head.length + dataBytes > MAX_TENSOR_BYTES) {
    throw new MocoError(
      'data-invalid',
      `its tensors take ${dataBytes} bytes, and checkpoints have at most ${MAX_TENSOR_BYTES}`,
    );
  }
  const hash = Sha256.create();
  const failed = (cause: unknown) => cannotWrite(store, path, cause);
  const writer = await store.create(path).catch((cause: unknown) => {
    throw failed(cause);
  });
  const put = async (bytes: Uint8Array) => {
    hash.update(bytes);
    await writer.write(bytes).catch((cause: unknown) => {
      throw failed(cause);
    });
  };
  try {
    await put(head);
    for (const name of order) {
      const { data } = await tensors.get(name)!.read();
      await put(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close().catch((cause: unknown) => {
    throw failed(cause);
  });
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function written(store: FileStore, path: string, bytes: Uint8Array): Promise<void> {
  await store.write(path, bytes).catch((cause: unknown) => {
    throw cannotWrite(store, path, cause);
  });
}

/** queue_ptr and its like, for state.json. */
async function countersOf(tensors: ReadonlyMap<string, TensorSource>): Promise<Record<string, number>> {
  const counters: Record<string, number> = {};
  for (const [name, tensor] of tensors) {
    if (tensor.dtype !== 'I64' || name.includes('.')) continue;
    counters[name] = Number((await tensor.read()).data[0]);
  }
  return counters;
}
