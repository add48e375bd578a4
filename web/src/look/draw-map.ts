/** Draws the map: dots, or thumbnails where it is near enough and they do not cover each other. */
import type { Embedded } from '../embeddings.ts';
import type { Camera } from './camera.ts';
import type { Loop } from './lasso.ts';

export interface MapPicture {
  readonly canvas: HTMLCanvasElement;
  readonly camera: Camera;
  readonly points: Float32Array;
  /** Thumbnails by row; null while one is made. */
  readonly images: ReadonlyMap<number, ImageBitmap | null>;
  readonly embedded: Embedded;
  readonly hovered: number | null;
  /** The folder that stands out; -1: none. */
  readonly marked: number;
  readonly selected: ReadonlySet<number>;
  /** As far as it is drawn, in pixels. */
  readonly loop: Loop | null;
  /** Asks for a thumbnail. */
  wanted(row: number): void;
}

const THUMBNAILS_FROM = 1.6;
/** Asked for with one drawing: scrolling by must not ask for all. */
const WANTED_AT_ONCE = 24;

export function drawMap({
  canvas,
  camera,
  points,
  images,
  embedded,
  hovered,
  marked,
  selected,
  loop,
  wanted,
}: MapPicture): void {
  const scale = Math.min(2, devicePixelRatio);
  const { width, height, zoom } = camera;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d')!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const ink = style.color;
  const accent = style.getPropertyValue('--accent').trim() || ink;
  const side = zoom >= THUMBNAILS_FROM ? Math.min(72, 20 + 6 * zoom) : 0;
  const taken = new Set<string>();
  let asked = 0;

  const shown = points.length / 2;
  for (let row = 0; row < shown; row++) {
    const [x, y] = camera.screen(points[2 * row]!, points[2 * row + 1]!);
    if (x < -side || y < -side || x > width + side || y > height + side) continue;
    const isMarked = selected.has(row) || (marked >= 0 && embedded.labels?.[row] === marked);
    context.globalAlpha = isMarked ? 1 : marked < 0 ? 0.55 : 0.2;
    context.fillStyle = isMarked ? accent : ink;
    if (side > 0) {
      // One thumbnail a square: what is under another is a dot.
      const square = `${Math.floor(x / side)},${Math.floor(y / side)}`;
      if (!taken.has(square)) {
        const bitmap = images.get(row);
        if (bitmap) {
          taken.add(square);
          context.globalAlpha = marked >= 0 && !isMarked ? 0.35 : 1;
          picture(context, bitmap, x, y, side, isMarked ? accent : null);
          continue;
        }
        if (bitmap === undefined && asked < WANTED_AT_ONCE) {
          taken.add(square);
          asked++;
          wanted(row);
        }
      }
    }
    context.beginPath();
    context.arc(x, y, isMarked ? 4.5 : 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  if (loop) outline(context, loop, accent);
  if (hovered === null || hovered >= shown) return;
  const [x, y] = camera.screen(points[2 * hovered]!, points[2 * hovered + 1]!);
  const bitmap = images.get(hovered);
  if (bitmap) picture(context, bitmap, x, y, Math.max(72, side), accent);
  else {
    context.fillStyle = accent;
    context.beginPath();
    context.arc(x, y, 6, 0, 2 * Math.PI);
    context.fill();
  }
}

function outline(context: CanvasRenderingContext2D, loop: Loop, color: string): void {
  context.beginPath();
  for (let i = 0; i < loop.length; i += 2) context.lineTo(loop[i]!, loop[i + 1]!);
  context.closePath();
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.setLineDash([6, 4]);
  context.stroke();
  context.setLineDash([]);
}

function picture(
  context: CanvasRenderingContext2D,
  bitmap: ImageBitmap,
  x: number,
  y: number,
  side: number,
  frame: string | null,
): void {
  context.imageSmoothingEnabled = bitmap.width > 64;
  context.drawImage(bitmap, x - side / 2, y - side / 2, side, side);
  if (!frame) return;
  context.strokeStyle = frame;
  context.lineWidth = 2;
  context.strokeRect(x - side / 2, y - side / 2, side, side);
}
