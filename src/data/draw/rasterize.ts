import { cos, sin } from '../../math.ts';
import type { Random } from '../../random.ts';
import type { RgbImage } from '../image.ts';
import type { Figure, Scene } from './scene.ts';

/** Samples a pixel and axis: edges are smooth. */
const SAMPLES = 3;

/** Paints a scene as size × size pixels. @param random for the noise of the pixels. */
export function rasterize(scene: Scene, size: number, random: Random): RgbImage {
  const data = new Uint8Array(3 * size * size);
  const sum = [0, 0, 0];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      sum[0] = sum[1] = sum[2] = 0;
      const ground = background(scene, (x + 0.5) / size, (y + 0.5) / size);
      for (let s = 0; s < SAMPLES * SAMPLES; s++) {
        const px = (x + ((s % SAMPLES) + 0.5) / SAMPLES) / size;
        const py = (y + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) / size;
        const color = figureColor(scene, px, py) ?? ground;
        for (let c = 0; c < 3; c++) sum[c]! += color[c]!;
      }
      for (let c = 0; c < 3; c++) {
        const value = sum[c]! / (SAMPLES * SAMPLES) + scene.noise * random.normal();
        data[(y * size + x) * 3 + c] = value <= 0 ? 0 : value >= 255 ? 255 : Math.floor(value);
      }
    }
  }
  return { width: size, height: size, data };
}

/** Gradient and bilinear blotches at a point of the unit square. */
function background(scene: Scene, x: number, y: number): readonly number[] {
  const along = (x - 0.5) * scene.cos + (y - 0.5) * scene.sin;
  const { cells, blotches } = scene;
  const gx = x * cells;
  const gy = y * cells;
  const column = Math.floor(gx);
  const row = Math.floor(gy);
  const fx = gx - column;
  const fy = gy - row;
  const at = row * (cells + 1) + column;
  const top = blotches[at]! * (1 - fx) + blotches[at + 1]! * fx;
  const bottom = blotches[at + cells + 1]! * (1 - fx) + blotches[at + cells + 2]! * fx;
  const blotch = top * (1 - fy) + bottom * fy;
  return scene.color.map((value, c) => value + scene.slope[c]! * along + blotch);
}

/** Color of the foremost figure at a point, or null where there is none. */
function figureColor(scene: Scene, x: number, y: number): readonly number[] | null {
  for (let i = scene.figures.length - 1; i >= 0; i--) {
    const figure = scene.figures[i]!;
    const dx = (x - figure.x) / figure.radius;
    const dy = (y - figure.y) / figure.radius;
    if (dx * dx + dy * dy > 1) continue;
    const paint = paintAt(figure, dx * figure.cos + dy * figure.sin, dy * figure.cos - dx * figure.sin);
    if (paint === 1) return figure.color;
    if (paint === 2) return figure.second;
  }
  return null;
}

/** Sides of a triangle and of a star's five points, as directions of their normals. */
const DIRECTIONS_3 = directions(3);
const DIRECTIONS_5 = directions(5);

function directions(n: number): readonly (readonly [number, number])[] {
  const turn = 6.283185307179586 / n;
  return Array.from({ length: n }, (_, i) => [cos(i * turn), sin(i * turn)] as const);
}

/** 0: nothing here; 1: color; 2: second color. (u, v) in the figure's own axes, within the unit disc. */
function paintAt(figure: Figure, u: number, v: number): 0 | 1 | 2 {
  const r2 = u * u + v * v;
  const au = Math.abs(u);
  const av = Math.abs(v);
  switch (figure.shape) {
    case 'line':
      return av < figure.period ? 1 : 0;
    case 'disc':
      return r2 < 0.72 ? 1 : 0;
    case 'ring':
      return r2 > 0.36 && r2 < 0.95 ? 1 : 0;
    case 'square':
      return au < 0.7 && av < 0.7 ? 1 : 0;
    case 'cross':
      return (au < 0.26 && av < 0.93) || (av < 0.26 && au < 0.93) ? 1 : 0;
    case 'triangle':
      return DIRECTIONS_3.every(([c, s]) => u * c + v * s < 0.5) ? 1 : 0;
    case 'star': {
      // A pentagram: inside at least four of its five half-planes.
      let outside = 0;
      for (const [c, s] of DIRECTIONS_5) if (u * c + v * s > 0.36) outside++;
      return outside <= 1 ? 1 : 0;
    }
    default:
      return textureAt(figure, u, v, r2, Math.max(au, av));
  }
}

function textureAt(figure: Figure, u: number, v: number, r2: number, side: number): 0 | 1 | 2 {
  if (figure.outline === 'disc' ? r2 > 0.9 : side > 0.7) return 0;
  const a = u / figure.period + figure.phase;
  const b = v / figure.period + figure.phase;
  const fa = a - Math.floor(a);
  const fb = b - Math.floor(b);
  switch (figure.shape) {
    case 'stripes':
      return fa < 0.5 ? 1 : 2;
    case 'checks':
      return fa < 0.5 === fb < 0.5 ? 1 : 2;
    case 'dots':
      return (fa - 0.5) * (fa - 0.5) + (fb - 0.5) * (fb - 0.5) < 0.11 ? 1 : 2;
    default: {
      const r = Math.sqrt(r2) / figure.period + figure.phase;
      return r - Math.floor(r) < 0.5 ? 1 : 2;
    }
  }
}
