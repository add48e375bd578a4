import { MocoError, messageOf } from '../errors.ts';
import type { FileStore } from './file-store.ts';

/** Makes the folder and tries a file in it: better now than after hours. @throws MocoError usage */
export async function checkWritable(store: FileStore, option: string): Promise<void> {
  // A name of its own: two that try at the same time do not take each other's away.
  const probe = `.moco-web-probe-${Math.random().toString(36).slice(2)}`;
  try {
    await store.write(probe, new Uint8Array(1));
    await store.remove(probe);
  } catch (cause) {
    await store.remove(probe).catch(() => {});
    throw new MocoError(
      'usage',
      `cannot write to ${store.root}: ${messageOf(cause)}; choose another ${option}`,
      { cause },
    );
  }
}
