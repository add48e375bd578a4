/** The tab Neighbors: all photos, and beside them what is near the chosen one. */

import { h, percent, reasonOf } from '../elements.ts';
import type { Side } from '../embeddings.ts';
import { agreement, chanceLevel } from './agreement.ts';
import { column, matchesOf, type Query } from './columns.ts';
import { type LookContext, type Panel, titleOf } from './context.ts';
import { givenImage } from './given.ts';
import { photoGrid } from './grid.ts';
import { thumb } from './thumb.ts';

/** Told of; more are a table. */
const MISTAKES = 3;

export interface NeighborsPanel extends Panel {
  show(query: Query): void;
}

export function neighborsPanel(context: LookContext): NeighborsPanel {
  const { embedded, photos } = context;
  const grid = photoGrid(photos, embedded.images, (row) => titleOf(embedded, row), context.open);
  const given = givenImage((file) => show({ file }));
  const query = h('div', { class: 'look-query' });
  const columns = h('div', { class: 'look-columns' });
  const scores = h('p', { class: 'look-scores text', 'aria-live': 'polite' });
  const element = h(
    'div',
    { class: 'look-neighbors' },
    h('div', { class: 'look-left' }, given.element, grid.element),
    h('div', { class: 'look-right' }, query, columns, scores),
  );
  let asked = 0;
  let address = '';

  function show(what: Query): void {
    const own = ++asked;
    grid.choose('row' in what ? what.row : null);
    URL.revokeObjectURL(address);
    if ('row' in what) {
      query.replaceChildren(
        thumb(photos, embedded.images[what.row]!, 112),
        h('h2', {}, titleOf(embedded, what.row)),
      );
    } else {
      address = URL.createObjectURL(what.file);
      query.replaceChildren(
        h('img', { src: address, alt: '', class: 'look-thumb' }),
        h('h2', {}, what.file.name || 'the pasted image'),
      );
    }
    // A given image takes the encoders a moment: what is shown is not of another.
    if ('file' in what) columns.replaceChildren(h('p', {}, 'The encoders look at the image…'));
    const sides = [embedded.before, embedded.after].filter((side) => side !== null);
    Promise.all(sides.map(async (side) => column(context, side, await matchesOf(side, what), what))).then(
      (shown) => {
        if (own !== asked) return;
        columns.replaceChildren(...shown);
        if (!embedded.before && !embedded.untrained) columns.append(noBefore());
        context.say(`Neighbors of ${query.textContent} are shown`);
      },
      (error: unknown) => {
        if (own !== asked) return;
        columns.replaceChildren(h('p', { class: 'look-error', role: 'alert' }, reasonOf(error)));
      },
    );
  }

  void tellScores(context, scores);
  return {
    element,
    show,
    dispose() {
      asked++;
      URL.revokeObjectURL(address);
      grid.dispose();
      given.dispose();
    },
  };
}

const noBefore = () =>
  h('p', { class: 'small' }, 'That encoder was not kept: there is nothing to compare with.');

async function tellScores({ embedded }: LookContext, place: HTMLElement): Promise<void> {
  const { labels, classes, before, after } = embedded;
  if (!labels || classes.length < 2) return;
  place.textContent = 'Asking the nearest photos of each for its folder…';
  const scoreOf = async (side: Side) => agreement(await side.neighbors(), labels, classes.length);
  try {
    const was = before && (await scoreOf(before));
    const is = await scoreOf(after);
    const chance = percent(chanceLevel(labels, classes.length));
    const mistakes = is.mistaken
      .slice(0, MISTAKES)
      .map(({ label, named, share }) => `${classes[label]} for ${classes[named]} (${percent(share)})`);
    place.replaceChildren(
      'The nearest photos name the right folder for ',
      ...(was
        ? [h('span', { class: 'mono look-word-before' }, percent(was.share)), ` ${before.short} and `]
        : []),
      h('b', { class: 'mono look-word-after' }, percent(is.share)),
      ` ${after.short}. `,
      h('span', { class: 'small' }, `Always naming the largest folder: ${chance}.`),
      h(
        'span',
        { class: 'small' },
        mistakes.length > 0 ? `Most often taken wrongly: ${mistakes.join(', ')}.` : '',
      ),
    );
    place.title = 'Weighted kNN accuracy, 20 neighbors, each photo left out in turn';
  } catch (error) {
    place.textContent = reasonOf(error);
  }
}
