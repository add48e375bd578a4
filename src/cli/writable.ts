import { MocoError, messageOf } from '../errors.ts';
import type { FileStore } from '../runtime/file-store.ts';

/** Makes the folder and tries a file in it: better now than after hours. @throws MocoError usage */
export async function checkWritable(store: FileStore, option: string): Promise<void> {
  const probe = '.moco-web-probe';
  try {
    await store.write(probe, new Uint8Array(1));
    await store.remove(probe);
  } catch (cause) {
    throw new MocoError(
      'usage',
      `cannot write to ${store.root}: ${messageOf(cause)}; choose another ${option}`,
      { cause },
    );
  }
}
