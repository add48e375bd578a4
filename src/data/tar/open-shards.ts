import { joinPath, openFile, type RandomAccessFile } from '../../runtime/data-files.ts';
import { readNow } from '../decode/image-file.ts';

/** Open at a time, in each worker: systems let a process have a thousand files or so. */
const MOST_OPEN = 16;

/** Shards of a folder, opened when something of them is read, and kept open while they are in use. */
export class OpenShards {
  readonly #pathOf: (shard: number) => string;
  readonly #open = new Map<number, Promise<RandomAccessFile>>();

  /** @param nameOf the path of a shard below the root */
  constructor(root: string, nameOf: (shard: number) => string) {
    this.#pathOf = (shard) => joinPath(root, nameOf(shard));
  }

  /** @throws MocoError data-missing — it cannot be read, or has become shorter */
  read(shard: number, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#file(shard).then(
      (file) => readNow(file, offset, length),
      (error) => {
        // It may be there the next time.
        this.#open.delete(shard);
        throw error;
      },
    );
  }

  close(): void {
    for (const shard of [...this.#open.keys()]) this.#letGo(shard);
  }

  /** The one that was not used for longest makes room. */
  #file(shard: number): Promise<RandomAccessFile> {
    const file = this.#open.get(shard) ?? openFile(this.#pathOf(shard));
    this.#open.delete(shard);
    this.#open.set(shard, file);
    if (this.#open.size > MOST_OPEN) this.#letGo(this.#open.keys().next().value!);
    return file;
  }

  /** It is closed after whoever asked for it before has read. */
  #letGo(shard: number): void {
    const file = this.#open.get(shard);
    this.#open.delete(shard);
    void file?.then((opened) => opened.close()).catch(() => {});
  }
}
