/** Look: what the encoder has learned, seen in which photos it puts near each other. */
import type { View } from '../app.ts';
import { h, reasonOf } from '../elements.ts';
import { compareWith, type Embedded, embeddingsOf, forgetEmbeddings, type Work } from '../embeddings.ts';
import type { Eye } from '../encoders.ts';
import type { LookContext, Panel } from '../look/context.ts';
import { duplicatesPanel } from '../look/duplicates.ts';
import { mapPanel } from '../look/map.ts';
import { neighborsPanel } from '../look/neighbors.ts';
import { oddPanel } from '../look/odd.ts';
import { tabs } from '../look/tabs.ts';
import { waiting } from '../look/waiting.ts';
import { library } from '../moco-web.ts';
import type { ChosenPhotos } from '../photos.ts';
import type { Run } from '../run.ts';
import { hasEarlier } from '../saved-run.ts';

/** Milliseconds. */
const LOOK_EVERY = 5000;

export const look: View = (app, root) => {
  let end = () => {};
  let gone = false;
  /** What is waited for, or shown. */
  let asked: Work | null = null;
  let looked: Run | null = null;

  function start(): void {
    end();
    const work = embeddingsOf(app);
    asked = work;
    const { photos, run } = app;
    looked = run;
    if (!work || !photos) {
      root.replaceChildren(nothingYet());
      return;
    }
    const shown = waiting(
      run ? 'The encoders look at your photos' : 'The encoder looks at your photos',
      work,
    );
    end = () => shown.dispose();
    root.replaceChildren(shown.element);
    work.outcome.then(
      (embedded) => {
        shown.dispose();
        if (gone || asked !== work) return;
        end = whole(root, photos, embedded, { place, again, other: work.other, compare });
        tellNewer(embedded);
      },
      (error: unknown) => {
        if (gone || asked !== work) return;
        root.replaceChildren(failed(error, again));
        if (run && (error as { code?: string }).code === 'data-missing') end = whenSaved(run.out, again);
      },
    );
  }

  const place: Place = { tab: 'Neighbors', row: 0 };
  const again = () => {
    forgetEmbeddings();
    start();
  };
  const compare = (other: Eye) => {
    compareWith(other);
    start();
  };

  const tellNewer = ({ after }: Embedded) => {
    const button = root.querySelector<HTMLElement>('.look-newer');
    if (!button) return;
    const looked = after.step ?? 0;
    const saved = app.run?.steps.at(-1)?.step ?? looked;
    button.hidden = saved <= looked;
  };
  const endings = [
    app.on('photos', start),
    app.on('run', () => {
      // Where there was none, there is one now.
      if (app.run !== looked) start();
      else if (root.querySelector('.look-tabs')) void asked?.outcome.then(tellNewer, () => {});
    }),
  ];
  start();
  return () => {
    gone = true;
    end();
    for (const off of endings) off();
  };
};

/** What is looked at, kept where another encoder is compared with. */
interface Place {
  tab: string;
  row: number;
}

interface Around {
  readonly place: Place;
  readonly again: () => void;
  readonly other: Eye;
  readonly compare: (other: Eye) => void;
}

/** @returns what ends it */
function whole(
  root: HTMLElement,
  photos: ChosenPhotos,
  embedded: Embedded,
  { place, again, other, compare }: Around,
): () => void {
  const live = h('p', { class: 'spoken', role: 'status' });
  const context: LookContext = {
    photos,
    embedded,
    open(row) {
      place.row = row;
      bar.choose('Neighbors');
      neighbors.show({ row });
    },
    say: (words) => {
      live.textContent = words;
    },
  };
  const neighbors = neighborsPanel(context);
  // Of before: the tabs begin with their first.
  const { tab } = place;
  // Made when they are first looked at.
  const makers = {
    Neighbors: (): Panel => neighbors,
    Map: () => mapPanel(context),
    Duplicates: () => duplicatesPanel(context),
    'Odd ones out': () => oddPanel(context),
  };
  const bar = tabs(makers, (name) => {
    place.tab = name;
  });
  const newer = h(
    'button',
    { type: 'button', class: 'button button-quiet look-newer', hidden: true, click: again },
    'Look again with what it has learned since',
  );
  const which = embedded.untrained ? untrained() : comparison(other, compare);
  root.replaceChildren(h('h1', { class: 'spoken' }, 'Look'), which, bar.element, newer, live);
  neighbors.show({ row: Math.min(place.row, embedded.images.length - 1) });
  if (tab !== 'Neighbors') bar.choose(tab);
  return bar.dispose;
}

/** Looks now and then whether there is a checkpoint. @returns what ends it */
function whenSaved(path: string, then: () => void): () => void {
  let ended = false;
  const timer = setInterval(async () => {
    const { loadCheckpoint } = await library();
    const saved = await loadCheckpoint(path).catch(() => null);
    if (!saved || ended) return;
    clearInterval(timer);
    then();
  }, LOOK_EVERY);
  return () => {
    ended = true;
    clearInterval(timer);
  };
}

const nothingYet = () =>
  h(
    'section',
    { class: 'look-nothing text' },
    h('h1', {}, 'Nothing to look at yet'),
    h('p', {}, 'Choose some photos first, or take the drawn ones.'),
    h('p', {}, h('a', { class: 'button', href: '#start' }, 'Start')),
  );

/** Before any run: what one sees is not of these photos' own encoder. */
const untrained = () =>
  h(
    'p',
    { class: 'text look-nothing' },
    'Seen by the small encoder that comes with this page, which learned from other photos. ',
    h('a', { href: '#start' }, 'Train one on yours'),
    ', and compare.',
  );

function comparison(other: Eye, compare: (other: Eye) => void): HTMLElement {
  const words = {
    start: 'the same before training',
    starter: 'the encoder of this page',
    earlier: 'the run before this one',
  };
  const option = (eye: Exclude<Eye, 'now'>) =>
    h('option', { value: eye, selected: eye === other }, words[eye]);
  const select = h(
    'select',
    { id: 'look-compare', change: () => compare(select.value as Eye) },
    option('start'),
    option('starter'),
  );
  void hasEarlier().then((has) => {
    if (has) select.append(option('earlier'));
  });
  return h('p', { class: 'look-actions' }, h('label', { for: 'look-compare' }, 'Compared with'), select);
}

function failed(error: unknown, again: () => void): HTMLElement {
  const isEarly = (error as { code?: string }).code === 'data-missing';
  return h(
    'section',
    { class: 'look-failed text' },
    h('h1', {}, isEarly ? 'Nothing is saved yet' : 'The photos could not be looked at'),
    h(
      'p',
      { role: 'alert' },
      isEarly ? 'The run saves the encoder now and then, and when it is stopped.' : reasonOf(error),
    ),
    h(
      'p',
      {},
      h('button', { type: 'button', class: 'button', click: again }, 'Try again'),
      ' ',
      h('a', { class: 'button button-quiet', href: '#learn' }, 'See how far it is'),
    ),
  );
}
