/** What was chosen: a contact sheet, counts, whether folders are labels, how long it will take, and the button that starts. */
import { ofFiles, type Photos } from '../choose-photos.ts';
import { counted, h, reasonOf } from '../elements.ts';
import { drawBitmap } from '../pictures.ts';
import { type Plan, Recipe } from './recipe.ts';

const ON_SHEET = 72;
/** Off the even spread by this share of a turn: data that repeats itself is not met in step. */
const GOLDEN = 0.618;

export interface ChosenActions {
  /** The same photos, seen otherwise. */
  change(photos: Photos): void;
  train(photos: Photos, plan: Plan): void;
}

/** @param seen when the sheet is there */
export function showChosen(
  root: HTMLElement,
  photos: Photos,
  seen: Promise<unknown>,
  { change, train }: ChosenActions,
): void {
  const { title, unreadable } = photos;
  const estimate = h('p', { role: 'status' }, 'Counting…');
  const words = h('p', { class: 'mono small' });
  const button = h('button', { class: 'button', type: 'button', disabled: true }, 'Train');
  let plan: Plan | null = null;
  let planning = Promise.resolve();
  let asked = 0;
  const replan = () => {
    planning = makePlan(++asked);
  };
  const recipe = new Recipe(replan);
  async function makePlan(own: number): Promise<void> {
    let made: Plan | null = null;
    let problem = '';
    try {
      made = await recipe.plan(photos);
    } catch (error) {
      problem = reasonOf(error);
    }
    // Another was asked for meanwhile.
    if (own !== asked) return;
    plan = made;
    estimate.textContent = made?.estimate ?? problem;
    words.textContent = made?.words ?? '';
    button.disabled = plan === null;
  }
  button.addEventListener('click', async () => {
    // What was changed last may have been so by this click.
    await planning;
    if (plan) train(photos, plan);
  });
  root.replaceChildren(
    h('h2', {}, title),
    h('p', {}, countsOf(photos)),
    ...(unreadable.length > 0 ? [unreadableOf(unreadable)] : []),
    ...(photos.hasFolders && photos.files ? [labelSwitch(photos, change)] : []),
    estimate,
    h(
      'div',
      { class: 'buttons' },
      button,
      h('a', { class: 'button-quiet', href: '#look' }, 'Search them first'),
    ),
    words,
    recipe.element,
  );
  replan();
  // What decoding takes is known once some have been looked at.
  seen.then(() => {
    if (photos.decodeSeconds() > 0) replan();
  });
}

function countsOf({ data, noImages }: Photos): string {
  const classes = data.trainLabels ? ` in ${counted(data.classes.length, 'class', 'classes')}` : '';
  const apart =
    data.testLength > 0 ? `, ${data.testLength.toLocaleString('en-US')} more kept apart to test with` : '';
  const left =
    noImages > 0
      ? ` ${counted(noImages, 'file that is no image', 'files that are no images')} left out.`
      : '';
  return `${counted(data.trainLength, 'photo')}${classes}${apart}.${left}`;
}

function unreadableOf(unreadable: Photos['unreadable']): HTMLElement {
  return h(
    'details',
    {},
    h('summary', {}, `${counted(unreadable.length, 'file')} unreadable: show`),
    h(
      'ul',
      { class: 'list small' },
      ...unreadable.map(({ path, reason }) => h('li', {}, `${path}: ${reason}`)),
    ),
  );
}

function labelSwitch(photos: Photos, change: (photos: Photos) => void): HTMLElement {
  const labeled = photos.data.trainLabels !== null;
  const files = photos.files!;
  const box = h('input', { type: 'checkbox', role: 'switch', checked: labeled });
  box.addEventListener('change', () => change(ofFiles(files, box.checked)));
  return h(
    'label',
    { class: 'switch' },
    box,
    h(
      'span',
      {},
      'Folders are labels ',
      h('span', { class: 'small' }, '(they measure; nothing is learned from them)'),
    ),
  );
}

/** A look at the photos, spread evenly. @returns when all are there */
export async function showSheet(root: HTMLElement, photos: Photos): Promise<void> {
  const { trainLength } = photos.data;
  const count = Math.min(ON_SHEET, trainLength);
  const drawn: Promise<void>[] = [];
  const tiles = Array.from({ length: count }, (_, i) => {
    const tile = h('canvas', { width: '96', height: '96' });
    const made = photos.thumbnail(Math.floor(((i + ((i * GOLDEN) % 1)) * trainLength) / count)).then(
      (bitmap) => drawBitmap(tile, bitmap),
      (error: unknown) => {
        tile.title = reasonOf(error);
      },
    );
    drawn.push(made);
    return tile;
  });
  root.replaceChildren(...tiles);
  await Promise.all(drawn);
}
