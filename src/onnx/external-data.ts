/** Tensors whose values lie in files beside the model (models above protobuf's 2 GB, and torch's newer exporter). */
import { MocoError } from '../errors.ts';

/**
 * Reads `length` bytes at `offset` of a file in the model's folder. `location` is a plain relative path with `/` between
 * its parts: it has been checked not to leave the folder.
 */
export type ExternalData = (location: string, offset: number, length: number) => Uint8Array;

/**
 * The bytes of a tensor.
 * @param entries the tensor's external_data: location, and mostly offset and length
 * @param size how many bytes the tensor's shape and type make
 * @throws MocoError model-invalid for a path that could leave the model's folder, or places that are not in the file
 */
export function readExternal(
  entries: readonly { readonly key: string; readonly value: string }[],
  size: number,
  read: ExternalData,
): Uint8Array {
  const field = (key: string) => entries.find((entry) => entry.key === key)?.value;
  const location = field('location') ?? '';
  requireInside(location);
  const offset = Number(field('offset') ?? 0);
  const length = Number(field('length') ?? size);
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== size) {
    throw invalid(
      `${field('length') ?? size} bytes at ${field('offset') ?? 0} of ${location}, but ${size} are needed`,
    );
  }
  const bytes = read(location, offset, size);
  if (bytes.length === size) return bytes;
  throw invalid(`${location} holds ${bytes.length} of the ${size} bytes at ${offset}`);
}

/** Colons begin drives, streams and URLs; backslashes are separators on Windows. */
function requireInside(location: string): void {
  const parts = location.split('/');
  const plain = !/[\\:\0]/.test(location) && parts.every((part) => !['', '.', '..'].includes(part));
  if (!plain) throw invalid(`its file ${JSON.stringify(location)} is not a path inside the model's folder`);
}

function invalid(what: string): MocoError {
  return new MocoError('model-invalid', `external data: ${what}`);
}
