/** A checkpoint of the origin private file system as one zip. Weights do not get smaller: they are stored as they are. */
import { Zip, ZipPassThrough } from 'fflate';
import { megabytes, save } from '../elements.ts';
import { library } from '../moco-web.ts';
import type { Action } from './card.ts';

/** Read at once, so that the page's thread is never long with one piece. */
const PIECE = 2 ** 20;

/** Saves what a run has kept last: all that it takes to go on with it elsewhere. */
export const saveRunOf =
  (out: string): Action =>
  async (tell) => {
    const { loadCheckpoint } = await library();
    tell('Reading the checkpoint…');
    const { directory, state } = await loadCheckpoint(out);
    const file = await zipCheckpoint(directory, 'page', (bytes) => tell(`Packed ${megabytes(bytes)}`));
    save('run.zip', file);
    return `Saved ${megabytes(file.size)}, after ${state.step.toLocaleString('en')} steps.`;
  };

/**
 * @param directory of the checkpoint, 'runs/page/step-000100'
 * @param name of the folder in the zip: a run directory, as the command takes it
 */
async function zipCheckpoint(directory: string, name: string, told: (bytes: number) => void): Promise<Blob> {
  const parts = directory.split('/').filter((part) => part !== '');
  let folder = await navigator.storage.getDirectory();
  for (const part of parts) folder = await folder.getDirectoryHandle(part);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let failure: Error | null = null;
  const zip = new Zip((error, piece) => {
    if (error) failure = error;
    else pieces.push(piece);
  });
  let bytes = 0;
  for await (const handle of folder.values()) {
    // A checkpoint has no folders; unfinished files are none of it.
    if (handle.kind !== 'file' || handle.name.endsWith('.tmp')) continue;
    const file = await handle.getFile();
    const entry = new ZipPassThrough(`${name}/${parts.at(-1)}/${handle.name}`);
    zip.add(entry);
    for (let at = 0; at < file.size; at += PIECE) {
      entry.push(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
      bytes += Math.min(PIECE, file.size - at);
      told(bytes);
    }
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  if (failure) throw failure;
  return new Blob(pieces, { type: 'application/zip' });
}
