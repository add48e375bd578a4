/** Reads a list that it was given. */
import { type PackedStrings, stringAt } from '../../../src/data/shared.ts';
import { exposeInWorker } from '../../../src/runtime/worker.ts';

let list: PackedStrings | null = null;

const api = {
  open(strings: PackedStrings): void {
    list = strings;
  },
  at: (i: number): string | undefined => (list ? stringAt(list, i) : undefined),
  isShared: (): boolean =>
    typeof SharedArrayBuffer !== 'undefined' && list?.bytes.buffer instanceof SharedArrayBuffer,
};

export type StringsWorker = typeof api;

await exposeInWorker(api);
