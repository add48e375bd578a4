/** A card: what can be taken, in a sentence, and what takes it. */
import { h, reasonOf } from '../elements.ts';

/** Does it, telling how far it is. */
export type Action = (tell: (words: string) => void) => Promise<string>;

/** A button that does it once at a time, and has it told in `status`. */
export function actionButton(
  label: string,
  act: Action,
  status: HTMLElement,
  looks: string,
): HTMLButtonElement {
  const button = h(
    'button',
    {
      ...{ type: 'button', class: looks },
      async click() {
        if (button.getAttribute('aria-disabled') === 'true') return;
        // Disabled buttons lose the focus.
        button.setAttribute('aria-disabled', 'true');
        const tell = (words: string) => {
          status.textContent = words;
        };
        try {
          tell(await act(tell));
        } catch (error) {
          tell(reasonOf(error));
        } finally {
          button.removeAttribute('aria-disabled');
        }
      },
    },
    label,
  );
  return button;
}

export function card(
  title: string,
  sentence: string,
  actions: Readonly<Record<string, Action>>,
  ...more: Node[]
): HTMLElement {
  const status = h('p', { class: 'small', role: 'status' });
  const buttons = Object.entries(actions).map(([label, act], i) =>
    actionButton(label, act, status, i === 0 ? 'button' : 'button button-quiet'),
  );
  return h(
    'section',
    { class: 'card' },
    h('h2', {}, title),
    h('p', {}, sentence),
    ...more,
    h('div', { class: 'look-actions' }, ...buttons, status),
  );
}
