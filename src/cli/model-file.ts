/** An .onnx file, and the tensors that lie in files beside it. */
import { closeSync, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { MocoError, messageOf } from '../errors.ts';
import type { ExternalData } from '../onnx/external-data.ts';
import { MAX_MODEL_BYTES } from '../onnx/limits.ts';

export interface ModelFile {
  readonly bytes: Uint8Array;
  readonly externalData: ExternalData;
}

/** @throws MocoError data-missing, model-invalid for a file that is too large to be a model */
export async function readModelFile(file: string): Promise<ModelFile> {
  const missing = (cause: unknown) =>
    new MocoError('data-missing', `cannot read model ${file}: ${messageOf(cause)}`, { cause });
  const found = await stat(file).catch((cause: unknown) => {
    throw missing(cause);
  });
  if (!found.isFile()) throw new MocoError('model-invalid', `${file} is no regular file`);
  const { size } = found;
  if (size > MAX_MODEL_BYTES)
    throw new MocoError('model-invalid', `${file} has ${size} bytes: an ONNX file has less than 2 GiB`);
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw missing(cause);
  });
  return { bytes, externalData: beside(dirname(resolve(file))) };
}

/** Reads parts of files in a folder; a link that leads out of it is refused too. */
function beside(folder: string): ExternalData {
  return (location, offset, length) => {
    try {
      const root = realpathSync(folder);
      const path = realpathSync(resolve(root, location));
      if (!path.startsWith(root + sep)) throw new Error(`it lies outside ${folder}`);
      if (!statSync(path).isFile()) throw new Error('it is no regular file');
      const handle = openSync(path, 'r');
      try {
        // Before room is made for it: files are small, and claims may be anything.
        const { size } = fstatSync(handle);
        if (offset + length > size) throw new Error(`${length} bytes at ${offset} of a file of ${size}`);
        const bytes = new Uint8Array(length);
        const read = readSync(handle, bytes, 0, length, offset);
        return bytes.subarray(0, read);
      } finally {
        closeSync(handle);
      }
    } catch (cause) {
      throw new MocoError('model-invalid', `external data ${location}: ${messageOf(cause)}`, { cause });
    }
  };
}
