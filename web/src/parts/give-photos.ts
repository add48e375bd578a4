/** The ways of giving the page photos: a folder that is picked, files of an input, something dropped. */
import { h } from '../elements.ts';
import type { GivenFiles } from '../moco-web.ts';

export type Give = (given: GivenFiles | Promise<GivenFiles>) => void;

/** Not in TypeScript's types, nor in all browsers. */
type Picker = { showDirectoryPicker?: (options: object) => Promise<FileSystemDirectoryHandle> };

/** Asks for a folder. Nothing happens where the user takes it back. */
export function pickFolder(give: Give): void {
  const { showDirectoryPicker } = window as Picker;
  if (!showDirectoryPicker) {
    const input = h('input', { type: 'file', multiple: true, webkitdirectory: true });
    input.addEventListener('change', () => give(input.files!));
    input.click();
    return;
  }
  showDirectoryPicker.call(window, { id: 'photos', mode: 'read' }).then(give, (error: unknown) => {
    if (!(error instanceof DOMException && error.name === 'AbortError')) give(Promise.reject(error));
  });
}

/** The whole page takes what is dropped. @returns what ends it */
export function takeDrops(give: Give): () => void {
  const end = new AbortController();
  const { signal } = end;
  const mark = (over: boolean) => document.body.classList.toggle('is-dropping', over);
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener(
    'dragover',
    (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      mark(true);
    },
    { signal },
  );
  addEventListener(
    'dragleave',
    (event) => {
      if (event.relatedTarget === null) mark(false);
    },
    { signal },
  );
  addEventListener(
    'drop',
    (event) => {
      mark(false);
      if (!holdsFiles(event)) return;
      event.preventDefault();
      give(event.dataTransfer!);
    },
    { signal },
  );
  return () => {
    mark(false);
    end.abort();
  };
}
