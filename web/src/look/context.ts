/** What the tabs of Look share. */
import type { Embedded } from '../embeddings.ts';
import type { ChosenPhotos } from '../photos.ts';

export interface LookContext {
  readonly photos: ChosenPhotos;
  readonly embedded: Embedded;
  /** Goes to the neighbors of a photo. */
  open(row: number): void;
  /** Says it to whoever hears the page. */
  say(words: string): void;
}

/** A tab: what it shows, and what ends it. */
export interface Panel {
  readonly element: HTMLElement;
  dispose(): void;
}

/** The folder of a row in words; null where it has none. */
export function folderOf({ labels, classes }: Embedded, row: number): string | null {
  const label = labels?.[row] ?? -1;
  return label < 0 ? null : (classes[label] ?? `folder ${label}`);
}

/** What a row is called on the page. */
export function titleOf(embedded: Embedded, row: number): string {
  const folder = folderOf(embedded, row);
  const name = embedded.names[row]!.split('/').at(-1)!;
  return folder === null || name.includes(folder) ? name : `${name}, ${folder}`;
}
