/** The nearest photos to one photo, before training and after, side by side. */

import { h } from '../elements.ts';
import type { Side } from '../embeddings.ts';
import type { Match } from '../moco-web.ts';
import { folderOf, type LookContext, titleOf } from './context.ts';
import { thumb } from './thumb.ts';

/** What is looked for: a photo of these, or an image from elsewhere. */
export type Query = { readonly row: number } | { readonly file: File };

const SHOWN = 12;

export async function matchesOf(side: Side, query: Query): Promise<Match[]> {
  if ('row' in query) {
    const matches = await side.index.search(side.rows[query.row]!, SHOWN + 1);
    return matches.filter(({ index }) => index !== query.row).slice(0, SHOWN);
  }
  return side.index.search(await (await side.encoder()).embed(query.file), SHOWN);
}

export function column(
  context: LookContext,
  side: Side,
  matches: readonly Match[],
  query: Query,
): HTMLElement {
  const { embedded } = context;
  const own = 'row' in query ? folderOf(embedded, query.row) : null;
  const items = matches.map(({ index, similarity }) => {
    const folder = folderOf(embedded, index);
    const same = own === null || folder === null ? null : own === folder;
    const bar = h('span', { class: 'look-bar', 'aria-hidden': 'true' }, h('i'));
    // From what any two photos have to what the same would have.
    const share = (similarity - side.typical) / Math.max(1e-6, 1 - side.typical);
    (bar.firstElementChild as HTMLElement).style.width = `${100 * Math.max(0, Math.min(1, share))}%`;
    const facts = h(
      'span',
      { class: 'look-facts' },
      bar,
      h('span', { class: 'mono' }, similarity.toFixed(3)),
    );
    if (same !== null) {
      facts.append(
        h('span', { class: same ? 'look-same' : 'look-other' }, same ? 'same' : (folder ?? 'other')),
      );
    }
    return h(
      'li',
      {},
      h(
        'button',
        {
          ...{ type: 'button', class: 'look-match', title: titleOf(embedded, index) },
          ...{ 'data-row': index, click: () => context.open(index) },
        },
        thumb(context.photos, embedded.images[index]!, 56),
        // Its name is what is seen, with what is meant by it.
        h('span', { class: 'spoken' }, `${titleOf(embedded, index)}, likeness `),
        facts,
        h('span', { class: 'spoken' }, same === null ? '' : same ? ' folder' : ', another folder'),
      ),
    );
  });
  return h(
    'section',
    { class: `look-column look-${side.word}`, 'aria-label': side.title },
    h('h3', {}, side.title),
    h('p', { class: 'small' }, 'any two photos: ', h('span', { class: 'mono' }, side.typical.toFixed(3))),
    h('ol', {}, ...items),
  );
}
