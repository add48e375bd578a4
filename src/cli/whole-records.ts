import { fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { messageOf } from '../errors.ts';

/** Appends records to an open file, each whole or not at all, and goes on where the disk was full for a while. */
export class WholeRecords {
  readonly #file: number;
  readonly #name: string;
  #isFailing = false;

  /** @param name for messages: 'the log a/log.jsonl' */
  constructor(file: number, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** @returns what to tell people: at the first record that cannot be written, and at the first that can again */
  append(record: Uint8Array): readonly string[] {
    let before: number | null = null;
    try {
      const found = fstatSync(this.#file);
      before = found.isFile() ? found.size : null;
      for (let done = 0; done < record.length; )
        done += writeSync(this.#file, record, done, undefined, before === null ? null : before + done);
      if (!this.#isFailing) return [];
      this.#isFailing = false;
      return [`${this.#name} can be written again; what came meanwhile is missing`];
    } catch (cause) {
      try {
        if (before !== null) ftruncateSync(this.#file, before);
      } catch {}
      if (this.#isFailing) return [];
      this.#isFailing = true;
      return [`cannot write ${this.#name}: ${messageOf(cause)}; the run goes on without`];
    }
  }
}
