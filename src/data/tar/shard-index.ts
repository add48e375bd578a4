/** Which images lie in tar shards, and where: made once, by reading headers and labels alone. */
import { MocoError } from '../../errors.ts';
import { counted } from '../find/walk-images.ts';
import { BLOCK, type TarFile, tarMembers } from './members.ts';
import { isHidden, keyOf, Sample } from './sample.ts';

/** A file in one of the shards. */
export interface ShardFile {
  readonly name: string;
  /** Which of the shards. */
  readonly shard: number;
  /** Where it begins, in blocks. */
  readonly block: number;
  /** Bytes. */
  readonly size: number;
}

export interface ShardIndex {
  /** Of each sample with an image, in the order of the shards; null where nothing says of which class samples are. */
  readonly samples: readonly { readonly image: ShardFile; readonly word: string }[] | null;
  /** All files that are not hidden, where there are no samples with labels. */
  readonly files: readonly ShardFile[];
  /** What is odd, and what was left out and why, in words. */
  readonly notes: readonly string[];
}

/** Twice as many as the images that a data set may have: each may have a label beside it. */
const MOST_MEMBERS = 20_000_000;
/** Offsets are kept in blocks, sizes in bytes, in 32 bits with sign. */
const MOST = 2 ** 31 - 1;

export class ShardIndexer {
  readonly #progress: (images: number) => void;
  readonly #odd: string[] = [];
  #samples: { image: ShardFile; word: string }[] = [];
  #files: ShardFile[] = [];
  #members = 0;
  #links = 0;
  #otherImages = 0;
  #labeled = false;

  /** @param progress told how many images were found so far */
  constructor(progress: (images: number) => void = () => {}) {
    this.#progress = progress;
  }

  /** @throws MocoError data-invalid — it is no archive, damaged, cut short or too large */
  async add(file: TarFile, shard: number): Promise<void> {
    if (file.size / BLOCK > MOST)
      throw new MocoError('data-invalid', `${file.name} has ${file.size} bytes: split it`);
    let sample: Sample | null = null;
    const place = (name: string, offset: number, size: number): ShardFile => ({
      ...{ name, shard, block: offset / BLOCK, size: Math.min(size, MOST) },
    });
    const close = () => {
      if (!sample?.image) return;
      const { name, offset, size } = sample.image;
      this.#labeled ||= sample.isLabeled;
      this.#otherImages += sample.others;
      this.#samples.push({ image: place(name, offset, size), word: sample.word });
      if (this.#samples.length % 1000 === 0) this.#progress(this.#samples.length);
    };
    for await (const member of tarMembers(file, (note) => this.#odd.push(note))) {
      if (++this.#members > MOST_MEMBERS)
        throw new MocoError(
          'data-invalid',
          `${file.name}: more than ${MOST_MEMBERS} files: give a part of the shards`,
        );
      if (isHidden(member.name)) continue;
      if (member.kind === 'link') {
        this.#links++;
        continue;
      }
      const { key, ending } = keyOf(member.name);
      if (sample?.key !== key) {
        close();
        sample = new Sample(key);
      }
      await sample.take(member, ending);
      // Of no use once it is known that there are samples.
      if (this.#labeled) this.#files = [];
      else this.#files.push(place(member.name, member.offset, member.size));
    }
    close();
    this.#progress(this.#samples.length);
  }

  get index(): ShardIndex {
    const unlabeled = this.#samples.filter(({ word }) => word === '').length;
    const [first, ...more] = this.#odd;
    const notes =
      first === undefined ? [] : [more.length === 0 ? first : `${first}; ${more.length} more like it`];
    if (this.#links > 0) notes.push(`${counted(this.#links, 'link')} left out`);
    if (!this.#labeled) return { samples: null, files: this.#files, notes };
    if (this.#otherImages > 0)
      notes.push(`${counted(this.#otherImages, 'image')} beside the first of a sample left out`);
    if (unlabeled > 0) notes.push(`${counted(unlabeled, 'sample')} without a label`);
    return { samples: this.#samples, files: [], notes };
  }
}
