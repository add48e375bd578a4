/** Walks folders for images, and counts what it leaves out. */
import { MocoError } from '../../errors.ts';
import type { DirectoryEntry } from '../../runtime/data-files.ts';

/** Files in folders, wherever they lie. Paths are relative, their parts joined by '/'; '' is the top. */
export interface FileTree {
  /** What messages call something in it. */
  nameOf(path: string): string;
  /** Sorted by name, in code-unit order. @throws MocoError data-missing */
  list(folder: string): Promise<readonly DirectoryEntry[]>;
  /** The first `length` bytes of a file, or all where it has fewer. @throws where it cannot be read */
  begin(path: string, length: number): Promise<Uint8Array>;
}

/** What lies directly in a folder and may be data. */
export interface Looked {
  readonly images: readonly string[];
  readonly folders: readonly string[];
}

/** Names that mean an image file is meant, decodable or not: what cannot be decoded is to be named, not passed over. */
export const IMAGE_NAME = /\.(jpe?g|jfif|png|webp|gif|bmp|dib|tiff?|avif|heic)$/i;
const TIFF_NAME = /\.tiff?$/i;
const MAX_DEPTH = 16;
const MAX_FILES = 10_000_000;
/** Enough to tell formats by. */
const MARK_BYTES = 18;
/** Of Mac archives: each file once more, with nothing in it. */
const JUNK = '__MACOSX';
/** How the log of a run begins (train/events.ts). */
const LOG_BEGINS = '{"type":"run"';
/** Named one by one in a note; the rest are counted. */
const NAMED = 3;

export class ImageWalk {
  readonly #tree: FileTree;
  readonly #progress: (images: number) => void;
  readonly #runs: string[] = [];
  readonly #unusable: string[] = [];
  #others = 0;
  #found = 0;
  readonly #looked = new Map<string, Promise<Looked>>();

  /** @param progress told now and then how many images were found so far */
  constructor(tree: FileTree, progress: (images: number) => void = () => {}) {
    this.#tree = tree;
    this.#progress = progress;
  }

  /** What was left out on the way, and why, in words. */
  notes(): string[] {
    const named = (what: readonly string[]) =>
      what.slice(0, NAMED).join(', ') + (what.length > NAMED ? `, and ${what.length - NAMED} more` : '');
    return [
      ...(this.#runs.length > 0 ? [`run directories left out: ${named(this.#runs)}`] : []),
      ...(this.#unusable.length > 0 ? [`left out: ${named(this.#unusable)}`] : []),
      ...(this.#others > 0 ? [`${counted(this.#others, 'other file')} left out`] : []),
    ];
  }

  /** How many files were looked at that are no images: not those that are hidden. */
  get others(): number {
    return this.#others;
  }

  /** Whether a folder that was looked into is a run's. */
  isKnownRun(folder: string): boolean {
    return this.#runs.includes(`${folder}/`);
  }

  /** Each folder is looked into once. @throws MocoError data-missing where it may not be read */
  look(folder: string): Promise<Looked> {
    const looked = this.#looked.get(folder) ?? this.#lookInto(folder);
    this.#looked.set(folder, looked);
    return looked;
  }

  /** All images at whatever depth, sorted folder by folder. */
  async below(folder: string, depth = folder === '' ? 0 : 1): Promise<string[]> {
    if (depth > MAX_DEPTH) {
      this.#unusable.push(`${this.#tree.nameOf(folder)} (folders nested more than ${MAX_DEPTH} deep)`);
      return [];
    }
    const { images, folders } = await this.look(folder);
    if (folders.length === 0) return images.map((name) => inside(folder, name));
    const isFolder = new Set(folders);
    const files: string[] = [];
    // In the order of names, whatever they are.
    for (const name of [...images, ...folders].sort(byCodeUnits)) {
      const path = inside(folder, name);
      if (!isFolder.has(name)) files.push(path);
      else for (const file of await this.below(path, depth + 1)) files.push(file);
    }
    return files;
  }

  /** Whether a folder is one that runs are written to: its images are pictures of it. */
  async isRun(folder: string, entries: readonly DirectoryEntry[]): Promise<boolean> {
    const has = (name: string) => entries.some((entry) => entry.kind === 'file' && entry.name === name);
    if (has('state.json') && has('model.safetensors')) return true;
    if (has('log.jsonl') && (await this.#beginsLikeLog(inside(folder, 'log.jsonl')))) return true;
    const checkpoint = entries.find(({ kind, name }) => kind === 'directory' && /^step-\d{6,}$/.test(name));
    if (!checkpoint) return false;
    const within = await this.#tree.list(inside(folder, checkpoint.name));
    return within.some(({ name }) => name === 'state.json');
  }

  async #lookInto(folder: string): Promise<Looked> {
    const entries = await this.#tree.list(folder);
    if (await this.isRun(folder, entries)) {
      if (folder === '') {
        const message = `${this.#tree.nameOf('')} is a run directory of moco-web, which is never data`;
        throw new MocoError('data-missing', `${message}: give the folder of the images`);
      }
      this.#runs.push(`${folder}/`);
      return { images: [], folders: [] };
    }
    const images: string[] = [];
    const folders: string[] = [];
    for (const { name, kind, reason } of entries) {
      if (name.startsWith('.') || name === JUNK) continue;
      const path = inside(folder, name);
      if (kind === 'directory') folders.push(name);
      else if (kind === 'unusable') this.#unusable.push(`${path} (${reason})`);
      else if (await this.#isImage(path, name)) images.push(name);
      else this.#others++;
    }
    this.#found += images.length;
    if (this.#found > MAX_FILES) {
      const message = `holds more than ${MAX_FILES} images: give a part of it`;
      throw new MocoError('data-invalid', `${this.#tree.nameOf('')} ${message}`);
    }
    this.#progress(this.#found);
    return { images, folders };
  }

  async #isImage(path: string, name: string): Promise<boolean> {
    if (IMAGE_NAME.test(name)) return true;
    try {
      const bytes = await this.#tree.begin(path, MARK_BYTES);
      // Raw photographs begin as TIFF files do, and what is first in them is a thumbnail.
      return isMarkOfImage(bytes) && (TIFF_NAME.test(name) || !isMarkOfTiff(bytes));
    } catch {
      return false; // unreadable and not named like an image
    }
  }

  async #beginsLikeLog(path: string): Promise<boolean> {
    try {
      const bytes = await this.#tree.begin(path, LOG_BEGINS.length);
      return new TextDecoder().decode(bytes) === LOG_BEGINS;
    } catch {
      return false;
    }
  }
}

/** Whether a file that begins like this is an image that can be decoded. */
export function isMarkOfImage(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, MARK_BYTES));
  return (
    text.startsWith('\xff\xd8\xff') ||
    text.startsWith('\x89PNG\r\n') ||
    /^RIFF....WEBP/s.test(text) ||
    /^GIF8[79]a/.test(text) ||
    isMarkOfBmp(bytes) ||
    isMarkOfTiff(bytes)
  );
}

/** Two letters are no mark: the size of the header has to be one of those that there are. */
const isMarkOfBmp = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x42 &&
  bytes[1] === 0x4d &&
  (bytes[14] === 12 || bytes[14]! >= 40) &&
  bytes[15] === 0 &&
  bytes[16] === 0 &&
  bytes[17] === 0;

const isMarkOfTiff = (bytes: Uint8Array): boolean =>
  ['II*\0', 'MM\0*'].includes(String.fromCharCode(...bytes.subarray(0, 4)));

export const inside = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
