/** An image from elsewhere: chosen, dropped anywhere on the page, or pasted. */
import { h } from '../elements.ts';

export interface Given {
  readonly element: HTMLElement;
  dispose(): void;
}

export function givenImage(onImage: (file: File) => void): Given {
  const input = h('input', { type: 'file', accept: 'image/*', class: 'look-file', tabindex: -1 });
  input.addEventListener('change', () => {
    take(input.files);
    input.value = '';
  });
  const button = h(
    'button',
    { type: 'button', class: 'button button-quiet', click: () => input.click() },
    'Search by another image',
  );
  const element = h(
    'p',
    { class: 'look-given' },
    button,
    input,
    h('span', { class: 'small' }, 'or drop one here, or paste it'),
  );

  function take(files: FileList | undefined | null): boolean {
    const image = [...(files ?? [])].find(
      ({ type, name }) => type.startsWith('image/') || /\.\w+$/.test(name),
    );
    if (image) onImage(image);
    return image !== undefined;
  }
  const ending = new AbortController();
  const { signal } = ending;
  addEventListener(
    'dragover',
    (event) => {
      if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
    },
    { signal },
  );
  addEventListener(
    'drop',
    (event) => {
      if (take(event.dataTransfer?.files)) event.preventDefault();
    },
    { signal },
  );
  addEventListener(
    'paste',
    (event) => {
      if (take(event.clipboardData?.files)) event.preventDefault();
    },
    { signal },
  );
  return { element, dispose: () => ending.abort() };
}
