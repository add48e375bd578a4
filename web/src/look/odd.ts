/** The tab Odd ones out: photos whose nearest are the least like them. */

import { h, reasonOf } from '../elements.ts';
import { type LookContext, type Panel, titleOf } from './context.ts';
import { meanSimilarity } from './neighbors-of-all.ts';
import { thumb } from './thumb.ts';

const NEAREST = 10;
const SHOWN = 60;

export function oddPanel(context: LookContext): Panel {
  const { embedded, photos } = context;
  const list = h('ol', { class: 'look-odd' });
  const words = h('p', { class: 'text', role: 'status' }, 'Comparing every photo with every other…');
  const element = h('div', {}, words, list);
  embedded.after.neighbors().then(
    (neighbors) => {
      const means = meanSimilarity(neighbors, NEAREST);
      const order = [...means.keys()].sort((a, b) => means[a]! - means[b]! || a - b).slice(0, SHOWN);
      words.textContent = `Least like their ten nearest: rare subjects, mistakes, or what the encoder has not learned. Any two photos have a likeness of ${embedded.after.typical.toFixed(3)}.`;
      list.append(
        ...order.map((row) => {
          const mean = means[row]!.toFixed(3);
          const about = `${titleOf(embedded, row)}, mean likeness ${mean}`;
          return h(
            'li',
            {},
            h(
              'button',
              {
                ...{ type: 'button', class: 'look-match', 'aria-label': about, title: about },
                click: () => context.open(row),
              },
              thumb(photos, embedded.images[row]!, 96),
              h('span', { class: 'mono small' }, mean),
            ),
          );
        }),
      );
    },
    (error: unknown) => {
      words.textContent = reasonOf(error);
    },
  );
  return { element, dispose() {} };
}
