import { cos, sin } from '../../math.ts';
import type { Random } from '../../random.ts';

/**
 * The classes of the images that the package draws itself. They differ in shape or texture and never in color, size,
 * place or background, which are random and tell nothing about the class.
 */
export const DRAWN_CLASSES = [
  'disc',
  'ring',
  'triangle',
  'square',
  'cross',
  'star',
  'stripes',
  'checks',
  'dots',
  'rings',
] as const;

export type DrawnClass = (typeof DRAWN_CLASSES)[number];

/** 0 … 255 each, not rounded. */
export type Color = readonly [number, number, number];

/** One figure, in a square picture of side 1 with y downwards. */
export interface Figure {
  shape: DrawnClass | 'line';
  x: number;
  y: number;
  /** Radius of the circle around it. */
  radius: number;
  cos: number;
  sin: number;
  /** Texture: how many periods across the figure, and where they start. Line: its half-width over its radius. */
  period: number;
  phase: number;
  /** Of textures: the outline they fill. */
  outline: 'disc' | 'square';
  color: Color;
  /** The other color of a texture. */
  second: Color;
}

/** What is in a picture, before there are pixels. Later figures cover earlier ones. */
export interface Scene {
  /** Background: from `color` to `color + slope` along a direction, plus smooth random blotches. */
  color: Color;
  slope: Color;
  cos: number;
  sin: number;
  /** [cells + 1]² values of the blotches, in gray levels, and how many cells a side. */
  blotches: Float64Array;
  cells: number;
  figures: Figure[];
  /** Standard deviation of the noise of each pixel, in gray levels. */
  noise: number;
}

const TWO_PI = 6.283185307179586;
/** Least difference of luma between the two colors of a texture, or of clutter and what lies behind it. */
const CONTRAST = 70;
/** How much lighter than the background a figure is at least. */
const LIGHTER = 50;
/** Backgrounds are this much darker than figures may be, to leave room for lighter ones. */
const DARK = 0.6;
/** How far the channels of a color lie from its gray. */
const TINT = 30;

/** Invents a picture of a class. Everything but shape and texture is drawn alike for all classes. */
export function drawScene(shape: DrawnClass, random: Random): Scene {
  const [red, green, blue] = randomColor(random);
  const color: Color = [red * DARK, green * DARK, blue * DARK];
  const angle = TWO_PI * random.uniform();
  const cells = 2 + random.integer(5);
  const strength = random.between(2, 14);
  const scene: Scene = {
    color,
    slope: [random.between(-40, 40), random.between(-40, 40), random.between(-40, 40)],
    cos: cos(angle),
    sin: sin(angle),
    blotches: Float64Array.from({ length: (cells + 1) ** 2 }, () => random.between(-strength, strength)),
    cells,
    figures: [],
    noise: random.between(2, 8),
  };
  // Clutter lies behind, small, and is the same for all classes.
  for (let i = random.integer(3); i > 0; i--) {
    scene.figures.push(figure('line', random.between(0.1, 0.4), color, random));
  }
  // One large figure, so that most crops hold much of it, and perhaps a smaller one. Always lighter than the
  // background: which of the two is lighter says nothing of the class, and an encoder would have to learn to ignore it.
  const ink = lighterThan(color, random);
  const second = contrasting(ink, random);
  if (random.uniform() < 0.5)
    scene.figures.push(figure(shape, random.between(0.13, 0.22), color, random, ink, second));
  scene.figures.push(figure(shape, random.between(0.4, 0.55), color, random, ink, second));
  return scene;
}

function figure(
  shape: Figure['shape'],
  radius: number,
  behind: Color,
  random: Random,
  ink: Color = contrasting(behind, random),
  second: Color = ink,
): Figure {
  const angle = TWO_PI * random.uniform();
  // A large figure stays near the middle, a small one may lie anywhere.
  const margin = Math.min(0.5, radius * 0.8);
  return {
    shape,
    x: random.between(margin, 1 - margin),
    y: random.between(margin, 1 - margin),
    radius,
    cos: cos(angle),
    sin: sin(angle),
    // Periods are bound to the size of the picture, so that small figures have the same texture as large ones.
    period: shape === 'line' ? random.between(0.04, 0.15) : random.between(0.15, 0.22) / radius,
    phase: random.uniform(),
    outline: random.uniform() < 0.5 ? 'disc' : 'square',
    color: ink,
    second,
  };
}

function randomColor(random: Random): Color {
  const gray = random.between(30, 225);
  return [
    gray + random.between(-TINT, TINT),
    gray + random.between(-TINT, TINT),
    gray + random.between(-TINT, TINT),
  ];
}

function lighterThan(other: Color, random: Random): Color {
  const [red, green, blue] = randomColor(random);
  const missing = Math.max(0, luma(other) + LIGHTER - luma([red, green, blue]));
  return [red + missing, green + missing, blue + missing];
}

function luma([red, green, blue]: Color): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

/** A random color that can be told from another one without color vision; about every second draw is. */
function contrasting(other: Color, random: Random): Color {
  let best = randomColor(random);
  for (let i = 0; i < 16; i++) {
    const difference = Math.abs(luma(best) - luma(other));
    if (difference >= CONTRAST) return best;
    const candidate = randomColor(random);
    if (Math.abs(luma(candidate) - luma(other)) > difference) best = candidate;
  }
  return best;
}
