/** What members of one key make up in WebDataset's shards: an image, and the word that says of which class it is. */
import { IMAGE_NAME } from '../find/walk-images.ts';
import type { TarMember } from './members.ts';

/** Longer ones are no names of classes. */
const MOST_WORD = 200;
const MOST_LABEL_BYTES = 2 ** 16;
/** Of an object in a .json, in this order. */
const LABEL_KEYS = ['label', 'cls', 'class'];

/** The parts of a member's name: `a/0001.left.jpg` is the `left.jpg` of the sample `a/0001`. */
export function keyOf(name: string): { readonly key: string; readonly ending: string } {
  const dot = name.indexOf('.', name.lastIndexOf('/') + 1);
  return dot < 0
    ? { key: name, ending: '' }
    : { key: name.slice(0, dot), ending: name.slice(dot + 1).toLowerCase() };
}

/** Of Macs: what they know of a file, under the name of the file. */
export const isHidden = (name: string): boolean => /(^|\/)(\.|__MACOSX\/)/.test(name);

export class Sample {
  readonly key: string;
  /** The first image of it: the others may be depths, masks or other views. */
  image: TarMember | null = null;
  /** Images beside that. */
  others = 0;
  #labels = 0;
  #word = '';

  constructor(key: string) {
    this.key = key;
  }

  async take(member: TarMember, ending: string): Promise<void> {
    if (IMAGE_NAME.test(member.name)) {
      if (this.image) this.others++;
      else this.image = member;
    } else if (ending === 'cls' || ending === 'json') {
      const text = member.size > MOST_LABEL_BYTES ? '' : new TextDecoder().decode(await member.bytes());
      const word = ending === 'cls' ? text.trim() : wordIn(text);
      if (word === null) return;
      this.#labels++;
      if (word !== '' && word.length <= MOST_WORD) this.#word ||= word;
    }
  }

  /** Whether something in it was meant for a label. */
  get isLabeled(): boolean {
    return this.image !== null && this.#labels > 0;
  }

  /** The class; empty where there is none, or none that can be read. */
  get word(): string {
    return this.#word;
  }
}

/** Null where the object is about something else than a class. */
function wordIn(json: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const key = LABEL_KEYS.find((name) => Object.hasOwn(value, name));
  if (key === undefined) return null;
  const word = (value as Record<string, unknown>)[key];
  return typeof word === 'string' ? word.trim() : Number.isSafeInteger(word) ? String(word) : '';
}
