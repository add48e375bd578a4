/** A map of embeddings: a point an image, its picture under the pointer. */
import type { MapSpec } from '../chart-spec.ts';
import { color, hue } from './colors.ts';

const MARGIN = 14;
/** How near the pointer has to come, in pixels. */
const REACH = 14;
const ENLARGED = 4;

/** Draws into the canvas of `figure`, whose sprite is an image there. The function that is given takes it away. */
export function drawMap(figure: HTMLElement, spec: MapSpec): () => void {
  const box = figure.querySelector<HTMLElement>('.map')!;
  const canvas = figure.querySelector('canvas')!;
  const card = figure.querySelector<HTMLElement>('.map-card')!;
  const sprite = figure.querySelector<HTMLImageElement>('.map-sprite')!;
  const buttons = [...figure.querySelectorAll<HTMLButtonElement>('button[data-class]')];
  const hidden = new Set(
    buttons.flatMap(({ ariaPressed }, label) => (ariaPressed === 'false' ? [label] : [])),
  );
  let places: [x: number, y: number][] = [];
  let under = -1;

  const isHidden = (image: number) => hidden.has(spec.labels?.[image] ?? -1);

  function draw(): void {
    const { clientWidth: width, clientHeight: height } = box;
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    const context = canvas.getContext('2d')!;
    context.scale(devicePixelRatio, devicePixelRatio);
    places = Array.from({ length: spec.points.length / 2 }, (_, i) => [
      MARGIN + ((width - 2 * MARGIN) * spec.points[2 * i]!) / 1000,
      MARGIN + ((height - 2 * MARGIN) * spec.points[2 * i + 1]!) / 1000,
    ]);
    context.globalAlpha = 0.8;
    for (const [image, [x, y]] of places.entries()) {
      if (isHidden(image)) continue;
      context.fillStyle = hue(spec.labels?.[image] ?? 0);
      context.beginPath();
      context.arc(x, y, image === under ? 5 : 2.4, 0, 2 * Math.PI);
      context.fill();
    }
    if (under < 0) return;
    context.globalAlpha = 1;
    context.strokeStyle = color('ink');
    context.beginPath();
    context.arc(...places[under]!, 6, 0, 2 * Math.PI);
    context.stroke();
  }

  function look(event: PointerEvent): void {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    let best = REACH ** 2;
    let found = -1;
    for (const [image, [px, py]] of places.entries()) {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance >= best || isHidden(image)) continue;
      best = distance;
      found = image;
    }
    if (found !== under) {
      under = found;
      draw();
    }
    card.hidden = found < 0;
    if (found < 0) return;
    showCard(found);
  }

  function showCard(image: number): void {
    const side = spec.tile * ENLARGED;
    const picture = card.querySelector('canvas')!;
    picture.width = picture.height = side;
    const context = picture.getContext('2d')!;
    const column = image % spec.columns;
    const row = Math.floor(image / spec.columns);
    const { tile } = spec;
    context.drawImage(sprite, column * tile, row * tile, tile, tile, 0, 0, side, side);
    const label = spec.labels?.[image];
    card.querySelector('span')!.textContent =
      label === undefined ? `image ${image}` : (spec.classes[label] ?? `class ${label}`);
    const [x, y] = places[image]!;
    const width = side + 18;
    card.style.left = `${x + 16 + width > box.clientWidth ? Math.max(0, x - 16 - width) : x + 16}px`;
    card.style.top = `${Math.max(0, Math.min(y - side / 2, box.clientHeight - side - 40))}px`;
  }

  const away = () => {
    card.hidden = true;
    under = -1;
    draw();
  };
  const gone = new AbortController();
  const { signal } = gone;
  canvas.addEventListener('pointermove', look, { signal });
  canvas.addEventListener('pointerdown', look, { signal });
  canvas.addEventListener('pointerleave', away, { signal });
  for (const [label, button] of buttons.entries()) {
    button.addEventListener(
      'click',
      () => {
        if (!hidden.delete(label)) hidden.add(label);
        button.ariaPressed = String(!hidden.has(label));
        draw();
      },
      { signal },
    );
  }
  const resizing = new ResizeObserver(draw);
  resizing.observe(box);
  return () => {
    gone.abort();
    resizing.disconnect();
  };
}
