/** Handles of the user's folders that a page keeps over reloads, in IndexedDB: nothing else can hold them. */
import { MocoError, messageOf } from '../errors.ts';

const DATABASE = 'moco-web';
const STORE = 'folders';

/** Whether this runtime has something to keep handles in. */
export const canKeepHandles = (): boolean => typeof indexedDB !== 'undefined';

/** @throws MocoError write-failed */
export async function putHandle(key: string, value: unknown): Promise<void> {
  try {
    await inStore('readwrite', (store) => store.put(value, key));
  } catch (cause) {
    throw new MocoError('write-failed', `the folder of ${key} could not be kept: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Undefined where there is none. @throws MocoError data-missing where the page may not look into its storage */
export async function getHandle(key: string): Promise<unknown> {
  try {
    return await inStore('readonly', (store) => store.get(key));
  } catch (cause) {
    throw new MocoError('data-missing', `this page may not look into its storage: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Where the page may not look into its storage, nothing of it is there. */
export async function deleteHandle(key: string): Promise<void> {
  await inStore('readwrite', (store) => store.delete(key)).catch(() => undefined);
}

async function inStore<T>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
  const database = await resultOf(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const result = await resultOf(ask(transaction.objectStore(STORE)));
    if (mode === 'readonly') return result;
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return result;
  } finally {
    database.close();
  }
}

const resultOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Not in TypeScript's types; Chromium alone has them: elsewhere there are no handles of the user's folders. */
interface Permitted {
  queryPermission?(of: { mode: 'read' }): Promise<PermissionState>;
  requestPermission?(of: { mode: 'read' }): Promise<PermissionState>;
}

/**
 * Whether a kept handle may be read, asking the user where the browser wants that.
 * @throws MocoError usage where it may only be asked in a click
 */
export async function isReadable(handle: FileSystemDirectoryHandle & Permitted): Promise<boolean> {
  const state = (await handle.queryPermission?.({ mode: 'read' })) ?? 'granted';
  if (state !== 'prompt') return state === 'granted';
  try {
    return (await handle.requestPermission?.({ mode: 'read' })) === 'granted';
  } catch (cause) {
    const message = `the browser asks before it opens ${handle.name} again, and only after a click: call this in one`;
    throw new MocoError('usage', message, { cause });
  }
}
