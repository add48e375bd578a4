/** Tabs, after the pattern of the ARIA Authoring Practices: arrow keys move, the panel follows. */

import { h } from '../elements.ts';
import type { Panel } from './context.ts';

export interface Tabs {
  readonly element: HTMLElement;
  choose(name: string): void;
  dispose(): void;
}

export function tabs(makers: Readonly<Record<string, () => Panel>>, told: (name: string) => void): Tabs {
  const names = Object.keys(makers);
  const made = new Map<string, Panel>();
  const idOf = (name: string) => `look-${name.toLowerCase().replaceAll(' ', '-')}`;
  const list = h('div', { class: 'look-tabs', role: 'tablist', 'aria-label': 'Ways to look' });
  const places = new Map<string, HTMLElement>();
  for (const name of names) {
    const id = idOf(name);
    list.append(
      h(
        'button',
        {
          ...{ type: 'button', role: 'tab', id: `${id}-tab`, 'aria-controls': id },
          click: () => choose(name),
        },
        name,
      ),
    );
    places.set(name, h('div', { role: 'tabpanel', id, 'aria-labelledby': `${id}-tab`, hidden: true }));
  }
  list.addEventListener('keydown', (event) => {
    const at = [...list.children].indexOf(document.activeElement as HTMLElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const name = names[(to + names.length) % names.length]!;
    choose(name);
    (list.children[names.indexOf(name)] as HTMLElement).focus();
  });

  function choose(name: string): void {
    told(name);
    if (!made.has(name)) {
      const panel = makers[name]!();
      made.set(name, panel);
      places.get(name)!.append(panel.element);
    }
    for (const [i, other] of names.entries()) {
      const tab = list.children[i]!;
      tab.setAttribute('aria-selected', String(other === name));
      tab.setAttribute('tabindex', other === name ? '0' : '-1');
      places.get(other)!.hidden = other !== name;
    }
  }
  choose(names[0]!);
  return {
    element: h('div', { class: 'look' }, list, ...places.values()),
    choose,
    dispose() {
      for (const panel of made.values()) panel.dispose();
    },
  };
}
